"""Celery's door. Arguments are ids; whoever rings may ring twice, late or never."""

from uuid import UUID

from celery import shared_task

from recovery import delivery, resets, retention
from recovery.sweep import sweep as sweep_once


@shared_task(name="recovery.fulfil_reset", ignore_result=True)
def fulfil_reset(request_id: str) -> None:
    """Decide one request and deliver its mail."""
    resets.fulfil(UUID(request_id))


@shared_task(name="recovery.send_email", ignore_result=True)
def send_email(email_id: str) -> None:
    """Deliver one mail."""
    delivery.deliver(UUID(email_id))


@shared_task(name="recovery.sweep", ignore_result=True)
def sweep() -> None:
    """Take on what a lost ring or a dead worker left."""
    sweep_once()


@shared_task(name="recovery.purge", ignore_result=True)
def purge() -> None:
    """End what is past its time."""
    retention.purge()
