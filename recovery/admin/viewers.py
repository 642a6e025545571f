"""The viewer of an admin page: what they may see (``recovery.viewers``), with links to what they may open."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recovery import viewers


class Viewer(viewers.Viewer):
    """The signed-in member of staff of one HTTP request, with the people looked up for this page."""

    @classmethod
    def of(cls, request: HttpRequest) -> "Viewer":
        """The request's viewer, always the same object, so that a page looks each person up once."""
        return cast(Viewer, request.__dict__.setdefault("recovery_viewer", cls(request.user)))

    def links_to(self, keys: Iterable[str], site_name: str) -> str | SafeString:
        """The names of several people, a dash for nobody."""
        people = sorted(keys)
        return format_html_join(", ", "{}", ((self.link_to(key, site_name),) for key in people)) if people else "–"

    def link_to(self, key: str, site_name: str) -> str | SafeString:
        """The person's name, linked to the account's own admin page where the viewer may open that."""
        user = self.person(key)
        if user is None:
            return key
        meta = user._meta
        if not self.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
            return self.name(user)
        try:
            url = reverse(
                f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(user.pk)], current_app=site_name
            )
        except NoReverseMatch:  # the site has no admin page for its users
            return self.name(user)
        return format_html('<a href="{}">{}</a>', url, self.name(user))

    def link_to_page(self, model_name: str, pk: Any, text: str, site_name: str) -> str | SafeString:
        """A link to a row's page of ours, or the bare text where the viewer may not open that."""
        if not self.may_view(model_name):
            return text
        return self._linked(f"{model_name}_change", [quote(pk)], text, site_name)

    def story_url(self, key: str, site_name: str) -> str:
        """Where the page of this person's whole story is; "" for nobody, and where the viewer may not open it."""
        if not (key and self.may_view("resetrequest")):
            return ""
        return self.url("resetrequest_person", [quote(key)], site_name)

    def url(self, page: str, keys: list[Any], site_name: str) -> str:
        """Where a page of ours is; "" where this admin site has none, since it may show only some of our models."""
        try:
            return reverse(f"admin:recovery_{page}", args=keys, current_app=site_name)
        except NoReverseMatch:
            return ""

    def _linked(self, page: str, keys: list[Any], text: str, site_name: str) -> str | SafeString:
        url = self.url(page, keys, site_name)
        return format_html('<a href="{}">{}</a>', url, text) if url else text

    def link_to_list(self, model_name: str, text: str, site_name: str) -> str | SafeString:
        """A link to the list of our rows of a kind, or the bare text where the viewer may not open that."""
        return self._linked(f"{model_name}_changelist", [], text, site_name) if self.may_view(model_name) else text
