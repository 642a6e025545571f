"""The page of one person: what the account is, everything that happened over all requests, and the rows behind it."""

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from recovery import timelines
from recovery.accounts import Address
from recovery.admin import moments, person_rows, ways
from recovery.admin.acts import page, url_of
from recovery.admin.columns import worded
from recovery.admin.person_files import PersonFileMixin
from recovery.admin.person_rows import MOST, PersonRows
from recovery.admin.readonly import AccountFilter, refuse_nul
from recovery.admin.steps import rows_of
from recovery.admin.viewers import Viewer
from recovery.models import Email, Lockout, ResetRequest, SupportCase, Suppression

WITHOUT: Final = {"account"}
"""Columns that would say on each row whose page it is."""
NOTHING: Final = {
    ResetRequest: gettext_lazy("Nobody asked for recovery of this account."),
    Email: gettext_lazy("No mail was queued."),
    Suppression: gettext_lazy("No address of this account is kept from mail here."),
}


class PersonMixin(PersonFileMixin):
    """For the admin of requests: one page for each account, over all its requests."""

    def get_urls(self) -> list[URLPattern]:
        show = self.admin_site.admin_view(require_safe(self.person_view))
        page = path("person/<path:key>/", show, name="recovery_resetrequest_person")
        return [*self.file_urls(), page, *super().get_urls()]

    def person_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Nobody out of the viewer's scope, and no account that never was: both are not found."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        refuse_nul(request)
        key, viewer = unquote(key), Viewer.of(request)
        if "\0" in key or not viewer.reaches([key]):
            raise Http404
        rows = person_rows.of_person(key, viewer, self.admin_site)
        if rows.is_nobody:
            raise Http404
        return page(
            self,
            request,
            "person.html",
            title=viewer.name(rows.user) if rows.user else key,
            recovery_tools=[*self.diagnosis_tools(rows, viewer), *self.file_tools(key, viewer)],
            facts=[*self._facts(rows, viewer)],
            timeline=self._timeline(rows, viewer),
            is_of_many=True,
            sections=[self._section(model, found, key, viewer) for model, found in _kinds(rows).items()],
        )

    def diagnosis_tools(self, rows: PersonRows, viewer: Viewer) -> list[dict[str, Any]]:
        """The way to why they do not get in; of an account that is gone there is nothing to explain."""
        return ways.to_diagnosis("person", quote(rows.key), viewer, self.admin_site.name) if rows.user else []

    def _facts(self, rows: PersonRows, viewer: Viewer) -> Iterable[tuple[str, Any]]:
        if rows.user is None:
            yield _("Account"), worded("bad", _("gone"), _("there is no such account any more"))
            return
        yield _("Account"), viewer.link_to(rows.key, self.admin_site.name)
        is_active = (_("active"), "good") if rows.user.is_active else (_("inactive"), "bad")
        yield _("State"), worded(is_active[1], is_active[0], "" if rows.user.is_active else _("gets no mail"))
        yield _("Addresses"), ", ".join(_address(each, viewer) for each in rows.addresses) or "–"
        yield _("Last signed in"), moments.shown(rows.user.last_login)
        if any(lockout.stands for lockout in rows.others.get(Lockout, [])):
            yield _("Sign-in"), worded("bad", _("locked"), "")
        if any(case.closed_at is None for case in rows.others.get(SupportCase, [])):
            yield _("Support case"), worded("open", _("open"), "")

    def _timeline(self, rows: PersonRows, viewer: Viewer) -> list[dict[str, Any]]:
        lockouts = rows.others.get(Lockout, [])
        steps = timelines.of_person(rows.requests, notices=rows.emails, lockouts=lockouts, trail=rows.trail)
        return rows_of(steps, viewer, self.admin_site.name)

    def _section(self, model: type[Model], found: list[Any], key: str, viewer: Viewer) -> dict[str, Any]:
        """A table with the columns of that model's own list, and the way there."""
        pages: Any = self.admin_site.get_model_admin(model)
        columns = pages.columns(viewer, self.admin_site.name)
        shown = columns.named(name for name in pages.listed if name not in WITHOUT)
        url = url_of(pages, "changelist") if AccountFilter in pages.list_filter else ""
        return {
            "name": model._meta.model_name,
            "title": capfirst(str(model._meta.verbose_name_plural)),
            "heads": [capfirst(str(column.short_description)) for column in shown],
            "rows": [_row(pages, row, shown) for row in found],
            "nothing": NOTHING.get(model, _("None.")),
            "url": f"{url}?{AccountFilter.parameter_name}={quote(key)}" if url else "",
            "is_cut_off": len(found) >= MOST,
        }


def _kinds(rows: PersonRows) -> dict[type[Model], list[Any]]:
    """What the page shows as tables: requests and mail always, the rest where there is any."""
    others = {model: found for model, found in rows.others.items() if found}
    return {ResetRequest: rows.requests, **({Email: rows.emails} if rows.emails else {}), **others}


def _row(pages: Any, row: Any, columns: Iterable[Any]) -> dict[str, Any]:
    return {"url": url_of(pages, "change", quote(row.pk)), "cells": [column(row) for column in columns]}


def _address(address: Address, viewer: Viewer) -> str:
    shown = viewer.address(address.text)
    return shown if address.verified else _("%(address)s (never verified)") % {"address": shown}
