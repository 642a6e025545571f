"""What a page wears: our template, or the one that a site named where it put the page into its URLs.

The pages are shown by this ``render`` in place of Django's; which options a site has, ``auth_views`` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django import shortcuts
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

DEAD_LINK: Final = "dead_link.html"


@dataclass(frozen=True, slots=True)
class Dress:
    """A site's own for one page, by the names that Django's views have for it."""

    template_name: str | None = None
    title: Any = None
    extra_context: Mapping[str, Any] = field(default_factory=dict)


def wear(request: HttpRequest, dress: Dress) -> None:
    """Show whatever page answers this HTTP request in ``dress``."""
    request.recovery_dress = dress  # type: ignore[attr-defined]


def render(request: HttpRequest, template_name: str | Sequence[str], context: Mapping[str, Any]) -> HttpResponse:
    """As Django's. A template of the site's finds ``title`` and ``validlink`` too, and ``form`` also where there is
    none, as it would behind a view of Django's."""
    dress: Dress | None = getattr(request, "recovery_dress", None)
    if dress is None:
        return shortcuts.render(request, template_name, context)
    last = template_name if isinstance(template_name, str) else template_name[-1]
    is_dead = last.endswith(DEAD_LINK)
    own = {
        "title": _("Password reset unsuccessful") if is_dead else dress.title,
        "validlink": not is_dead,
        "form": None,
    }
    return shortcuts.render(request, dress.template_name or template_name, {**own, **context, **dress.extra_context})
