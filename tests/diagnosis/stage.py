"""A site with a provider that takes its mail, and what people, the provider and staff do there: the public doors."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.test import Client

from example_project.provider import Provider, postmark
from example_project.provider.fates import Record
from example_project.provider.ledger import Message
from recovery import diagnosis, sweep
from recovery.diagnosis import Explanation
from recovery.models import Email, ResetToken
from tests.admin.posting import REASON, USERS, posted
from tests.admin.staff import superuser
from tests.asking import ask, asked, browser, follow, links, set_password, work
from tests.factories import UserFactory
from tests.following import let_pass, row_of
from tests.living import dies_with_time, everything_lives
from tests.routes.mails import POSTMARK
from tests.ways_out import LOCMEM, forget_trouble, routes

HOOK = "/recovery/webhooks/postmark/"
SECRET = "provider:secret"
SCANNER = {"HTTP_USER_AGENT": "", "HTTP_SEC_FETCH_MODE": "", "REMOTE_ADDR": "203.0.113.9"}


@dataclass
class Stage:
    settings: Any
    provider: Provider
    places: int = 0

    def set(self, **changes: Any) -> None:
        """The site's settings are these from now on."""
        self.settings.RECOVERY = {**self.settings.RECOVERY, **changes}

    def way(self, name: str = "main") -> dict[str, Any]:
        options = {"server_token": self.provider.token, "api_url": self.provider.url}
        return {"NAME": name, "BACKEND": POSTMARK, "OPTIONS": options}

    def reader(self, **facts: Any) -> Any:
        return UserFactory.create(**facts)

    def place(self) -> Client:
        """A browser at an address that never asked before."""
        self.places += 1
        return browser(REMOTE_ADDR=f"198.51.100.{self.places}")

    def asks(self, user: Any, **more: Any) -> str:
        """Somebody asks for ``user`` (or this text), and workers do what is due; the reference of it."""
        ask(self.place(), user if isinstance(user, str) else user.email or user.username, **more)
        work()
        return asked().shown_reference

    def message(self, user: Any) -> Message:
        """The newest mail that the provider took for ``user``, or for this address."""
        return self.provider.ledger.to(user if isinstance(user, str) else user.email)[-1]

    def says(self, user: Any, record: Record, **changes: Any) -> None:
        """The provider reports this of the newest mail to ``user``."""
        message = self.message(user)
        body = postmark.event(record, message, message.recipients[0], datetime.now(UTC)) | changes
        proof = base64.b64encode(SECRET.encode()).decode()
        answer = Client(enforce_csrf_checks=True).post(
            HOOK, json.dumps(body), content_type="application/json", headers={"Authorization": f"Basic {proof}"}
        )
        assert answer.status_code == 200

    def bounces(self, user: Any, record: Record = Record.HARD_BOUNCE, **changes: Any) -> None:
        """It comes back, and whoever was woken has done their work."""
        self.says(user, record, **changes)
        sweep.sweep()

    def link(self, user: Any, *, of: Any = None) -> str:
        """The path of the newest link that was mailed to ``user``; ``of``: of several, the one for this account."""
        address = user if isinstance(user, str) else user.email
        for message in reversed(self.provider.ledger.to(address)):
            for path in links(_Body(message.text)):
                if of is None or row_of(path).user_key == str(of.pk):
                    return path
        raise AssertionError(f"no link was mailed to {address}")

    def opens(self, user: Any, **more: Any) -> tuple[Client, str]:
        """A person opens the newest link and has its form."""
        client = browser(**more)
        form = follow(client, self.link(user))
        client.get(form)
        return client, form

    def scanned(self, user: Any) -> None:
        """A mail scanner fetches the newest link."""
        Client(**SCANNER).get(self.link(user))

    def gets_in(self, user: Any, *, of: Any = None) -> None:
        """The newest link that was mailed leads to a new password."""
        self._follows(self.link(user, of=of))

    def gets_in_by(self, text: str) -> None:
        """The same, of a mail of this text."""
        self._follows(links(_Body(text))[0])

    def _follows(self, link: str) -> None:
        client = browser()
        form = follow(client, link)
        client.get(form)
        assert set_password(client, form).status_code == 302

    def only_asks(self, user: Any) -> str:
        """Somebody asks, and nobody works; the reference."""
        ask(self.place(), user.email)
        return asked().shown_reference

    def staff_send(self, user: Any) -> None:
        """Staff send a new link from the person's page."""
        assert posted(superuser(), f"{USERS}{user.pk}/send-reset-link/", reason=REASON).status_code == 200
        work()

    def time_passes(self, time: timedelta) -> None:
        """So much later, workers have done what is due."""
        let_pass(time)
        sweep.sweep()
        lives()

    def rests(self, user: Any) -> None:
        """The cool-down of this person is over, and nothing else is later."""
        for link in ResetToken.objects.filter(user_key=str(user.pk)):
            link.issued_at -= timedelta(seconds=61)
            link.save(update_fields=["issued_at"])

    def lives(self) -> None:
        lives()

    def dies(self) -> None:
        """No part gave a sign of life for a while."""
        dies_with_time()

    @contextmanager
    def by(self, backend: str) -> Iterator[None]:
        """Mail leaves by this backend for a while."""
        with routes(self.settings, {"NAME": "main", "BACKEND": backend}):
            yield
        forget_trouble()

    @contextmanager
    def by_locmem(self) -> Iterator[None]:
        with routes(self.settings, {"NAME": "main", "BACKEND": LOCMEM}):
            yield

    def at(self, url: str, key: str) -> None:
        """Mail leaves by another provider that speaks as this one does."""
        options = {"server_token": key, "api_url": url}
        self.set(ROUTES=[{"NAME": "main", "BACKEND": POSTMARK, "OPTIONS": options}])


@dataclass
class _Body:
    body: str


@contextmanager
def reading_only() -> Iterator[None]:
    """The database refuses whatever writes."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET TRANSACTION READ ONLY")
            yield
            return
        cursor.execute("PRAGMA query_only = 1")
        try:
            yield
        finally:
            cursor.execute("PRAGMA query_only = 0")


def explained(ident: Any, *, viewer: Any = None) -> Explanation:
    """What is said of whoever this names, with the database shut for writing."""
    typed = ident if isinstance(ident, str) else ident.username
    with reading_only():
        [subject, *_] = diagnosis.find(typed, viewer=viewer)
        return diagnosis.explain(subject, viewer=viewer)


def newest_email() -> Email:
    return Email.objects.latest("queued_at", "id")


def lives() -> None:
    """Workers and sweeps gave a sign of life a moment ago."""
    everything_lives()
