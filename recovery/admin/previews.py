"""What a mail looks like, for staff who must not have what it brings: links and codes are dots.

Its HTML is a page of its own, shown in a frame: it needs inline styles, as mail does, and this admin needs none. Its
policy lets it load nothing, run nothing and be shown nowhere but here.
"""

import logging
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from recovery import rendering
from recovery.admin.acts import page, url_of
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.viewers import Viewer
from recovery.models import Email
from recovery.reasons import EmailKind
from recovery.rendering import Preview

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "sandbox",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
PLACES: Final = ("ip",)
"""Facts of a mail that are shown to whoever may see addresses alone."""

logger: Final = logging.getLogger(__name__)


class PreviewMixin(ReadOnlyAdmin):
    """For the admin of emails: a button that leads to the text of a mail, and to its HTML in a frame."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        page, html = wrap(require_safe(self.preview_view)), wrap(require_safe(self.preview_html_view))
        return [
            path("<uuid:key>/preview/", page, name="recovery_email_preview"),
            path("<uuid:key>/preview/html/", html, name="recovery_email_preview_html"),
            *super().get_urls(),
        ]

    def tools_of(self, request: HttpRequest, row: Email) -> list[dict[str, Any]]:
        tools = super().tools_of(request, row)
        if row.kind == EmailKind.SITE:  # its text was not kept
            return tools
        return [*tools, {"url": url_of(self, "preview", row.pk), "label": gettext("Preview")}]

    def preview_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """The text, and the frame."""
        email, viewer = self._previewed(request, key), Viewer.of(request)
        return page(
            self,
            request,
            "preview.html",
            title=gettext("What the mail looks like"),
            back_url=url_of(self, "change", email.pk),
            frame_url=url_of(self, "preview_html", email.pk),
            preview=_made(email, viewer),
            kind=email.get_kind_display(),
            recipient=viewer.address(email.recipient),
            language=email.language,
        )

    def preview_html_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """The HTML alone, as what stands in the frame."""
        made = _made(self._previewed(request, key), Viewer.of(request))
        if made is None:
            raise Http404
        answer = HttpResponse(made.html)
        answer["Content-Security-Policy"] = POLICY
        answer["X-Frame-Options"] = "SAMEORIGIN"
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Referrer-Policy"] = "same-origin"
        answer["Cache-Control"] = "no-store"
        return answer

    def _previewed(self, request: HttpRequest, key: UUID) -> Email:
        if not self.has_view_permission(request):
            raise PermissionDenied
        email = self.get_object(request, str(key))
        if not isinstance(email, Email) or email.kind == EmailKind.SITE:
            raise Http404
        return email


def _made(email: Email, viewer: Viewer) -> Preview | None:
    """The mail for this viewer; None where it cannot be rendered."""
    try:
        made = rendering.preview_of(email, without=() if viewer.sees_addresses else PLACES)
    except Exception:  # a template is the site's own, and may raise anything
        logger.warning("recovery cannot show what email %s looks like.", email.pk, exc_info=True)
        return None
    return Preview(*map(viewer.text, made))
