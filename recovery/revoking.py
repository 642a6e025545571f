"""What ends with a password beside the sessions: tokens of whatever is installed, and what the site names.

Sessions need nobody: each holds a hash of the password that it began with. Tokens of Django REST framework, Simple JWT
and Knox know nothing of passwords, so they are ended here, each kind where its app is installed; what the site has of
its own (remember-me cookies, devices for push messages, grants of OAuth) is ended by the functions of ``REVOKERS``.

What fails is written down and tried again by the sweep, until it is done or given up: a thief must not stay because a
push service was down for a minute.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import router, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.module_loading import import_string

from recovery import alarms, audit
from recovery.accounts import by_key, key_of
from recovery.conf import conf, of_django
from recovery.models import Revocation
from recovery.models.primary import atomic
from recovery.reasons import Action, Alarm

logger = logging.getLogger(__name__)

Revoker = Callable[[Any], int]
FAILED: Final = "failed"
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=4)
MOST_TRIES: Final = 13  # the last one nearly a day after the first
BATCH: Final = 50
_ANEW: Final = {"attempt_count": 1, "given_up_at": None}


def revoke(user: AbstractBaseUser) -> dict[str, int | str]:
    """End them, in the caller's transaction; how many of each kind, or "failed", for the trail.

    One that fails is undone by itself, stops none of the others, sounds the alarm ``not_revoked``, and is tried again
    from a minute later on. Nothing is asked of the database where no kind is installed.
    """
    return {name: _tried(name, end, user) for name, end in _revokers()}


def revoke_due() -> int:
    """Try again what failed: after a minute, then after twice the time each, four hours at most; given up after
    ``MOST_TRIES``, which is about a day. Commits each with its trail. Returns how many were tried."""
    rows = list(Revocation.objects.due()[:BATCH])
    return sum(_again(row) for row in rows)


def try_again(row: Revocation, *, actor: AbstractBaseUser, reason: str) -> bool:
    """Let the sweep try it anew, as if it had just failed, whether it was given up or waits; one commit with its trail.
    False if it is done meanwhile."""
    facts: dict[str, Any] = {"revoker": row.revoker}
    with atomic(Revocation):
        put_back = Revocation.objects.filter(pk=row.pk).update(**_ANEW, next_try_at=Now())
        if put_back:
            audit.record(
                Action.REVOKING_RETRIED, actor_key=key_of(actor), user_key=row.user_key, reason=reason, **facts
            )
    return bool(put_back)


def put_back(user_keys: Sequence[str]) -> None:
    """The same of all that was given up for these accounts, in the caller's transaction, which has the trail."""
    Revocation.objects.given_up().filter(user_key__in=user_keys).update(**_ANEW, next_try_at=Now())


def purgeable(moment: datetime | None) -> "QuerySet[Revocation]":
    """What was given up before ``moment``; none without one."""
    return Revocation.objects.filter(given_up_at__lt=moment) if moment else Revocation.objects.none()


def purge(moment: datetime | None) -> int:
    """Forget that; returns how much it was."""
    return purgeable(moment).delete()[0]


def _again(row: Revocation) -> int:
    """One more try, counted before it is made: of two sweeps one has it."""
    held = Revocation.objects.due().filter(pk=row.pk, attempt_count=row.attempt_count)
    wait = min(FIRST_WAIT * 2 ** min(row.attempt_count, 10), LONGEST_WAIT)
    if not held.update(attempt_count=F("attempt_count") + 1, next_try_at=Now() + wait):
        return 0
    row.attempt_count += 1
    user, end = by_key(row.user_key), dict(_revokers()).get(row.revoker)
    facts: dict[str, Any] = {"revoker": row.revoker, "tries": row.attempt_count}
    try:
        # Whoever is gone, and what the site names no more, has nothing left to end.
        with atomic(Revocation), transaction.atomic(using=router.db_for_write(get_user_model())):
            facts["revoked"] = end(user) if user and end else None
            Revocation.objects.filter(pk=row.pk).delete()
            audit.record(Action.REVOKED, user_key=row.user_key, **facts)
    except Exception as error:  # a revoker is the site's
        logger.exception("revokers: %s failed at try %d", row.revoker, row.attempt_count)
        _note_failure(row, error)
    return 1


