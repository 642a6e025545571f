"""People who were to choose their first password, and how they come to it: the public doors, in a test's words."""

from typing import Any

from django.core import mail
from django.test import Client

from recovery import resets
from recovery.models import ResetRequest
from tests.asking import browser, follow, links, set_password, work
from tests.factories import UserFactory

ACTIVATE_ALL = {"ACTIVATE_NEW_USERS": True}


def activated(user: Any, **facts: Any) -> ResetRequest:
    """``user`` is asked to choose a password, and a worker has decided."""
    request = resets.activate(user, **facts)
    work()
    request.refresh_from_db()
    return request


def invited(**facts: Any) -> Any:
    """Somebody without a password, whose activation mail has left."""
    user = UserFactory.create(password=None, **facts)
    activated(user)
    return user


def mailed_to(user: Any) -> str:
    """The path of the link in the newest mail to ``user``."""
    [link] = links([message for message in mail.outbox if message.to == [user.email]][-1])
    return link


def joins(link: str, **more: Any) -> tuple[Client, Any]:
    """Whoever has the link chooses a password; their browser, and the answer to it."""
    client = browser(**more)
    form = follow(client, link)
    client.get(form)
    return client, set_password(client, form)


def has_joined(user: Any) -> bool:
    user.refresh_from_db()
    return bool(user.has_usable_password())
