"""A person says over a notice that it was not them: the link is opened, the code typed, the password ended.

Whoever reads the mail of one address of an account can do that, and nothing more: the link for a new password goes to
the main address. So an objection is a denial at worst, and how often one can be made is bounded.
"""

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, audit, cases, limits, objections
from recovery.conf import of_django
from recovery.models import AuditEvent, CaseNote, Email
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action, CaseReason, CorrectionState, EmailKind, ObjectionEnd, Refusal, Verdict
from recovery.resets import correcting
from recovery.resets.rotating import force_rotation

DAY: Final = timedelta(days=1)
MOST_A_DAY: Final = 3  # passwords of one account that are ended so; then support decides
BACKUPS_TURN: Final = timedelta(days=7)  # in which a backup address alone ends one


@dataclass(frozen=True, slots=True)
class Objected:
    """What a notice's link leads to. ``refusal`` is None where its code may be typed, or was the right one; ``end``
    says what followed from that."""

    email: Email | None
    refusal: Refusal | None
    end: ObjectionEnd | None = None


@sensitive_variables("verifier")
def stand_objection(key: UUID, verifier: str) -> Objected:
    """Where a notice's link stands right now; reads only."""
    return _judged(objections.find(key, verifier))


def stops_a_change(email: Email) -> bool:
    """Whether the right code of this notice ends a change of the address that staff proposed, and no access."""
    return objections.stops_a_change(email)


@sensitive_variables("verifier")
def open_objection(key: UUID, verifier: str, *, verdict: str, origin: Origin) -> Objected:
    """Where a notice's link stands, and write down that it was opened and by whom probably; commits once.

    With the wrong secret nothing is written. Nothing follows, however often it is opened.
    """
    found = stand_objection(key, verifier)
    if found.email is not None:
        with atomic(Email):
            if objections.take_opening(found.email):
                _record(
                    Action.OBJECTION_OPENED,
                    found.email,
                    verdict=verdict,
                    browser=origin.browser,
                    refusal=found.refusal,
                    form_shown=found.refusal is None and verdict == Verdict.PERSON,
                )
    return found


@sensitive_variables("verifier")
def see_objection(key: UUID, verifier: str, *, origin: Origin) -> None:
    """Write down that something that is hardly a person's browser fetched the link itself; commits once."""
    open_objection(key, verifier, verdict=Verdict.PROBABLE_SCANNER, origin=origin)


@sensitive_variables("verifier", "code")
def raise_objection(key: UUID, verifier: str, code: str, *, origin: Origin) -> Objected:
    """Count a try at the notice's code, and if it is right, start the compromise playbook for its account, or end the
    change of its address that staff have only proposed.

    One commit, with the trail. Once only: of several notices of the same hours the second says that it is done. A
    wrong code costs a try; five are all there are.
    """
    email = objections.find(key, verifier)
    if email is None:
        return Objected(None, Refusal.UNKNOWN)
    with atomic(Email):
        # Two notices of one person are answered one after the other. The account itself is not held: a rotation that
        # staff start at this moment lists it first and holds it then.
        limits.hold("objection", email.user_key)
        found = _judged(email)
        refusal = found.refusal or _why_not(email, code)
        if refusal:
            _refuse(email, refusal, origin=origin)
            return Objected(email, refusal)
        is_first = objections.confirm(email)
        if objections.stops_a_change(email):
            end = _withdraw(email, origin=origin)
        else:
            end = _follow(email, origin=origin) if is_first else ObjectionEnd.ALREADY
        _record(
            Action.OBJECTED,
            email,
            end=end,
            notice=email.kind,
            by_backup=_is_to_backup(email),
            browser=origin.browser,
        )
    return Objected(email, None, end)


def _judged(email: Email | None) -> Objected:
    if email is None:
        return Objected(None, Refusal.UNKNOWN)
    return Objected(email, objections.refusal(email, accounts.by_key(email.user_key)))


