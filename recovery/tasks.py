"""Celery's door. Arguments are ids, of what was rung for together; whoever rings may ring twice, late or never."""

from collections.abc import Callable, Sequence
from uuid import UUID

from celery import shared_task

from recovery import delivery, resets, retention
from recovery.sweep import sweep as sweep_once


@shared_task(name="recovery.fulfil_reset", ignore_result=True)
def fulfil_reset(*request_ids: str) -> None:
    """Decide requests, one after the other, and deliver their mail."""
    _each(resets.fulfil, request_ids)


@shared_task(name="recovery.send_email", ignore_result=True)
def send_email(*email_ids: str) -> None:
    """Deliver mails, one after the other."""
    _each(delivery.deliver, email_ids)


@shared_task(name="recovery.sweep", ignore_result=True)
def sweep() -> None:
    """Take on what a lost ring or a dead worker left."""
    sweep_once()


@shared_task(name="recovery.purge", ignore_result=True)
def purge() -> None:
    """End what is past its time."""
    retention.purge()


def _each(verb: Callable[[UUID], object], ids: Sequence[str]) -> None:
    """Whatever becomes of one, the others get their turn; what failed is told in the end, for Celery's log."""
    failed: list[Exception] = []
    for pk in ids:
        try:
            verb(UUID(pk))
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("several failed", failed)
