"""Backup addresses, for staff: that there is one, and whether it could be used. Not which one."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from recovery.admin import moments
from recovery.admin.columns import Columns
from recovery.admin.readonly import MOST_FOUND, AccountFilter, ReadOnlyAdmin
from recovery.admin.viewers import Viewer
from recovery.models import BackupAddress
from recovery.reasons import BackupState


class BackupAddressColumns(Columns):
    """What a row shows: never the address itself, masked or not."""

    @admin.display(description=_("account"))
    def account(self, row: BackupAddress) -> Any:
        return self.person(row.user_key)

    @admin.display(description=_("state"))
    def state(self, row: BackupAddress) -> SafeString:
        state = BackupState(row.state)
        mood = "good" if state == BackupState.USABLE else "open"
        return format_html(
            '<span class="recovery-word recovery-{}">{}</span> <span class="quiet">{}</span>', mood, state, state.label
        )

    @admin.display(description=_("added"), ordering="added_at")
    def added_at(self, row: BackupAddress) -> Any:
        return moments.shown(row.added_at)

    @admin.display(description=_("usable from"))
    def usable_from(self, row: BackupAddress) -> Any:
        return moments.shown(row.usable_from)


class BackupAddressAdmin(ReadOnlyAdmin):
    """List and page of backup addresses."""

    columns = BackupAddressColumns
    listed = ("added_at", "account", "state", "usable_from")
    list_filter = (AccountFilter,)
    ordering = ("-added_at", "id")
    search_help_text = _("Account key.")

    def found(self, term: str, viewer: Viewer) -> Any:
        return BackupAddress.objects.filter(user_key=term).values_list("pk", flat=True)[:MOST_FOUND]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("recovery.view_backupaddress"))
