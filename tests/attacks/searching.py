"""Where a secret could rest: rows, sessions, broker, logs, admin pages, mails; searched for it in several shapes."""

import base64
import logging
import re
from collections.abc import Callable
from typing import Any

import redis
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test import Client
from django.urls import reverse

from recovery import tasks
from recovery.models import Email, ResetRequest
from tests.following import selector_of, verifier_of


class Echoing(BaseEmailBackend):
    """A provider that puts all of the mail, in several encodings, into the text of its error."""

    seen: list[Any] = []

    def send_messages(self, email_messages: Any) -> int:
        self.seen += email_messages
        wire = email_messages[0].message()
        quoted = wire.as_string().replace("/reset/", "=\r\n/reset/")
        raise ConnectionError(f"451 cannot take {email_messages[0].body!r} {wire.as_bytes()!r} {quoted}")


class Log(logging.Handler):
    """Every line of every logger, whatever the site's settings hide, with all that hangs on the record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {vars(record)!r}")


def tables() -> str:
    """Every row of every table, and every session as the site reads it."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            found += [f"{table}: {row!r}" for row in cursor.fetchall()]
    return "\n".join([*found, *[repr(session.get_decoded()) for session in Session.objects.all()]])


def broker(url: str) -> str:
    """Every key of the broker; message bodies once more as they are before base64."""
    client = redis.Redis.from_url(url)
    readers: dict[bytes, Callable[..., Any]] = {
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"string": client.get,
    }
    found = "\n".join(f"{key!r}: {readers[client.type(key)](key)!r}" for key in client.scan_iter())
    bodies = re.findall(r'"body": "([A-Za-z0-9+/=]+)"', found)
    return "\n".join([found, *[base64.b64decode(body).decode() for body in bodies]])


def admin_pages(staff: Client) -> str:
    """Every list and every row's page of this app in the admin, and what is found about each of its people and asks."""
    diagnosis = "admin:recovery_diagnosis"
    explained = [reverse(f"{diagnosis}_request", args=[row.pk]) for row in ResetRequest.objects.all()]
    explained += [reverse(f"{diagnosis}_email", args=[row.pk]) for row in Email.objects.all()]
    pages = [staff.get(url) for url in explained]
    for model, registered in admin.site._registry.items():
        if model._meta.app_label == "recovery":
            name = f"admin:recovery_{registered.opts.model_name}"
            named = {url.name for url in registered.get_urls()}
            rows = model._default_manager.all() if f"recovery_{registered.opts.model_name}_change" in named else ()
            urls = [reverse(f"{name}_change", args=[row.pk]) for row in rows]
            pages += [staff.get(url) for url in [reverse(f"{name}_changelist"), *urls]]
    assert {page.status_code for page in pages} == {200}
    return "\n".join(page.content.decode() for page in pages)


def shapes_of(link: str) -> dict[str, str]:
    """What to look for: the secret whole, its halves (a line may be folded), its bytes; and the link."""
    verifier = verifier_of(link)
    secret = base64.urlsafe_b64decode(verifier + "=")
    assert len(secret) == 32
    return {
        "verifier": verifier,
        "first half": verifier[:21],
        "second half": verifier[21:],
        "bytes": secret.hex(),
        "base64 of the verifier": base64.b64encode(verifier.encode()).decode().rstrip("=")[:-1],
        "link": f"{selector_of(link)}/{verifier}",
    }


class Search:
    """Keeps everything at rest at each stage, and searches it once the secret is known."""

    def __init__(self, log: Log, broker_url: str, staff: Client) -> None:
        self.log, self.broker_url, self.staff = log, broker_url, staff
        self.found: dict[str, str] = {}

    def keep(self, stage: str) -> None:
        self.found[f"{stage}: tables"] = tables()
        self.found[f"{stage}: broker"] = broker(self.broker_url)
        self.found[f"{stage}: admin"] = admin_pages(self.staff)
        self.found[f"{stage}: log"] = "\n".join(self.log.lines)

    def hits(self, shapes: dict[str, str]) -> list[str]:
        return [
            f"{shape} in {place}" for place, text in self.found.items() for shape, it in shapes.items() if it in text
        ]


def leave_unworked_rings() -> None:
    """What rings leave in the broker while no worker runs; without the bell's short patience."""
    for request in ResetRequest.objects.all():
        tasks.fulfil_reset.delay(str(request.pk))
    for email in Email.objects.all():
        tasks.send_email.delay(str(email.pk))
