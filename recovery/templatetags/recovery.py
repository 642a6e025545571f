"""Filters that the shipped templates need, and that overriding templates may use: ``{% load recovery %}``.

Only the shape of text and of widgets lives here; what a page or mail knows is decided in views and rendering.
"""

import unicodedata

from django import template
from django.forms import BoundField
from django.template.defaultfilters import stringfilter
from django.utils.safestring import SafeString

register = template.Library()

# Line and paragraph separators, control and format characters: they end a header or a line, or turn text round.
_NOT_FOR_ONE_LINE = frozenset({"Cc", "Cf", "Zl", "Zp"})


@register.filter(is_safe=True)
@stringfilter
def one_line(text: str) -> str:
    """The text on one line: white space runs become one space, and no control or direction mark is left.

    Subjects and every value in a mail that somebody else chose (site name, user name, browser) go through it, so that
    none of them can end a header or forge a line of the mail.
    """
    visible = "".join(" " if unicodedata.category(letter) in _NOT_FOR_ONE_LINE else letter for letter in text)
    return " ".join(visible.split())


@register.filter
def described_by(field: BoundField, ids: str) -> SafeString:
    """The field's widget, tied to the elements with these ids and, when there are any, to its own errors."""
    tied = [*ids.split(), *([f"{field.auto_id}_error"] if field.errors else [])]
    return field.as_widget(attrs={"aria-describedby": " ".join(tied)})
