"""Takes away what is held about one person, kind by kind, a batch in a commit.

Each kind finds its rows anew, so whatever dies, the next run goes on where this one ended, and a second one finds
nothing. Work under way ends first: a link that lives, a request that waits, an open case. Mail of which a worker holds
the lease at this moment is left to the next run.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from django.db.models import F

from recovery import audit, cases, limits, lockouts, resets, suppressions, tokens
from recovery.addresses import normalise
from recovery.models import (
    AccountState,
    AddressCorrection,
    AuditOrigin,
    BackupAddress,
    Bounce,
    CaseTelling,
    Email,
    Repair,
    ResetRequest,
    Rotation,
    SupportCase,
)
from recovery.models.primary import atomic
from recovery.privacy import rows, texts
from recovery.privacy.people import Person
from recovery.reasons import CaseEnd, CorrectionState, EmailState, Outcome, TellingState
from recovery.retention import remove, remove_cases, remove_emails, remove_requests

BATCH: Final = 500
LIMITS: Final = ("account", "address", "activation_address", "backup_address", "backup_removal", "unknown_account_mail")


def take_away(person: Person) -> int:
    """End all of it; returns how many rows are left because somebody is at work on them. Commits batch by batch."""
    for step in _STEPS:
        step(person)
    under_way = rows.requests(person).filter(outcome=Outcome.RECEIVED).count()
    return under_way + rows.emails(person).filter(state=EmailState.SENDING).count()


def _end_links(person: Person) -> None:
    with atomic(ResetRequest):
        tokens.revoke(person.key)


def _waiting_requests(person: Person) -> None:
    """Nobody decides them any more. What a worker decided meanwhile is found again among the others."""
    waiting = rows.requests(person).filter(outcome=Outcome.RECEIVED)
    for batch in _batches(waiting):
        with atomic(ResetRequest):
            held = ResetRequest.objects.select_for_update().filter(pk__in=batch, outcome=Outcome.RECEIVED)
            remove_requests(list(held.order_by("pk").values_list("pk", flat=True)))


def _cases(person: Person) -> None:
    """Whoever works on one elsewhere is told once that it is closed. The mail that says so waits in the outbox."""
    for case in rows.cases(person).filter(closed_at=None).select_related("request"):
        cases.end(case, CaseEnd.ERASED)
    news = CaseTelling.objects.filter(case__in=rows.cases(person), stage=TellingState.WAITING)
    for pk in list(news.values_list("pk", flat=True)):
        cases.tell(pk)
    _emails(person)  # what support was told is found by its case
    for batch in _batches(rows.cases(person)):
        with atomic(SupportCase):
            remove_cases(batch)


def _emails(person: Person) -> None:
    for batch in _batches(rows.emails(person)):
        with atomic(Email):
            _remove_mails(batch, person)


def _remove_mails(batch: Sequence[UUID], person: Person) -> None:
    """Of one that is another's as well, only the name goes."""
    shared = rows.shared_emails(batch, person)
    held = Email.objects.select_for_update().filter(pk__in=batch).exclude(state=EmailState.SENDING)
    found = list(held.order_by("pk").only("context"))
    for email in found:
        if email.pk in shared and email.context.get("usernames", {}).pop(person.key, None) is not None:
            Email.objects.filter(pk=email.pk).update(context=email.context)
    remove_emails([email.pk for email in found if email.pk not in shared])


def _requests(person: Person) -> None:
    """Those that nobody decides. Of one that meant another account as well, only what was decided for this one goes."""
    with atomic(AuditOrigin):
        audit.destroy_person(person.key)  # first: requests that they answered are found by their links
    for batch in _batches(rows.requests(person).exclude(outcome=Outcome.RECEIVED)):
        with atomic(ResetRequest):
            shared = rows.shared_requests(batch, person)
            remove(rows.decisions(person).filter(request__in=shared))
            remove(rows.links(person).filter(request__in=shared))
            remove_requests([key for key in batch if key not in shared])


