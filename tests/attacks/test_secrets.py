"""Cases 18 and 19: a link's secret cannot be guessed, and is nowhere at rest: rows, broker, logs, reports, admin."""

import base64
import logging
import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.contrib import admin
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse

from recovery import accounts, notices, outbox, retention, sweep, tasks, tokens
from recovery.models import Email, ResetRequest, ResetToken
from recovery.reasons import EmailKind, EmailState
from tests.asking import NEW_PASSWORD, ask, asked, browser, follow, links, set_password, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, mailed_link, selector_of, verifier_of
from tests.joining import invited, mailed_to
from tests.objecting import code_in, link_in, locked, newest_to, says_so, wrong

pytestmark = pytest.mark.django_db(transaction=True)


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


@pytest.fixture
def log() -> Iterator[Log]:
    handler = Log()
    loggers = [logging.root, *[it for it in logging.root.manager.loggerDict.values() if isinstance(it, logging.Logger)]]
    before = [(logger, logger.level, logger.propagate, logger.disabled) for logger in loggers]
    for logger in loggers[1:]:
        logger.level, logger.propagate, logger.disabled = logging.NOTSET, True, False
    logging.root.setLevel(logging.DEBUG)
    logging.root.addHandler(handler)
    connection.force_debug_cursor = True
    yield handler
    connection.force_debug_cursor = False
    logging.root.removeHandler(handler)
    for logger, level, propagate, disabled in before:
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled


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
    """Every list and every row's page of this app in the admin."""
    pages = []
    for model, registered in admin.site._registry.items():
        if model._meta.app_label == "recovery":
            name = f"admin:recovery_{registered.opts.model_name}"
            urls = [reverse(f"{name}_change", args=[row.pk]) for row in model._default_manager.all()]
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


@pytest.fixture
def search(log: Log, broker_url: str) -> Iterator[Search]:
    redis.Redis.from_url(broker_url).flushdb()
    staff = Client()
    staff.force_login(StaffFactory.create(is_superuser=True))
    yield Search(log, broker_url, staff)
    redis.Redis.from_url(broker_url).flushdb()


def leave_unworked_rings() -> None:
    """What rings leave in the broker while no worker runs; without the bell's short patience."""
    for request in ResetRequest.objects.all():
        tasks.fulfil_reset.delay(str(request.pk))
    for email in Email.objects.all():
        tasks.send_email.delay(str(email.pk))


@pytest.mark.attack(18)
def test_verifiers_have_256_bits_that_nobody_chose() -> None:
    """Selectors come from the system's generator, whatever the process's own is seeded with; no two are alike, and
    each bit of a verifier is as often 0 as 1."""
    user = UserFactory.create()
    ask(browser(), user.email)
    [email] = outbox.queue(EmailKind.RESET, [user.email], request=asked(), user_key=accounts.key_of(user))
    issued = []
    for _ in range(500):
        random.seed(1)
        issued.append(tokens.issue(user, request=asked(), email=email, address=user.email))
    verifiers = {base64.urlsafe_b64decode(tokens.verifier_of(token) + "=") for token in issued}
    assert len(verifiers) == len({token.selector for token in issued}) == 500
    assert {len(verifier) for verifier in verifiers} == {32}
    ones = sum(int.from_bytes(verifier, "big").bit_count() for verifier in verifiers)
    # Of 128 000 fair bits half are ones; six standard deviations are 1074.
    assert abs(ones - 64_000) < 1074


@pytest.mark.attack(19)
def test_the_secret_is_nowhere_at_rest_at_any_stage_of_its_life(search: Search, settings: Any) -> None:
    user, client = UserFactory.create(), browser()
    ask(client, user.email)
    leave_unworked_rings()
    search.keep("asked")

    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "echo", "BACKEND": f"{__name__}.Echoing"}]}
    Echoing.seen.clear()
    work()
    leave_unworked_rings()
    email = Email.objects.get(kind=EmailKind.RESET)
    assert email.state == EmailState.UNKNOWN
    assert "451 cannot take" in email.events.latest("id").detail
    search.keep("failed")

    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": []}
    let_pass(timedelta(minutes=6))
    assert sweep.sweep().tried == 1
    search.keep("retried and sent")

    [link] = links(mail.outbox[-1])
    assert links(Echoing.seen[0]) == [link]
    client.head(link)
    form = follow(client, link)
    client.get(form)
    search.keep("opened")
    client.post(form, {"new_password1": "short"})
    search.keep("password refused")
    set_password(client, form)
    leave_unworked_rings()
    search.keep("used")
    client.get(link)
    assert "already" in client.get(form).content.decode()
    client.post(form, {"again": "1"})
    search.keep("dead")
    ResetToken.objects.update(expires_at=F("expires_at") - timedelta(days=2))
    retention.purge()
    search.keep("purged")

    assert search.hits(shapes_of(link)) == []
    assert search.hits({"new password": NEW_PASSWORD}) == []
    # The search can find: the selector, which names the row, is where it should be.
    assert any(selector_of(link) in text for place, text in search.found.items() if "tables" in place)
    assert any(str(email.pk) in text for place, text in search.found.items() if "broker" in place)


