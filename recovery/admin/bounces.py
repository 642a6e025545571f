"""What came back, one row for each failure and complaint: its class, and the rule and evidence that it rests on."""

from collections.abc import Iterable
from typing import Any, Final

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from recovery.addresses import normalise
from recovery.admin import moments
from recovery.admin.columns import Columns, worded
from recovery.admin.readonly import AccountFilter, ReadOnlyAdmin
from recovery.admin.viewers import Viewer
from recovery.models import Bounce
from recovery.reasons import BounceClass

_MOOD: Final = {BounceClass.HARD: "bad", BounceClass.COMPLAINT: "bad"}


class BounceColumns(Columns):
    """What a row shows of a bounce; every address in it is masked for those who may not see them."""

    @admin.display(description=_("when"))
    def occurred_at(self, row: Bounce) -> Any:
        return moments.shown(row.occurred_at)

    @admin.display(description=_("class"))
    def bounce_class(self, row: Bounce) -> Any:
        return worded(
            _MOOD.get(BounceClass(row.bounce_class), "open"), row.bounce_class, row.get_bounce_class_display()
        )

    @admin.display(description=_("recipient"))
    def recipient(self, row: Bounce) -> str:
        return self.viewer.address(row.recipient_key) or "–"

    @admin.display(description=_("rule"))
    def rule(self, row: Bounce) -> str:
        return row.rule

    @admin.display(description=_("evidence"))
    def evidence(self, row: Bounce) -> str:
        return self.viewer.text(row.evidence) or "–"

    @admin.display(description=_("account"))
    def account(self, row: Bounce) -> Any:
        return self.person(row.user_key)

    @admin.display(description=_("email"))
    def email_link(self, row: Bounce) -> Any:
        """A dash for what is about no mail of ours."""
        return self.page("email", row.email_id, str(row.email_id)) if row.email_id else "–"


class BounceAdmin(ReadOnlyAdmin):
    """List and page of bounces, newest first."""

    columns = BounceColumns
    listed = ("occurred_at", "bounce_class", "recipient", "rule", "evidence")
    further = ("email_link", "account")
    as_stored = ("status", "esp", "recorded_at")
    list_filter = ("bounce_class", AccountFilter)
    ordering = ("-id",)
    search_help_text = _("The whole address.")

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        rows = Bounce.objects.filter(recipient_key=normalise(term)[:254])
        return rows.order_by("-occurred_at").values_list("pk", flat=True)[:100]
