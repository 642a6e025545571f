"""Addresses that must not be mailed now. Asked right before a mail leaves, so that all routes share the answer."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models.functions import Now

from recovery import audit
from recovery.accounts import key_of
from recovery.addresses import normalise
from recovery.models import Suppression
from recovery.models.insertion import insert
from recovery.models.moves import sql
from recovery.models.primary import atomic
from recovery.models.rows import columns, read
from recovery.reasons import Action


def of(address_keys: Iterable[str]) -> dict[str, str]:
    """Which of these must not be mailed now, and why: key -> reason, the newest one's. One statement, none for none."""
    keys = sorted(set(address_keys))
    if not keys:
        return {}
    live = (
        f"SELECT {columns(Suppression)} FROM {Suppression._meta.db_table}"
        f" WHERE address_key IN ({', '.join(['%s'] * len(keys))}) AND lifted_at IS NULL"
        f" AND (until IS NULL OR until > {sql.now()}) ORDER BY since, id"
    )
    return {row.address_key: row.reason for row in read(Suppression, live, keys)}


def add(address: str, *, reason: str, source: str, until: datetime | None = None) -> Suppression:
    """Mail nobody at this address until then, or until it is lifted. The trail names the row, not the address."""
    row = Suppression(address_key=normalise(address)[:254], reason=reason[:32], source=source[:40], until=until)
    with atomic(Suppression):
        insert(row)
        audit.record(Action.SUPPRESSED, suppression=str(row.pk), why=row.reason, source=row.source)
    return row


def lift(suppression: Suppression, *, actor: AbstractBaseUser, reason: str) -> None:
    """Let mail go to this address again. One that was lifted already stays as it is."""
    with atomic(Suppression):
        live = Suppression.objects.filter(pk=suppression.pk, lifted_at=None)
        lifted_by = key_of(actor)
        if live.update(lifted_at=Now(), lifted_by=lifted_by, lift_reason=reason[:500]):
            audit.record(Action.SUPPRESSION_LIFTED, actor_key=lifted_by, reason=reason, suppression=str(suppression.pk))