@sensitive_variables("code")
def _why_not(email: Email, code: str) -> Refusal | None:
    if not objections.take_try(email):
        return Refusal.TOO_OFTEN
    return None if objections.is_right(email, code) else Refusal.WRONG_CODE


def _follow(email: Email, *, origin: Origin) -> ObjectionEnd:
    """What the right code leads to, said to staff in the site's language."""
    user = accounts.by_key(email.user_key)
    is_disputed = email.kind in (EmailKind.ADDRESS_CHANGED, EmailKind.ADDRESS_PROPOSED)
    if is_disputed:
        objections.dispute(email.user_key)
    with translation.override(str(of_django("LANGUAGE_CODE"))):
        if user is None or not _may_rotate(email):
            _escalate(email)
            return ObjectionEnd.ESCALATED
        force_rotation([user], reason=_said(email), evidence=_evidence(email, origin=origin))
    return ObjectionEnd.DISPUTED if is_disputed else ObjectionEnd.ROTATED


def _withdraw(email: Email, *, origin: Origin) -> ObjectionEnd:
    """The account has its old address still, so no access need end: staff hear that it was not the person who asked
    them. What they had given up already stays as it is."""
    if correcting.withdraw_corrections(email.user_key, CorrectionState.OBJECTED):
        with translation.override(str(of_django("LANGUAGE_CODE"))):
            _escalate(email, known=_evidence(email, origin=origin))
    return ObjectionEnd.WITHDRAWN


def _may_rotate(email: Email) -> bool:
    """Three times a day, and over mail to a backup address once a week: whoever reads that mailbox could keep the
    person out for ever otherwise."""
    if limits.tally("objection", email.user_key, within=DAY) > MOST_A_DAY:
        return False
    return not _is_to_backup(email) or limits.tally("objection.backup", email.user_key, within=BACKUPS_TURN) == 1


def _escalate(email: Email, *, known: str = "") -> None:
    limits.hold("account", email.user_key)  # the ladder may be opening a case at this moment
    case = cases.open_for(
        email.user_key, request=email.request, reason=CaseReason.COMPROMISED, began_at=email.queued_at, why=_said(email)
    )
    if known:
        insert(CaseNote(case=case, text=known[:2000]))


def _said(email: Email) -> str:
    return _("“This was not me”, over the notice: %s") % email.get_kind_display()


def _evidence(email: Email, *, origin: Origin) -> str:
    """For support: which notice, when, and over which address it was answered; no address, and nobody's name."""
    lines = [
        _said(email),
        _("Notice of %s") % f"{email.queued_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        _("Answered over a backup address") if _is_to_backup(email) else _("Answered over a main address"),
    ]
    if origin.browser:
        lines.append(_("With %s") % origin.browser)
    if objections.stops_a_change(email):
        lines.append(_("The person says that it was not they who asked for another address: the account keeps the one"
                       " that it has. Find out who asked, and how."))  # fmt: skip
    elif email.kind in (EmailKind.ADDRESS_CHANGED, EmailKind.ADDRESS_PROPOSED):
        lines.append(_("The person says that the address was not changed by them: no link goes to it. Find out whose "
                       "account it is, correct the address, and send a link."))  # fmt: skip
    return "\n".join(lines)


def _refuse(email: Email, why: Refusal, *, origin: Origin) -> None:
    """Past as many as openings are written down, the trail tells nothing new and must not grow by it."""
    told = AuditEvent.objects.filter(user_key=email.user_key, email_id=email.pk, action=Action.OBJECTION_REFUSED)
    told = told.exclude(user_key="")  # by which SQLite finds the account's index
    if told[: objections.MOST_OPENINGS].count() < objections.MOST_OPENINGS:
        _record(Action.OBJECTION_REFUSED, email, refusal=why, browser=origin.browser)


def _record(action: Action, email: Email, **detail: Any) -> None:
    audit.record(action, user_key=email.user_key, request=email.request, email=email, **detail)


def _is_to_backup(email: Email) -> bool:
    return bool(email.context.get("to_backup"))