def _reports(person: Person) -> None:
    for batch in _batches(rows.reports(person)):
        with atomic(Email):
            remove(Bounce.objects.filter(event__in=batch))
            remove(rows.reports(person).filter(pk__in=batch))


def _bounces(person: Person) -> None:
    for batch in _batches(rows.bounces(person)):
        with atomic(Bounce):
            remove(Bounce.objects.filter(pk__in=batch))


def _suppressions(person: Person) -> None:
    with atomic(Email):
        suppressions.forget(person.address_keys)


def _lists(person: Person) -> None:
    """Out of all lists of people, which go on adding up; one that was of this person alone goes, with what staff wrote
    of it."""
    rotations = list(rows.rotated(person).filter(rotation__member_count=1).values_list("rotation", flat=True))
    repairs = list(rows.repaired(person).filter(repair__member_count=1).values_list("repair", flat=True))
    with atomic(Rotation):
        fewer = {"member_count": F("member_count") - 1}
        Rotation.objects.filter(pk__in=rows.rotated(person).values("rotation")).update(**fewer)
        Repair.objects.filter(pk__in=rows.repaired(person).values("repair")).update(**fewer)
        remove(rows.rotated(person))
        remove(rows.repaired(person))
        remove(Rotation.objects.filter(pk__in=rotations))
        remove(Repair.objects.filter(pk__in=repairs))


def _account(person: Person) -> None:
    """Backup addresses, corrections, devices. While there is an account, a dispute, a freeze and what still has to be
    ended for its safety stay: they say nothing of the person."""
    with atomic(BackupAddress):
        remove(rows.corrections(person))
        remove(rows.backups(person))
        if person.is_gone:
            remove(rows.devices(person))
            remove(rows.revocations(person))
        else:
            rows.devices(person).update(device_known_since=None, hashed_as="", known_as="")


def _corrections_of_others(person: Person) -> None:
    """The address goes and the row stays. One that waits ends first: to whom an address belonged that is nobody's now,
    staff find out anew."""
    for row in rows.corrections_of_others(person):
        with atomic(AddressCorrection):
            if row.state == CorrectionState.PENDING:
                resets.withdraw_corrections(row.user_key, CorrectionState.LAPSED)
            held = AddressCorrection.objects.select_for_update().get(pk=row.pk)
            held.old_address, held.new_address = (
                "" if normalise(address) in person.address_keys else address
                for address in (held.old_address, held.new_address)
            )
            held.save(update_fields=["old_address", "new_address"])


def _sign_ins(person: Person) -> None:
    with atomic(AccountState):
        lockouts.forget(person.key, person.names, is_gone=person.is_gone)
    lockouts.forget_places(person.names, person.ips)


def _places(person: Person) -> None:
    """Where the person acted from, beside the trail; and client addresses of nobody else, in what meant nobody."""
    with atomic(AuditOrigin):
        audit.destroy_person(person.key)
        remove(AuditOrigin.objects.filter(ip__in=person.ips, person_key=""))
    for batch in _batches(ResetRequest.objects.filter(ip__in=person.ips, user_key="").order_by()):
        with atomic(ResetRequest):
            ResetRequest.objects.filter(pk__in=batch).update(ip=None, user_agent="")


def _counters(person: Person) -> None:
    limits.forget((name, subject) for name in LIMITS for subject in (person.key, *person.address_keys))


_STEPS: Final[Sequence[Callable[[Person], None]]] = (
    _end_links,
    _waiting_requests,
    _cases,
    _emails,
    _requests,
    _reports,
    _bounces,
    _suppressions,
    _lists,
    _account,
    _corrections_of_others,
    texts.leave_out,
    _sign_ins,
    _places,
    _counters,
)


def _batches(found: Any) -> Iterator[list[Any]]:
    keys = list(found.values_list("pk", flat=True))
    yield from (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
