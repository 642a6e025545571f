"""The button for what mends a cause: the page of an act that stands elsewhere, which leads back to the diagnosis.

Each act asks for its own right, says what follows and asks for a reason; here is only the way there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.text import capfirst

from recovery import outbox
from recovery.admin.acts import NEXT
from recovery.admin.viewers import Viewer
from recovery.diagnosis import Finding, Subject
from recovery.models import Email
from recovery.reasons import EmailVerb, Fix

OF_PERSON: Final[Mapping[Fix, tuple[str, str]]] = {
    Fix.SEND_NEW_LINK: ("send_reset_link", "recovery.send_reset"),
    Fix.ACTIVATE: ("send_activation_link", "recovery.activate"),
    Fix.REACTIVATE_ACCOUNT: ("activate_account", "recovery.activate"),
    Fix.CORRECT_ADDRESS: ("correct_address", "recovery.correct_address"),
    Fix.UNLOCK: ("unlock", "recovery.unlock"),
    Fix.OPEN_CASE: ("open_case", "recovery.work_cases"),
}
"""Pages of the account's own admin (``UserRecoveryMixin``), and the right that each asks for."""

OF_ROW: Final[Mapping[tuple[Fix, str], tuple[str, str]]] = {
    (Fix.UNLOCK, "lockout"): ("lift", "recovery.unlock"),
    (Fix.LIFT_SUPPRESSION, "suppression"): ("lift", "recovery.lift_suppression"),
    (Fix.LIFT_AT_PROVIDER, "suppression"): ("lift", "recovery.lift_suppression"),
    (Fix.LIFT_AT_PROVIDER, "email"): ("at_provider", "recovery.lift_suppression"),
    (Fix.DECIDE_CORRECTION, "addresscorrection"): ("change", "recovery.approve_correction"),
    (Fix.RETRY_MAIL, "email"): ("steer", "recovery.steer_email"),
    (Fix.CANCEL_MAIL, "email"): ("steer", "recovery.steer_email"),
    (Fix.SWITCH_ROUTE, "routestate"): ("switch", "recovery.switch_route"),
    (Fix.CLOSE_CASE, "supportcase"): ("work", "recovery.work_cases"),
}
"""Pages of a row of ours, by the model that the fix names."""

BY_STAFF: Final = frozenset({*OF_PERSON, Fix.RAISE_LEVEL, *(fix for fix, _model in OF_ROW)})
"""What a member of staff can do here, by right. All else is for the person, for time or for operators."""


@dataclass(frozen=True, slots=True)
class Button:
    """``url`` is "" where this viewer may not, or where this admin site has no such page."""

    fix: Fix
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Mending:
    """The buttons of one answer, for its viewer; ``back`` is where the answer stands, to which each act leads back."""

    viewer: Viewer
    site_name: str
    back: str

    def button(self, finding: Finding, subject: Subject) -> Button | None:
        """For what mends this cause; None where nobody has a button for it."""
        if finding.fix not in BY_STAFF:
            return None
        label, pk = finding.fix_target or ("", "")
        app, _dot, model = label.partition(".")
        url = ""
        if finding.fix == Fix.RAISE_LEVEL:
            url = self._of_ours("levelswitch", "change_level", "recovery.change_level", [])
        elif app == "recovery" and (finding.fix, model) in OF_ROW:
            url = self._of_ours(model, *OF_ROW[finding.fix, model], _keys(finding.fix, model, pk))
        elif finding.fix in OF_PERSON:
            key = pk if label == get_user_model()._meta.label_lower else subject.user_key
            url = self._of_person(finding.fix, key)
        return self._made(finding.fix, url)

    def further(self, subject: Subject, *, but: Fix) -> list[Button]:
        """What can be done for a person besides, whatever the cause is."""
        fixes = [fix for fix in (Fix.SEND_NEW_LINK, Fix.OPEN_CASE) if fix != but]
        found = [(fix, self._of_person(fix, subject.user_key)) for fix in fixes]
        return [self._made(fix, url) for fix, url in found if url]

    def _made(self, fix: Fix, url: str) -> Button:
        return Button(fix, capfirst(str(fix.label)), f"{url}?{urlencode({NEXT: self.back})}" if url else "")

    def _of_person(self, fix: Fix, key: str) -> str:
        """Where the act on this account is; "" where the viewer may not, or the site's user admin has no such page."""
        page, right = OF_PERSON[fix]
        user = self.viewer.person(key) if key else None
        if user is None:
            return ""
        app, model, may = user._meta.app_label, user._meta.model_name, self.viewer.user.has_perm
        if not (may(right) and any(may(f"{app}.{verb}_{model}") for verb in ("view", "change"))):
            return ""
        try:
            return reverse(f"admin:{app}_{model}_{page}", args=[quote(user.pk)], current_app=self.site_name)
        except NoReverseMatch:  # the site's user pages are without ``UserRecoveryMixin``, or not on this admin site
            return ""

    def _of_ours(self, model: str, page: str, right: str, keys: list[Any]) -> str:
        if not (self.viewer.may_view(model) and self.viewer.user.has_perm(right)):
            return ""
        return self.viewer.url(f"{model}_{page}", keys, self.site_name)


def _keys(fix: Fix, model: str, pk: str) -> list[Any]:
    if model == "email" and fix in (Fix.RETRY_MAIL, Fix.CANCEL_MAIL):
        return [pk, EmailVerb.STOP if fix == Fix.CANCEL_MAIL else _way_back_into_the_queue(pk)]
    if model == "supportcase":
        return [pk, "close"]
    return [quote(pk) if model == "routestate" else pk]


def _way_back_into_the_queue(pk: str) -> EmailVerb:
    """Mail that staff set aside or a level held back is released, all else is retried."""
    email = Email.objects.filter(pk=pk).first()
    return EmailVerb.RELEASE if email and EmailVerb.RELEASE in outbox.verbs_for(email) else EmailVerb.RETRY
