"""What came back: the class of each failure and complaint, the rule and the evidence behind it, what it stopped."""

from collections.abc import Iterable
from itertools import chain
from typing import Any, Final

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from recovery.addresses import normalise
from recovery.admin import moments
from recovery.admin.columns import Columns, worded
from recovery.admin.exports import ExportMixin
from recovery.admin.readonly import MOST_FOUND, AccountFilter
from recovery.admin.viewers import Viewer
from recovery.models import Bounce, Suppression
from recovery.reasons import BounceClass

_MOOD: Final = {BounceClass.HARD: "bad", BounceClass.COMPLAINT: "bad"}


def in_words(row: Bounce) -> SafeString:
    """The class's word and its meaning."""
    word = BounceClass(row.bounce_class)
    return worded(_MOOD.get(word, "open"), row.bounce_class, word.label)


class BounceColumns(Columns):
    """What a row shows of a failure; what the other side said has its addresses masked."""

    @admin.display(description=_("when"))
    def occurred_at(self, row: Bounce) -> Any:
        return moments.shown(row.occurred_at)

    @admin.display(description=_("state"))
    def state(self, row: Bounce) -> SafeString:
        return in_words(row)

    @admin.display(description=_("recipient"))
    def recipient(self, row: Bounce) -> str:
        return self.viewer.address(row.recipient_key)

    @admin.display(description=_("account"))
    def account(self, row: Bounce) -> Any:
        return self.viewer.links_to(whose(row), self.site_name)

    @admin.display(description=_("email"))
    def email_link(self, row: Bounce) -> Any:
        return self.page("email", row.email.pk, row.email.get_kind_display()) if row.email else "–"

    @admin.display(description=_("rule"))
    def rule(self, row: Bounce) -> str:
        return row.rule

    @admin.display(description=_("evidence"))
    def evidence(self, row: Bounce) -> str:
        return self.viewer.text(row.evidence) or "–"

    @admin.display(description=_("suppressed address"))
    def stopped(self, row: Bounce) -> Any:
        follows = Suppression.objects.filter(bounce_key=row.pk).first()
        return self.page("suppression", follows.pk, follows.get_reason_display()) if follows else "–"


class BounceAdmin(ExportMixin):
    """List and page of bounces."""

    columns = BounceColumns
    listed = ("occurred_at", "state", "recipient", "account", "rule", "evidence")
    further = ("email_link", "stopped")
    as_stored = ("status", "stream", "esp", "recorded_at")
    list_filter = ("bounce_class", AccountFilter)
    list_select_related = ("email",)
    ordering = ("-id",)  # by when it was recorded, of which its key begins
    search_help_text = _("The whole address, or account key.")

    def accounts_of(self, row: Bounce) -> Iterable[str]:
        return whose(row)

    def is_reached(self, row: Bounce, viewer: Viewer) -> bool:
        """By its mail, where that is known, and by the account that it names; else by the address."""
        if row.email is not None:
            return super().is_reached(row, viewer) and viewer.reaches_mail(row.email)
        return viewer.reaches([row.user_key]) if row.user_key else viewer.reaches_address(row.recipient_key)

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        ways = [Bounce.objects.filter(recipient_key=normalise(term)[:254]), Bounce.objects.filter(user_key=term)]
        return chain(*(way.order_by("-occurred_at").values_list("pk", flat=True)[:MOST_FOUND] for way in ways))


def whose(row: Bounce) -> set[str]:
    """The accounts of its mail, which may be several."""
    return {row.user_key, *(row.email.account_keys if row.email else ())} - {""}
