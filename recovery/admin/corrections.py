"""Corrections of addresses that staff proposed: who wants which address and why; and a second pair of eyes on them."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from recovery import accounts, resets
from recovery.admin import moments
from recovery.admin.acts import asking, lead_back, onward, url_of
from recovery.admin.columns import Columns, worded
from recovery.admin.readonly import MOST_FOUND, AccountFilter, ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.exceptions import NotAllowed
from recovery.models import AddressCorrection
from recovery.reasons import CorrectionState

RIGHT: Final = "recovery.approve_correction"
APPROVE, REFUSE = "approve", "refuse"
TITLES: Final = {APPROVE: _("Approve this correction?"), REFUSE: _("Refuse this correction?")}
BUTTONS: Final = {APPROVE: _("Approve"), REFUSE: _("Refuse")}
CONSEQUENCES: Final = {
    APPROVE: (
        _("Mail of this account goes to the new address from now on, and a fresh link goes there. Open links end."),
        _("Whoever reads the new address can take the account. Be sure that it is the person's: ask them, not the"
          " colleague who proposed it."),
        _("The old and the new address are told, and neither sees the other."),
    ),
    REFUSE: (_("The account keeps its address. Nobody is told by mail; the reason stands here for your colleagues."),),
}  # fmt: skip
DONE: Final = {
    APPROVE: _("The address is corrected, and a fresh link goes to it."),
    REFUSE: _("The correction is refused. The address stays."),
}
NOT_DONE: Final = _("Nothing was changed: this correction has ended, as this page says.")


class CorrectionColumns(Columns):
    """What a row shows of a correction."""

    @admin.display(description=_("proposed"))
    def proposed_at(self, row: AddressCorrection) -> Any:
        return moments.shown(row.proposed_at)

    @admin.display(description=_("state"))
    def state(self, row: AddressCorrection) -> Any:
        moods = {CorrectionState.PENDING: "open", CorrectionState.DONE: "good"}
        return worded(moods.get(CorrectionState(row.state), "bad"), row.state, row.get_state_display())

    @admin.display(description=_("account"))
    def account(self, row: AddressCorrection) -> Any:
        return self.person(row.user_key)

    @admin.display(description=_("address so far"))
    def old(self, row: AddressCorrection) -> str:
        return self.viewer.address(row.old_address) or "–"

    @admin.display(description=_("right address"))
    def new(self, row: AddressCorrection) -> str:
        return self.viewer.address(row.new_address) or "–"

    @admin.display(description=_("proposed by"))
    def proposer(self, row: AddressCorrection) -> Any:
        return self.person(row.proposer_key)

    @admin.display(description=_("reason given"))
    def reason(self, row: AddressCorrection) -> str:
        return self.viewer.text(row.reason) or "–"

    @admin.display(description=_("takes effect"))
    def effective_at(self, row: AddressCorrection) -> Any:
        return moments.shown(row.effective_at) if row.effective_at else gettext("when somebody else approves")

    @admin.display(description=_("ended"))
    def ended_at(self, row: AddressCorrection) -> Any:
        return moments.shown(row.ended_at)

    @admin.display(description=_("decided by"))
    def decider(self, row: AddressCorrection) -> Any:
        return self.person(row.decider_key)

    @admin.display(description=_("why it was decided so"))
    def decision(self, row: AddressCorrection) -> str:
        return self.viewer.text(row.decision) or "–"


class AddressCorrectionAdmin(ReadOnlyAdmin):
    """List and page of corrections; approving and refusing a pending one."""

    columns = CorrectionColumns
    listed = ("proposed_at", "state", "account", "old", "new", "proposer")
    further = ("reason", "effective_at", "ended_at", "decider", "decision")
    list_filter = ("state", AccountFilter)
    ordering = ("-pk",)
    search_help_text = _("Account key.")

    def staff_of(self, row: AddressCorrection) -> Iterable[str]:
        return [row.proposer_key, row.decider_key]

    def found(self, term: str, viewer: Viewer) -> Iterable[Any]:
        found = AddressCorrection.objects.filter(user_key=term[:200]).order_by("-pk")
        return found.values_list("pk", flat=True)[:MOST_FOUND]

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide_view)
        own = path("<uuid:key>/decide/<str:act>/", decide, name="recovery_addresscorrection_decide")
        return [own, *super().get_urls()]

    def acts_on(self, request: HttpRequest, row: AddressCorrection) -> list[str]:
        """What this member of staff may do about it: refuse their own, and approve only what is of others."""
        actor_key = accounts.key_of(actor_of(request))
        is_own = row.proposer_key == actor_key
        may_approve = request.user.has_perm(RIGHT)
        acts = [APPROVE] if may_approve and actor_key not in (row.proposer_key, row.user_key) else []
        return [*acts, REFUSE] if may_approve or is_own else acts

    def tools_of(self, request: HttpRequest, row: AddressCorrection) -> list[dict[str, Any]]:
        acts = self.acts_on(request, row) if row.state == CorrectionState.PENDING else []
        urls = {act: onward(request, url_of(self, "decide", row.pk, act)) for act in acts}
        return [{"url": url, "label": BUTTONS[act]} for act, url in urls.items()]

    def decide_view(self, request: HttpRequest, key: UUID, act: str) -> HttpResponse:
        """Asks for the reason, then decides. GET only asks."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, str(key))
        if row is None or act not in TITLES:
            raise Http404
        may_try = request.user.has_perm(RIGHT)  # who may not approve their own is told so, and it is on the trail
        if not may_try and act not in self.acts_on(request, row):
            raise PermissionDenied
        back = url_of(self, "change", row.pk)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            columns = self.columns_for(request)
            names = ("account", "old", "new", "proposer", "reason")
            shown = [getattr(columns, name) for name in names]
            facts = [(capfirst(str(column.short_description)), column(row)) for column in shown]
            return asking(
                self,
                request,
                form,
                "act.html",
                title=TITLES[act],
                back_url=back,
                facts=facts,
                consequences=CONSEQUENCES[act],
                submit=BUTTONS[act],
            )
        self._decide(request, row, act, form.cleaned_data["reason"])
        return lead_back(request, back)

    def _decide(self, request: HttpRequest, row: AddressCorrection, act: str, reason: str) -> None:
        decide = resets.approve_correction if act == APPROVE else resets.refuse_correction
        try:
            is_done = decide(row, actor=actor_of(request), reason=reason)
        except NotAllowed as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return
        if is_done:
            self.message_user(request, str(DONE[act]), messages.SUCCESS)
        else:
            self.message_user(request, str(NOT_DONE), messages.WARNING)
