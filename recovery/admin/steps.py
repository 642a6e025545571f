"""A timeline's steps as rows of a page: words, times and masked details."""

from collections.abc import Sequence
from typing import Any

from recovery.admin import moments
from recovery.admin.viewers import Viewer
from recovery.timelines import Step


def rows_of(steps: Sequence[Step], viewer: Viewer, site_name: str) -> list[dict[str, Any]]:
    """What ``recovery/timeline.html`` of the admin prints."""
    viewer.look_up(step.actor_key for step in steps)
    return [
        {
            "when": moments.shown(step.at),
            "since": moments.span(step.seconds) if number else "",
            "word": step.what.replace("_", " "),
            "label": step.label if step.label.lower() != step.what.replace("_", " ") else "",
            "by": step.by,
            "said_by": step.by.label,
            "actor": viewer.link_to(step.actor_key, site_name) if step.actor_key else "",
            "detail": viewer.text(step.detail),
        }
        for number, step in enumerate(steps)
    ]
