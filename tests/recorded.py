"""What each row of the trail must say, and a look at every row that the app writes while a test runs.

A row is seen as it is made, by a signal of Django's, so that no statement is added; what is wrong with it fails the
test that made the app write it, whatever that test is about. Rows that a test writes itself are its own affair, as are
those of ``audit.noted``, which have nothing but a detail.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from django.db.models.signals import pre_init

from recovery import origin
from recovery.audit import writing
from recovery.models import AuditEvent
from recovery.reasons import Action, ActOutcome

COLUMNS: Final[Mapping[str, str]] = {
    "actor_key": "actor",
    "user_key": "account",
    "request_id": "request",
    "email_id": "email",
    "reason": "reason",
}
DONE, REFUSED, FAILED = ActOutcome.DONE, ActOutcome.REFUSED, ActOutcome.FAILED


class Says(NamedTuple):
    """One form of a row: which columns are filled (``?``: where there is something to fill them with) and no others,
    which words its detail has (``word=value``: and what they say; ``!word``: and which not), how the act may come out,
    and whether only a command or a task may write it so: somebody who comes by the web is known."""

    columns: str
    detail: str = ""
    outcomes: tuple[ActOutcome, ...] = (DONE,)
    is_of_the_web: bool = True

    def fits(self, filled: set[str], detail: Mapping[str, Any], outcome: str) -> bool:
        named = self.columns.split()
        needed = {name for name in named if not name.endswith("?")}
        allowed = {name.rstrip("?") for name in named}
        return needed <= filled <= allowed and outcome in self.outcomes and all(map(_has(detail), self.detail.split()))


def _has(detail: Mapping[str, Any]) -> Any:
    def has(wanted: str) -> bool:
        if wanted.startswith("!"):
            return wanted[1:] not in detail
        word, _equals, value = wanted.partition("=")
        return word in detail and (not value or str(detail[word]) in value.split("|"))

    return has


BY_COMMAND: Final[Mapping[str, Any]] = {"is_of_the_web": False}
BY_STAFF: Final = "actor account reason"
OF_CASE: Final = "actor account? request? reason"
OF_MAIL: Final = "actor account? request? email reason"
OBJECTING: Final = "account request? email"

SAYS: Final[Mapping[Action, tuple[Says, ...]]] = {
    Action.REQUESTED: (
        Says("request", "outcome audience kind=forgot", (DONE, REFUSED)),
        Says("actor account request reason", "kind=admin|forced|activation"),
        Says("account request", "kind=activation !rotation !repair !correction"),  # by the site, for a newcomer
        Says("actor? account request reason?", "kind=admin|forced|activation", **BY_COMMAND),
        Says("account request reason", "kind=forced rotation"),
    ),
    Action.DECIDED: (Says("account? request", "outcome audience", (DONE, REFUSED, FAILED)),),
    Action.LINK_OPENED: (
        Says("account request?", "verdict browser refusal form_shown", (DONE, REFUSED)),
        Says("", "verdict refusal=malformed|unknown", (REFUSED,)),
    ),
    Action.PASSWORD_REFUSED: (Says("account request?", "codes", (REFUSED,)),),
    Action.LINK_REFUSED: (Says("account request?", "refusal", (REFUSED,)),),
    Action.COMPLETED: (Says("account request?", "notices browser"),),
    Action.PASSWORD_CHANGED: (Says("actor? account", "notices links_ended revoked"),),
    Action.LINK_REPLACED: (Says("account request?"),),
    Action.LINK_REVOKED: (Says("account request?"),),
    Action.ADDRESS_CHANGED: (Says(BY_STAFF, "links_ended told"), Says("account", "links_ended told")),
    Action.ADDRESS_PROPOSED: (Says(BY_STAFF, "correction effective_at told"),),
    Action.CORRECTION_ENDED: (
        Says("actor account reason?", "correction proposed_by end=done|refused|overtaken"),
        Says("account", "correction proposed_by end=objected|lapsed|overtaken|rotated"),
        Says("account", "correction proposed_by end=done", **BY_COMMAND),  # its time had come
    ),
    Action.ACCOUNT_ACTIVATED: (Says(BY_STAFF),),
    Action.STAFF_REFUSED: (
        Says("actor account reason?", "by", (REFUSED,)),
        Says("actor reason?", "by", (REFUSED,)),  # of many people at once
    ),
    Action.PURGED: (Says("", "what rows"),),
    Action.EMAIL_RETRIED: (Says(OF_MAIL),),
    Action.EMAIL_STOPPED: (Says(OF_MAIL),),
    Action.EMAIL_SET_ASIDE: (Says(OF_MAIL),),
    Action.EMAIL_RELEASED: (Says(OF_MAIL), Says("actor reason", "released")),
    Action.ROUTE_SWITCHED_OFF: (Says("actor reason", "route"),),
    Action.ROUTE_SWITCHED_ON: (Says("actor reason", "route"),),
    Action.CIRCUIT_OPENED: (Says("", "route because", (FAILED,)),),
    Action.CIRCUIT_CLOSED: (Says("", "route because"),),
    Action.DOMAINS_CHECKED: (Says("actor"),),
    Action.TEST_MAIL_SENT: (Says("actor email reason", "audience"), Says("email reason?", "audience", **BY_COMMAND)),
    Action.LEVEL_CHANGED: (Says("actor reason", "from to"),),
    Action.SUPPRESSED: (
        Says("account? request? email?", "suppression why source"),
        Says("actor account? request? email? reason", "suppression why=staff source=staff"),  # a lift that is undone
    ),
    Action.SUPPRESSION_LIFTED: (
        Says("actor account? request? email? reason", "suppression by=staff"),
        Says("actor? account", "suppression by=address_change"),
        Says("account? request? email", "suppression by=delivery"),
    ),
    Action.BACKUP_ADDED: (Says("account", "backup told"),),
    Action.BACKUP_CONFIRMED: (Says("account", "backup"),),
    Action.BACKUP_REMOVED: (Says("account", "backup links_ended told"),),
    Action.BACKUP_REFUSED: (Says("account", "why", (REFUSED,)),),
    Action.BACKUP_MAILED: (Says("account request email", "after why"),),
    Action.DEVICES_FORGOTTEN: (Says(BY_STAFF),),
    Action.NOTICE_QUEUED: (Says("account", "what told browser"), Says("account", "what told lockout")),
    Action.OBJECTION_OPENED: (Says(OBJECTING, "verdict browser refusal form_shown", (DONE, REFUSED)),),
    Action.OBJECTION_REFUSED: (Says(OBJECTING, "refusal browser", (REFUSED,)),),
    Action.OBJECTED: (Says(OBJECTING, "end notice by_backup browser"),),
    Action.CASE_OPENED: (
        Says(OF_CASE, "case why"),
        Says("account request? reason?", "case why"),
        Says("reason", "case why=compromised"),  # of a rotation of many that a command started
    ),
    Action.CASE_ASSIGNED: (Says(OF_CASE + "?", "case to"),),
    Action.CASE_NOTED: (Says("actor account? request?", "case note"),),
    Action.CASE_TOLD_AGAIN: (Says(OF_CASE, "case targets"),),
    Action.CASE_CLOSED: (
        Says(OF_CASE, "case why=staff"),
        Says("account? request?", "case why=completed|rotated|superseded|erased"),
    ),
    Action.PROVIDER_LIFT_ASKED: (Says("actor account? request? email? reason", "routes"),),
    Action.PROVIDER_LIFTED: (Says("actor account? request? email? reason", "routes left clear"),),
    Action.ROTATION_STARTED: (
        Says("actor account? reason", "rotation source=staff|command|site people left_out"),
        Says("account? reason", "rotation source=command|site|person people left_out"),
    ),
    Action.ACCESS_ENDED: (Says("actor? account request", "rotation password links revoked"),),
    Action.ROTATION_FAILED: (Says("account", "rotation tries", (FAILED,)),),
    Action.ROTATION_STOPPED: (Says("actor reason", "rotation people"),),
    Action.ROTATION_RENEWED: (Says("actor reason", "rotation people"),),
    Action.REVOKED: (Says("account", "revoker tries revoked"),),
    Action.REVOKING_GIVEN_UP: (Says("account", "revoker tries error", (FAILED,)),),
    Action.REVOKING_RETRIED: (Says(BY_STAFF, "revoker"),),
    Action.ADDRESSES_FREED: (Says(BY_STAFF),),
    Action.ADDRESS_REVEALED: (Says(OF_MAIL), Says("actor account? request reason")),
    Action.REPAIR_STARTED: (Says("actor reason", "repair cause route people"),),
    Action.REPAIR_STOPPED: (Says("actor reason", "repair people"),),
    Action.REPAIR_FAILED: (Says("account", "repair tries", (FAILED,)),),
    Action.EXPORTED: (
        Says("actor", "model format filters"),
        Says("actor", "model=report format since until"),
        Says("", "model=report format since until", **BY_COMMAND),
        Says("actor? account?", "model=trail since until keys", **BY_COMMAND),
    ),
    Action.EXPORT_ENDED: (
        Says("actor", "model format filters rows sent_to_the_end"),
        Says("actor", "model=report format since until rows sha256 sent_to_the_end"),
        Says("", "model=report format since until rows sha256 sent_to_the_end", **BY_COMMAND),
    ),
    Action.ERASED: (
        Says("actor? account reason?", "rows with_account", **BY_COMMAND),
        Says(BY_STAFF, "rows with_account"),
    ),
    Action.PERSON_EXPORTED: (Says(BY_STAFF), Says("actor? account reason?", "system_user", **BY_COMMAND)),
    Action.LIST_READ: (Says("actor account? reason", "list rows"),),
    Action.DIAGNOSED: (
        Says("actor account? request? email? reason?"),
        Says("account? request? email?", "cause", **BY_COMMAND),
    ),
    Action.LOCKED: (
        Says(BY_STAFF, "lockout kind=staff failures until"),
        Says("account?", "lockout kind=account|device failures until"),
        Says("", "lockout kind=source failures until"),
    ),
    Action.UNLOCKED: (
        Says("actor account? reason", "lockout kind by=staff"),
        Says("account? reason", "lockout kind by=staff", **BY_COMMAND),
        Says("account?", "lockout kind by=time|reset"),
    ),
    Action.TRAIL_EXPORTED: (
        Says("actor account?", "rows sha256 since until"),
        Says("account?", "rows sha256 since until", **BY_COMMAND),
    ),
    Action.TRAIL_PURGED: (Says("", "rows before seals position head proof"),),
    Action.TRAIL_PROTECTED: (Says("", "!system_user"), Says("actor?", "system_user", **BY_COMMAND)),
    Action.TRAIL_UNPROTECTED: (Says("reason", "!system_user"), Says("actor? reason", "system_user", **BY_COMMAND)),
    Action.ACCESS_REFUSED: (Says("actor", "page method", (REFUSED,)),),
}

_written: set[str] = set()
_wrong: list[str] = []


def watch() -> None:
    """From now on; for the whole session."""
    pre_init.connect(_look, sender=AuditEvent)


def forget() -> None:
    """What was before is not this test's."""
    _wrong.clear()
    _written.clear()


