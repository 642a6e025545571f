"""One person's story over many requests, with the notices beside them, lockouts, and the trail of the account.

Which rows are told is chosen by whoever asks, who knows what a viewer may see.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from recovery.models import AuditEvent, Email, Lockout, ResetRequest
from recovery.reasons import Action, LockLift
from recovery.timelines.mailed import events, mailed, noted, story, trail_of
from recovery.timelines.steps import Party, Placed, Step, in_order

OF_ACCOUNT: Final = (
    Action.ADDRESS_CHANGED,
    Action.ACCOUNT_ACTIVATED,
    Action.STAFF_REFUSED,
    Action.BACKUP_ADDED,
    Action.BACKUP_CONFIRMED,
    Action.BACKUP_REMOVED,
    Action.BACKUP_REFUSED,
    Action.DEVICES_FORGOTTEN,
    Action.OBJECTED,
    Action.CASE_ASSIGNED,
    Action.CASE_NOTED,
    Action.CASE_TOLD_AGAIN,
    Action.ACCESS_ENDED,
    Action.ROTATION_FAILED,
    Action.ADDRESSES_FREED,
)
"""Lines of the trail that tell of an account and of no single request. Lockouts tell of themselves."""


def of_person(
    requests: Sequence[ResetRequest],
    *,
    notices: Sequence[Email] = (),
    lockouts: Sequence[Lockout] = (),
    trail: Sequence[AuditEvent] = (),
) -> list[Step]:
    """The stories of these requests as one, with mail that follows none of them, lockouts, and lines of the trail
    (``OF_ACCOUNT``). Each step of a request names it. Four statements, and one for the decisions if they were not
    fetched, however many rows.
    """
    mails = [email for email in notices if email.request_id is None]
    prefetch_related_objects(mails, events())
    placed: list[Placed] = [step for email in mails for step in mailed(email, (), not_before=email.queued_at)]
    for lockout in lockouts:
        placed += _locked(lockout)
    placed += [(line.occurred_at, noted(line)) for line in trail]
    return in_order(chain(placed, _asked(requests)))


def _asked(requests: Sequence[ResetRequest]) -> Iterable[Placed]:
    keys = [request.pk for request in requests]
    sent: dict[object, list[Email]] = {key: [] for key in keys}
    for email in Email.objects.filter(request_id__in=keys).order_by("queued_at").prefetch_related(events()):
        sent[email.request_id].append(email)
    told: dict[object, list[AuditEvent]] = {key: [] for key in keys}
    for line in trail_of(requests):
        told[line.request_id].append(line)
    prefetch_related_objects(list(requests), "decisions")
    for request in requests:
        for moment, step in story(request, sent[request.pk], told[request.pk]):
            yield moment, step.of(request)


def _locked(lockout: Lockout) -> Iterable[Placed]:
    by, said = Party.STAFF if lockout.actor_key else Party.US, [lockout.get_kind_display(), lockout.reason]
    detail = " · ".join(text for text in said if text)
    yield lockout.since, Step(lockout.since, "locked", _("locked"), detail, by, actor_key=lockout.actor_key)
    ended_at = lockout.ended_at
    if ended_at is not None:
        ender = {LockLift.STAFF: Party.STAFF, LockLift.RESET: Party.PERSON}.get(LockLift(lockout.ended_by), Party.US)
        why = " · ".join(text for text in (str(LockLift(lockout.ended_by).label), lockout.lift_reason) if text)
        yield ended_at, Step(ended_at, "unlocked", _("unlocked"), why, ender, actor_key=lockout.lifter_key)
