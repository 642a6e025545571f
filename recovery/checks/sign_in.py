"""What is wrong or doubtful about the settings around signing in. Told by the checks of the package."""

from collections.abc import Iterator
from inspect import signature
from typing import Final

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004
from django.db import connections, router
from django.utils.module_loading import import_string

from recovery import shapes
from recovery.backends import LockoutMixin
from recovery.conf import authentication_backends, of_django
from recovery.middleware import RecoveryMiddleware
from recovery.models import LoginCounter

SECOND_FACTORS: Final = ("allauth.mfa", "django_otp")


def wrong() -> Iterator[CheckMessage]:
    """E012: a rollback would take back what is counted."""
    database = connections[router.db_for_write(LoginCounter)]
    if _counts() and database.vendor == "sqlite" and database.settings_dict["ATOMIC_REQUESTS"]:
        yield Error(
            f"Sign-ins are counted in {database.alias!r}, an SQLite database with ATOMIC_REQUESTS: a request that is "
            "rolled back takes its failures back, and whoever guesses is never stopped.",
            hint="Leave ATOMIC_REQUESTS off, or use PostgreSQL, where counters have a connection of their own.",
            id="recovery.E012",
        )


def doubtful() -> Iterator[CheckMessage]:
    """W020: sign-ins are counted, and no device is ever known. W021: a reset that signs in goes past the second
    factor. W022: some backends count sign-ins and others do not. W023: nobody said by what a backend finds accounts."""
    if _counts() and not any(_is_a(path, RecoveryMiddleware) for path in of_django("MIDDLEWARE", ())):
        yield Warning(
            "Sign-ins are counted, and no browser is ever a known device: who guesses can keep an owner waiting.",
            hint="Add 'recovery.middleware.RecoveryMiddleware' to MIDDLEWARE.",
            id="recovery.W020",
        )
    installed = [name for name in SECOND_FACTORS if apps.is_installed(name)]
    if installed and shapes.sound("POST_RESET_LOGIN"):
        yield Warning(
            f"RECOVERY['POST_RESET_LOGIN'] signs people in without the second factor of {installed[0]}.",
            hint="Leave it off: the last page of a reset leads to the site's own sign-in, which asks for it.",
            id="recovery.W021",
        )

    for path in authentication_backends() if _counts() else ():
        if not _is_a(path, LockoutMixin) and _takes_a_password(path):
            yield Warning(
                f"Sign-ins by {path} are not counted: guesses at it are never stopped, and whoever signs in by it "
                "leaves a failure at the backends before it.",
                hint="Put recovery.backends.LockoutMixin in front of it: class Backend(LockoutMixin, …).",
                id="recovery.W022",
            )
        if _is_a(path, LockoutMixin) and _takes_a_password(path) and _may_know_other_names(import_string(path)):
            yield Warning(
                f"{path} does not say by which fields it finds an account: the user name and the e-mail are looked up "
                "at each sign-in, and under any other name that it takes an account has a count of its own.",
                hint='Set name_fields on it: ("username",), or ("username", "email") with all that it takes.',
                id="recovery.W023",
            )


def _counts() -> bool:
    return any(_is_a(path, LockoutMixin) for path in authentication_backends())


def _may_know_other_names(backend: type[LockoutMixin]) -> bool:
    return not backend.name_fields and not backend.judges_as_django()


def _takes_a_password(path: str) -> bool:
    try:
        signature(import_string(path)().authenticate).bind(None, username="", password="")
    except (ImportError, TypeError, AttributeError):
        return False
    return True


def _is_a(path: str, wanted: type) -> bool:
    """What cannot be imported is told by whoever needs it."""
    try:
        found = import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, wanted)
