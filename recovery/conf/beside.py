"""Settings of Django's and of other apps that this one reads, when they are used. Its own are ``conf``'s."""

from typing import Any

from django.conf import settings


def secret_keys() -> list[str]:
    """SECRET_KEY, then its fallbacks: what signed things may have been signed with."""
    return [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def login_redirect_url() -> str:
    """Where a sign-in leads (LOGIN_REDIRECT_URL: a URL or a URL name)."""
    return str(settings.LOGIN_REDIRECT_URL)


def authentication_backends() -> list[str]:
    """AUTHENTICATION_BACKENDS, in order."""
    return list(settings.AUTHENTICATION_BACKENDS)


def login_url() -> str:
    """Where signing in happens on this site (LOGIN_URL: a URL or a URL name)."""
    return str(settings.LOGIN_URL)


def of_django(name: str, default: Any = None) -> Any:
    """A setting of Django's or of another app's."""
    return getattr(settings, name, default)