def _note_failure(row: Revocation, error: Exception) -> None:
    facts: dict[str, Any] = {"error": type(error).__name__[:200]}
    is_last = row.attempt_count >= MOST_TRIES
    if is_last:
        facts |= {"given_up_at": timezone.now(), "next_try_at": None}
    with atomic(Revocation):
        noted = Revocation.objects.filter(pk=row.pk).update(**facts)
        if noted and is_last:
            more: dict[str, Any] = {"revoker": row.revoker, "tries": row.attempt_count, "error": facts["error"]}
            audit.record(Action.REVOKING_GIVEN_UP, user_key=row.user_key, **more)
            alarms.sound(Alarm.NOT_REVOKED, row.revoker, detail=f"given up after {row.attempt_count} tries")


def _revokers() -> Iterator[tuple[str, Revoker]]:
    for app, name, end in _KNOWN:
        if apps.is_installed(app):
            yield name, end
    for path in conf.REVOKERS:
        yield path, partial(_ask_site, path)


def _tried(name: str, end: Revoker, user: AbstractBaseUser) -> int | str:
    try:
        with transaction.atomic(using=router.db_for_write(type(user))):
            return end(user)
    except Exception as error:  # a revoker is the site's; what it stumbles over keeps nobody from a new password
        logger.exception("revokers: %s failed", name)
        alarms.sound(Alarm.NOT_REVOKED, name, detail=type(error).__name__)
        _write_down(name, user, error)
        return FAILED


def _write_down(name: str, user: AbstractBaseUser, error: Exception) -> None:
    row = Revocation(
        user_key=key_of(user), revoker=name, error=type(error).__name__[:200], next_try_at=timezone.now() + FIRST_WAIT
    )
    Revocation.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["user_key", "revoker"],
        update_fields=["began_at", "attempt_count", "error", "next_try_at", "given_up_at"],
    )


def _ask_site(path: str, user: AbstractBaseUser) -> int:
    return int(import_string(path)(user) or 0)


def _of(model: Any, user: AbstractBaseUser) -> Any:
    """The user's rows of a model; none where its users are those of another user model, whose keys may be the same."""
    rows = model._default_manager.all()
    return rows.filter(user=user) if isinstance(user, model._meta.get_field("user").related_model) else rows.none()


def _end_api_tokens(user: AbstractBaseUser) -> int:
    app, model = "authtoken", "Token"
    return int(_of(apps.get_model(app, model), user).delete()[0])


def _blacklist(user: AbstractBaseUser) -> int:
    """Of Simple JWT, refresh tokens; with its ``CHECK_REVOKE_TOKEN`` access tokens end with the password, too."""
    app: Final = "token_blacklist"
    outstanding: Any = apps.get_model(app, "OutstandingToken")
    blacklisted: Any = apps.get_model(app, "BlacklistedToken")
    live = _of(outstanding, user).filter(expires_at__gt=timezone.now(), blacklistedtoken=None)
    ended = [blacklisted(token=token) for token in live]
    blacklisted._default_manager.bulk_create(ended, ignore_conflicts=True)
    return len(ended)


def _end_knox_tokens(user: AbstractBaseUser) -> int:
    return int(_of(apps.get_model(str(of_django("KNOX_TOKEN_MODEL", "knox.AuthToken"))), user).delete()[0])


_KNOWN: Final = (
    ("rest_framework.authtoken", "authtoken", _end_api_tokens),
    ("rest_framework_simplejwt.token_blacklist", "simplejwt", _blacklist),
    ("knox", "knox", _end_knox_tokens),
)
