"""What ends with a password beside the sessions: tokens of whatever is installed, and what the site names.

Sessions need nobody: each holds a hash of the password that it began with. Tokens of Django REST framework, Simple JWT
and Knox know nothing of passwords, so they are ended here, each kind where its app is installed; what the site has of
its own (remember-me cookies, devices for push messages, grants of OAuth) is ended by the functions of ``REVOKERS``.
"""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import router, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from recovery import alarms
from recovery.conf import conf, of_django
from recovery.reasons import Alarm

logger = logging.getLogger(__name__)

Revoker = Callable[[Any], int]
FAILED: Final = "failed"


def revoke(user: AbstractBaseUser) -> dict[str, int | str]:
    """End them, in the caller's transaction; how many of each kind, or "failed", for the trail.

    One that fails is undone by itself, stops none of the others, and sounds the alarm ``not_revoked``. Nothing is
    asked of the database where no kind is installed.
    """
    return {name: _tried(name, end, user) for name, end in _revokers()}


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
    except Exception as error:
        logger.exception("revokers: %s failed", name)
        alarms.sound(Alarm.NOT_REVOKED, name, detail=type(error).__name__)
        return FAILED


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
