"""Columns of a page of our rows, for one viewer: the rows themselves do not know who looks at them."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import TextChoices
from django.utils.html import format_html
from django.utils.safestring import SafeString

from recovery.admin.viewers import Viewer


def worded(mood: str, word: Any, meaning: Any) -> SafeString:
    """A state's word in the colour of its mood (good, open or bad), and what it means."""
    return format_html(
        '<span class="recovery-word recovery-{}">{}</span> <span class="quiet">{}</span>', mood, word, meaning
    )


def meaning(words: type[TextChoices], word: str) -> str:
    """What a row's word means, itself where nobody knows. As ``get_FOO_display``, which translates all words of its
    field for each row: a third of the time of a list."""
    try:
        return str(words(word).label)
    except ValueError:
        return word


class Columns:
    """What a row shows this viewer. A method is a column; its bound form is what Django's admin calls."""

    def __init__(self, viewer: Viewer, site_name: str) -> None:
        self.viewer = viewer
        self.site_name = site_name

    def named(self, names: Iterable[str]) -> list[Callable[[Any], Any]]:
        return [getattr(self, name) for name in names]

    def person(self, key: str) -> Any:
        """Name of an account, linked where the viewer may open it; a dash for nobody."""
        return self.viewer.link_to(key, self.site_name) if key else "–"

    def page(self, model_name: str, pk: Any, text: str) -> Any:
        """A link to another page of ours, or the bare text where the viewer may not open that."""
        return self.viewer.link_to_page(model_name, pk, text, self.site_name)
