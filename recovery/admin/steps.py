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
            "about": _about(step, viewer, site_name),
        }
        for number, step in enumerate(steps)
    ]


def _about(step: Step, viewer: Viewer, site_name: str) -> str:
    """The way to the request, where steps of several are told, or else to the mail."""
    if step.request:
        return viewer.link_to_page("resetrequest", step.request.pk, step.request.shown_reference, site_name)
    return viewer.link_to_page("email", step.email.pk, step.email.get_kind_display(), site_name) if step.email else ""