def a_reset() -> str:
    return mailed_link(UserFactory.create())


def an_activation() -> str:
    return mailed_to(invited())


@pytest.mark.attack(19)
def test_link_and_code_of_a_notice_are_nowhere_at_rest(search: Search, settings: Any) -> None:
    user = UserFactory.create()
    episode = locked(user)
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "echo", "BACKEND": f"{__name__}.Echoing"}]}
    Echoing.seen.clear()
    tasks.notify.delay(str(episode.pk))
    notices.tell_lockout(episode.pk)
    sweep.sweep()
    email = Email.objects.get(kind=EmailKind.LOCKED)
    assert "451 cannot take" in email.events.latest("id").detail
    leave_unworked_rings()
    search.keep("failed")

    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": []}
    let_pass(timedelta(minutes=6))
    message = newest_to(user.email)
    link, code = link_in(message), code_in(message)
    assert link_in(Echoing.seen[0]) == link
    client = browser()
    client.head(link)
    client.get(client.get(link).url)
    search.keep("opened")
    says_so(message, wrong(code))
    search.keep("refused")
    assert says_so(message).status_code == 302
    leave_unworked_rings()
    search.keep("confirmed")

    verifier = verifier_of(link)
    shapes = {"verifier": verifier, "half": verifier[:21], "other half": verifier[21:], "code": code}
    assert search.hits(shapes) == []
    assert any(str(email.pk) in text for place, text in search.found.items() if "tables" in place)


@pytest.mark.attack(19)
@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options", "trace"])
def test_no_way_to_knock_at_the_link_of_a_notice_writes_it_to_the_log(method: str, log: Log) -> None:
    user = UserFactory.create()
    locked(user)
    link = link_in(newest_to(user.email)).rstrip("/")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for end in ("/", "", "/.", "/?utm_source=mail", "/extra/"):
        getattr(client, method)(link + end)
    assert [line for line in log.lines if verifier_of(link) in line] == []


@pytest.mark.attack(19)
@pytest.mark.parametrize(
    ("make", "prefix", "ends"),
    [
        (a_reset, "/recovery/reset/", ("/", "", "/.", "/?utm_source=mail", "/extra/")),
        (a_reset, "/accounts/reset/", ("/", "/?utm_source=mail")),
        (an_activation, "/recovery/activate/", ("/", "", "/.", "/?utm_source=mail", "/extra/")),
    ],
)
@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options", "trace"])
def test_no_way_to_knock_at_a_link_writes_it_to_the_log(
    make: Callable[[], str], prefix: str, ends: tuple[str, ...], method: str, log: Log
) -> None:
    link = make()
    address = f"{prefix}{selector_of(link)}/{verifier_of(link)}"
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for end in ends:
        getattr(client, method)(address + end)
    assert [line for line in log.lines if verifier_of(link) in line] == []


@pytest.mark.attack(19)
def test_the_secret_of_a_first_password_is_nowhere_at_rest_either(search: Search) -> None:
    link = an_activation()
    leave_unworked_rings()
    search.keep("sent")
    client = browser()
    form = follow(client, link)
    client.get(form)
    client.post(form, {"new_password1": "short"})
    search.keep("opened")
    set_password(client, form)
    leave_unworked_rings()
    client.get(form)
    search.keep("used")
    assert search.hits(shapes_of(link)) == []
    assert search.hits({"new password": NEW_PASSWORD}) == []
    assert any(selector_of(link) in text for place, text in search.found.items() if "tables" in place)
