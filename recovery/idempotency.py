"""Calls that come twice happen once: the first with an ``Idempotency-Key`` acts, its repetitions get its answer.

After the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header). A key belongs
to whoever sent it and to one act. It, and what was sent, stand in the database as keyed hashes alone: bodies hold
addresses. An act that was refused is forgotten, so that it may be tried again under its key.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import models, router
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from recovery.exceptions import KeyInUse, KeyReused
from recovery.models import ApiCall

BATCH: Final = 1000
LIFE: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=60)
"""How long a call may be at work. After that its process is taken for dead, and a repetition acts anew."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to act once until a moment, or the answer of who did. ``answer`` is None where the caller must act."""

    key: UUID
    until: datetime
    answer: Mapping[str, Any] | None = None

    def row(self) -> "models.QuerySet[ApiCall]":
        """Nothing, once somebody else took it over."""
        return ApiCall.objects.filter(pk=self.key, ends_at=self.until)


@sensitive_variables()  # bodies hold what people type
def claim(key: str, *, caller: str, act: str, body: Mapping[str, Any]) -> Claim:
    """Take the right to act, or what was answered before; commits.

    Raises KeyReused where the key came with another body, KeyInUse while the first call is at work: most are done at
    once, so its ``until`` is as long off as that one is at work already, and never past its lease.
    """
    pk, sent = UUID(_hashed(caller, act, key)[:32]), _hashed(caller, act, json.dumps(body, sort_keys=True))
    now = timezone.now()
    fresh: dict[str, Any] = {"body": sent, "answer": None, "ends_at": now + LEASE}
    known, is_first = ApiCall.objects.get_or_create(pk=pk, defaults=fresh)
    if not is_first and known.ends_at <= now:
        # By what was read: of two that find it over, one takes it.
        is_first = bool(ApiCall.objects.filter(pk=pk, ends_at=known.ends_at).update(**fresh))
    if is_first:
        return Claim(pk, now + LEASE)
    if not hmac.compare_digest(known.body, sent):
        raise KeyReused
    if known.answer is None:
        began_at = known.ends_at - LEASE
        raise KeyInUse(min(now + (now - began_at), known.ends_at))
    return Claim(pk, known.ends_at, known.answer)


def is_repeated(claimed: Claim, is_same: Callable[[], bool]) -> bool:
    """Whether a call under a key that was answered is the same, as ``is_same`` judges of what no hash is kept of.

    One is judged at a time, and one that is another ends the claim, so that whoever has the key and guesses what was
    said has a single try. Raises KeyInUse while another is judged; commits.
    """
    now = timezone.now()
    judged = Claim(claimed.key, now + LEASE)
    if not claimed.row().update(answer=None, ends_at=judged.until):
        raise KeyInUse(now)
    if not is_same():
        release(judged)
        return False
    judged.row().update(answer=dict(claimed.answer or {}), ends_at=claimed.until)
    return True


def settle(claimed: Claim, answer: Mapping[str, Any]) -> None:
    """Keep what the act was answered with, for repetitions within ``LIFE``. It must hold no secret; commits."""
    claimed.row().update(answer=dict(answer), ends_at=timezone.now() + LIFE)


def release(claimed: Claim) -> None:
    """Forget an act; commits."""
    claimed.row().delete()


def purgeable() -> "models.QuerySet[ApiCall]":
    """Calls whose answer is not kept any more."""
    return ApiCall.objects.filter(ends_at__lt=timezone.now())


def purge() -> int:
    """Remove them; returns how many went. Commits a thousand at a time; one that is taken up again meanwhile stays."""
    gone = 0
    while keys := list(purgeable().values_list("pk", flat=True)[:BATCH]):
        gone += purgeable().filter(pk__in=keys)._raw_delete(router.db_for_write(ApiCall))
    return gone


@sensitive_variables()
def _hashed(*parts: str) -> str:
    return salted_hmac("recovery.idempotency", json.dumps(parts), algorithm="sha256").hexdigest()
