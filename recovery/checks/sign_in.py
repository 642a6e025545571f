"""What is wrong or doubtful about the settings around signing in. Told by the checks of the package."""

from collections.abc import Iterator
from typing import Final

from django.apps import apps
from django.core.checks import CheckMessage, Warning  # noqa: A004
from django.utils.module_loading import import_string

from recovery import shapes
from recovery.backends import LockoutMixin
from recovery.conf import authentication_backends, of_django
from recovery.middleware import RecoveryMiddleware

SECOND_FACTORS: Final = ("allauth.mfa", "django_otp")


def doubtful() -> Iterator[CheckMessage]:
    """W020: sign-ins are counted, and no device is ever known. W021: a reset that signs in goes past the second
    factor."""
    counts = any(_is_a(path, LockoutMixin) for path in authentication_backends())
    if counts and not any(_is_a(path, RecoveryMiddleware) for path in of_django("MIDDLEWARE", ())):
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


def _is_a(path: str, wanted: type) -> bool:
    """What cannot be imported is told by whoever needs it."""
    try:
        found = import_string(path)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, wanted)
