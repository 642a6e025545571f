"""A timeline's steps as rows of a page: words, times and masked details."""

from collections.abc import Iterable
from typing import Any

from recovery.admin import moments
from recovery.admin.viewers import Viewer
from recovery.timelines import Step


def rows_of(steps: Iterable[Step], viewer: Viewer) -> list[dict[str, Any]]:
    """What ``recovery/timeline.html`` of the admin prints."""
    return [
        {
            "when": moments.shown(step.at),
            "since": moments.span(step.seconds) if number else "",
            "word": step.what.replace("_", " "),
            "label": step.label if step.label.lower() != step.what.replace("_", " ") else "",
            "by": step.by,
            "said_by": step.by.label,
            "detail": viewer.text(step.detail),
        }
        for number, step in enumerate(steps)
    ]
