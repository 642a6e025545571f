"""Writes down that someone asked, and rings. All that the forgot page does.

The same statements for every identifier: one limiter upsert, one request, one row of the trail, one commit; on
PostgreSQL all of it is one statement.
Accounts are never looked up here; what differs by account is decided by the worker in ``resets``.
"""

from typing import Any, Final

from django.db import IntegrityError, connections, router
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery import audiences, audit, bell, limits
from recovery.addresses import normalise
from recovery.models import ResetRequest
from recovery.models.asking import insert_ask
from recovery.models.insertion import insert
from recovery.models.primary import atomic
from recovery.models.requests import SWEEP_GRACE
from recovery.origin import Origin
from recovery.reasons import Action, Kind, Outcome

SAME_REFERENCE_TRIES: Final = 3  # two requests draw the same of 2**40 references once in a lifetime


def ask(
    identifier: str, *, origin: Origin, kind: str = Kind.FORGOT, audience: str = "default", next_url: str = ""
) -> ResetRequest:
    """Record one ask and wake a worker; a refused limit is recorded too and answers alike.

    What may be told is ``place_free_again_at``, which depends on the place alone: the API says it, pages do not.
    Commits once, on its own: the caller must not be in a transaction (``non_atomic_requests``). Raises
    Misconfigured for an unknown audience, DatabaseError when it could not be written down; never because of the broker.
    """
    door = audiences.get(audience).name
    for tries_left in reversed(range(SAME_REFERENCE_TRIES)):
        request = ResetRequest(
            kind=kind,
            audience=door,
            identifier=identifier,
            ip=origin.ip or None,
            user_agent=origin.user_agent,
            language=origin.language,
            next_url=next_url,
        )
        try:
            _write(request, origin)
        except IntegrityError:
            if not tries_left:
                raise
        else:
            break
    request.announce()
    bell.ring("recovery.fulfil_reset", request.pk)
    return request


def _write(request: ResetRequest, origin: Origin) -> None:
    subjects = {"address": normalise(request.identifier), "source": origin.source or "unknown"}
    connection = connections[router.db_for_write(ResetRequest)]
    if connection.vendor == "postgresql":
        _write_at_once(request, subjects, connection)
        return
    with atomic(ResetRequest, durable=True):
        taken, now = limits.take(subjects, within="source")
        if taken["source"].refused:
            request.place_free_again_at = taken["source"].free_again_at
        if any(limit.refused for limit in taken.values()):
            request.outcome, request.decided_at = Outcome.THROTTLED, now
        request.requested_at = now
        request.next_try_at = now + SWEEP_GRACE
        insert(
            request,
            audit.event(Action.REQUESTED, request=request, at=now, outcome=request.outcome, **_told(request)),
        )


def _told(request: ResetRequest) -> dict[str, Any]:
    """What the trail says of an ask, also once its row is gone."""
    return {"kind": request.kind, "audience": request.audience}


def _write_at_once(request: ResetRequest, subjects: dict[str, str], connection: BaseDatabaseWrapper) -> None:
    blocks: list[Any] = connection.atomic_blocks
    if blocks and not blocks[-1]._from_testcase:  # as durable=True judges it
        raise RuntimeError("An ask commits on its own and cannot be part of a transaction.")
    step = limits.count(subjects, within="source", vendor=connection.vendor)
    event = audit.event(Action.REQUESTED, request=request, outcome=Outcome.RECEIVED, **_told(request))
    is_refused, now, request.place_free_again_at = insert_ask(
        request,
        event,
        refused={**event.detail, "outcome": Outcome.THROTTLED},
        counting=step.sql,
        params=step.params,
        limits=step.limits,
        place=limits.counter_key("source", subjects["source"]),
    )
    if is_refused:
        request.outcome, request.decided_at = Outcome.THROTTLED, now
    request.requested_at, request.next_try_at = now, now + SWEEP_GRACE
    request._state.adding, request._state.db = False, connection.alias
