"""Known devices of an account."""

from django.http import HttpRequest


def known(request: HttpRequest | None, username: str) -> str | None:
    """The id of this browser as a known device of the account with this name; None if it is none."""
    return None
