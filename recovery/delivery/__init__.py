"""Takes mail out: claim, check again, render, send, note.

Every step that can die leaves the row in a state from which a sweep goes on: the claim is committed before the
provider is called, tries are counted before they are made, and mail whose lease ran out is freed as ``unknown``. A mail
may leave twice only when a worker dies between the provider's answer and its note, or when the answer itself is lost;
then it carries the same link under the same Message-ID and key.
"""

from collections.abc import Callable, Sequence
from threading import Event
from uuid import UUID

from recovery.delivery.draining import LEASE, Drain, Drained
from recovery.delivery.judging import MOST_TRIES
from recovery.models import Email

__all__ = ["LEASE", "MOST_TRIES", "Drained", "deliver", "deliver_each", "drain"]


def deliver(email_id: UUID) -> str | None:
    """Send one email if it is due; returns its state afterwards, None when there was nothing to do.

    Commits the claim before the provider is called and the outcome after it. Safe to call any number of
    times and from anywhere: only one caller gets the claim.
    """
    return deliver_each([email_id]).get(email_id)


def deliver_each(ids: Sequence[UUID]) -> dict[UUID, str]:
    """Send these if they are due; the state of each that was claimed.

    One mail is sent in this thread, more of them by several connections at once. Raises what the database said where
    an outcome could not be noted.
    """
    if not ids:
        return {}
    run = Drain(ids)
    run.run()
    if run.notes.refused:
        raise run.notes.refused[0]
    overtaken = Email.objects.filter(pk__in=run.notes.overtaken) if run.notes.overtaken else None
    return run.notes.states | (dict(overtaken.values_list("pk", "state")) if overtaken else {})


def drain(
    *, seconds: float | None = None, between: Callable[[], object] | None = None, stop: Event | None = None
) -> Drained:
    """Send what is due, the urgent first, until nothing is, or no way is open, or ``seconds`` have passed; commits
    again and again.

    ``between`` runs at first and then about once a second, in this thread. Call it any number of times at once.
    """
    return Drain(seconds=seconds, between=between, stop=stop).run()
