"""What is wrong or doubtful about the settings around signing in. Told by the checks of the package."""

from collections.abc import Iterator
from typing import Final

from django.apps import apps
from django.core.checks import CheckMessage, Warning  # noqa: A004

from recovery import shapes

SECOND_FACTORS: Final = ("allauth.mfa", "django_otp")


def doubtful() -> Iterator[CheckMessage]:
    """W021: a reset that signs in goes past the second factor."""
    installed = [name for name in SECOND_FACTORS if apps.is_installed(name)]
    if installed and shapes.sound("POST_RESET_LOGIN"):
        yield Warning(
            f"RECOVERY['POST_RESET_LOGIN'] signs people in without the second factor of {installed[0]}.",
            hint="Leave it off: the last page of a reset leads to the site's own sign-in, which asks for it.",
            id="recovery.W021",
        )
