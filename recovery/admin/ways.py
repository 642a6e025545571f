"""Buttons that lead from a row of ours, or from an account's own page, to the person's whole story and back."""

from collections.abc import Iterable
from typing import Any, Final

from django.utils.translation import gettext as _

from recovery.admin.viewers import Viewer

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
