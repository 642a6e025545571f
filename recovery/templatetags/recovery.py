"""Filters that the shipped templates need, and that a site's templates may use: ``{% load recovery %}``.

Only the shape of text and of widgets lives here; what a page or mail knows is decided in views and rendering. One tag
is for the site's own pages: whether mail to the main address of whoever is signed in fails.
"""

import unicodedata
from typing import Any

from django import template
from django.forms import BoundField
from django.template.defaultfilters import stringfilter
from django.utils.safestring import SafeString

from recovery import resets

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


@register.simple_tag(takes_context=True)
def unreachable_address(context: Any) -> str | None:
    """``{% unreachable_address as address %}``: the main address of the signed-in person, where mail to it failed last
    time, for a banner of the site; None otherwise, and for whoever is not signed in. One or two statements."""
    user = getattr(context.get("request"), "user", None) or context.get("user")
    return resets.unreachable(user) if user is not None and user.is_authenticated else None


@register.filter
def described_by(field: BoundField, ids: str) -> SafeString:
    """The field's widget, tied to the elements with these ids and, when there are any, to its own errors."""
    tied = [*ids.split(), *([f"{field.auto_id}_error"] if field.errors else [])]
    return field.as_widget(attrs={"aria-describedby": " ".join(tied)})
