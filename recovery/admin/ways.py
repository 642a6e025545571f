"""Buttons that lead from a row of ours, or from an account's own page, to the person's whole story and diagnosis."""

from collections.abc import Iterable
from typing import Any, Final

from django.utils.translation import gettext as _

from recovery.admin.viewers import Viewer

RIGHT: Final = "recovery.diagnose"

MOST: Final = 5
"""People to whom one row leads; a mail to more accounts than these names them in a column."""


def to_people(keys: Iterable[str], viewer: Viewer, site_name: str) -> list[dict[str, Any]]:
    """A button for each of these accounts, named where they are several; none for whoever may not open the page."""
    people = sorted(key for key in keys if key)[:MOST]
    tools = []
    for key in people:
        if url := viewer.story_url(key, site_name):
            user = viewer.person(key)
            name = (viewer.name(user) if user else key) if len(people) > 1 else ""
            tools.append(
                {"url": url, "label": _("Whole story: %(name)s") % {"name": name} if name else _("Whole story")}
            )
    return tools


def to_diagnosis(page: str, key: Any, viewer: Viewer, site_name: str) -> list[dict[str, Any]]:
    """A button to why this ``person``, ``request`` or ``email`` is where it is; none without the right to look up."""
    url = viewer.url(f"diagnosis_{page}", [key], site_name) if viewer.user.has_perm(RIGHT) else ""
    return [{"url": url, "label": _("Diagnose")}] if url else []