def wrong() -> list[str]:
    """What the app wrote since then and must not have."""
    return list(_wrong)


def written() -> set[str]:
    """The acts of all rows that the app wrote since then, well or not."""
    return set(_written)


def judged(row: Mapping[str, Any], *, in_web: bool = True) -> str:
    """What is wrong with a row of these facts; empty where nothing is."""
    filled = {name for column, name in COLUMNS.items() if row.get(column)}
    detail, outcome = row.get("detail") or {}, row.get("outcome", DONE)
    forms = [each for each in SAYS.get(Action(row["action"]), ()) if each.is_of_the_web or not in_web]
    if any(each.fits(filled, detail, outcome) for each in forms):
        return ""
    return f"{row['action']}: {outcome}, with {sorted(filled)} and {dict(detail)}"


def _look(sender: Any, kwargs: Mapping[str, Any], **_signal: Any) -> None:
    if "action" not in kwargs or not _is_the_apps():  # a row that is read comes without names
        return
    _written.add(str(kwargs["action"]))
    if judged(kwargs) and (found := judged(kwargs, in_web=origin.here() is not None)):
        _wrong.append(found)


def _is_the_apps() -> bool:
    """Whether the one who asked ``audit`` for this row is the app."""
    frame, has_met = sys._getframe(2), False
    while frame is not None:
        is_here = frame.f_code.co_filename == writing.__file__
        if has_met and not is_here:
            return str(frame.f_globals.get("__name__", "")).startswith("recovery.")
        has_met, frame = has_met or is_here, frame.f_back  # type: ignore[assignment]
    return False
