"""Asking for recovery under attack: who has an account, and what a fault shows of it (cases 1, 5 and 6)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.core import mail
from django.db import DatabaseError, connection, connections

from recovery.models import AuditEvent, Decision, Email, LimitCounter, ResetRequest, ResetToken
from recovery.reasons import EmailState, Outcome
from tests.asking import ask, asked, asked_for, browser, statements, work
from tests.factories import StaffFactory, UserFactory
from tests.joining import activated, invited

pytestmark = pytest.mark.django_db(transaction=True)


def unverified() -> str:
    user = UserFactory.create()
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    return user.email


def locked() -> str:
    """Locked by the host's own means; its flag is none of our business, and so is the sameness of the answer."""
    user = UserFactory.create()
    user.groups.add(Group.objects.create(name="locked out"))
    return user.email


def throttled() -> str:
    user = UserFactory.create()
    for number in range(6):
        ask(browser(REMOTE_ADDR=f"198.51.100.{number}"), user.email)
    assert asked().outcome == Outcome.THROTTLED
    return user.email


def throttled_unknown() -> str:
    for number in range(6):
        ask(browser(REMOTE_ADDR=f"198.51.100.{number}"), "nobody.often@example.com")
    assert asked().outcome == Outcome.THROTTLED
    return "nobody.often@example.com"


def cooling_down() -> str:
    user = UserFactory.create()
    ask(browser(REMOTE_ADDR="198.51.100.9"), user.email)
    work()
    return user.email


def several() -> str:
    UserFactory.create_batch(3, email="family@example.com")
    return "family@example.com"


STATES: dict[str, Callable[[], str]] = {
    "unknown address": lambda: "nobody@example.com",
    "unknown name": lambda: "nobody",
    "active": lambda: UserFactory.create().email,
    "active, by name": lambda: UserFactory.create().username,
    "inactive": lambda: UserFactory.create(is_active=False).email,
    "no password": lambda: UserFactory.create(password=None).email,
    "never joined": lambda: invited().email,
    "never joined, inactive": lambda: activated(UserFactory.create(password=None, is_active=False)).identifier,
    "no address": lambda: UserFactory.create(email="").username,
    "unverified": unverified,
    "locked": locked,
    "throttled": throttled,
    "throttled, unknown": throttled_unknown,
    "cooling down": cooling_down,
    "several accounts": several,
    "staff": lambda: StaffFactory.create().email,
}


@pytest.fixture(params=[False, True], ids=["own transactions", "ATOMIC_REQUESTS"])
def atomic_requests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", request.param)


@pytest.mark.attack(1)
@pytest.mark.usefixtures("atomic_requests")
@pytest.mark.parametrize("signed_in", [False, True], ids=["visitor", "signed in"])
def test_nobody_learns_from_the_forgot_page_whether_and_what_account_there_is(signed_in: bool) -> None:
    identifiers = {state: make() for state, make in STATES.items()}
    answers = {}
    for number, (state, identifier) in enumerate(identifiers.items()):
        client = browser(REMOTE_ADDR=f"192.0.2.{number}")
        if signed_in:
            client.force_login(UserFactory.create())
        for _ in range(2):
            answers[state] = asked_for(client, identifier)
    wanted = answers.pop("unknown address")
    assert wanted["answer"]["status"] == 302
    assert wanted["page"]["status"] == 200
    assert len(wanted["statements"]) <= 3
    assert wanted["commits"] == 1
    for state, found in answers.items():
        assert found == wanted, state


@pytest.mark.attack(1)
def test_the_forgot_page_reads_no_account_session_or_message() -> None:
    client, user = browser(), UserFactory.create()
    client.force_login(user)
    with statements() as found:
        ask(client, user.email)
    told = " ".join(found.texts)
    assert re.findall(r'INSERT INTO "?(\w+)', told) == [
        model._meta.db_table for model in (LimitCounter, ResetRequest, AuditEvent)
    ]
    read = set(re.findall(r'\b(?:FROM|JOIN|UPDATE) "?(\w+)', told)) - {"SET"}
    assert read <= {LimitCounter._meta.db_table, "taken", "verdict"}


@pytest.mark.attack(1)
def test_a_source_that_asks_too_often_is_answered_like_any_other() -> None:
    client = browser(REMOTE_ADDR="203.0.113.7")
    answers = [asked_for(client, f"somebody{number}@example.com") for number in range(22)]
    assert asked().outcome == Outcome.THROTTLED
    assert all(answer == answers[0] for answer in answers)


BROKEN: dict[str, dict[str, Any]] = {
    "the provider refuses everything": {"BACKEND": "tests.backends.Refusing"},
    "the provider is gone": {"BACKEND": "tests.backends.Unreachable"},
    "the mail settings name nothing": {"BACKEND": "nowhere.Backend"},
    "the mail backend raises what no one expects": {"BACKEND": "tests.backends.Surprising"},
}


@pytest.mark.attack(5)
@pytest.mark.parametrize("route", BROKEN.values(), ids=BROKEN.keys())
def test_mail_that_cannot_be_sent_shows_on_no_page_and_waits(settings: Any, route: dict[str, Any]) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "broken", **route}]}
    client, user = browser(), UserFactory.create()
    known, unknown = asked_for(client, user.email), asked_for(client, "nobody@example.com")
    assert known == unknown
    work()
    email = Email.objects.get()
    assert email.state in {EmailState.DEFERRED, EmailState.FAILED}
    assert asked_for(client, user.username) == unknown


@pytest.fixture
def table_refuses() -> Iterator[Callable[[Any], None]]:
    """Make every INSERT into a table fail, in the database itself."""
    undo = []

    def refuse(model: Any) -> None:
        table = model._meta.db_table
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(
                    f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'full'); END"
                )
                undo.append(f"DROP TRIGGER refuse_{table}")
            else:
                cursor.execute(
                    f"CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql"
                    " AS $$ BEGIN RAISE EXCEPTION 'full'; END $$"
                )
                cursor.execute(
                    f"CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} EXECUTE FUNCTION refuse_{table}()"
                )
                undo.append(f"DROP FUNCTION refuse_{table} CASCADE")

    yield refuse
    with connection.cursor() as cursor:
        for sql in undo:
            cursor.execute(sql)


@pytest.mark.attack(6)
@pytest.mark.parametrize("model", [Email, ResetToken, Decision])
def test_a_full_disk_behind_the_decision_shows_nowhere_and_is_made_up_for(
    model: Any, table_refuses: Callable[[Any], None]
) -> None:
    user = UserFactory.create()
    table_refuses(model)
    client = browser()
    assert asked_for(client, user.email) == asked_for(client, "nobody@example.com")
    for request in ResetRequest.objects.filter(identifier=user.email):
        with pytest.raises(DatabaseError):
            work()
        request.refresh_from_db()
        assert request.outcome == Outcome.RECEIVED
    assert not Email.objects.exists()
    assert not ResetToken.objects.exists()
    assert not Decision.objects.exists()
    assert not mail.outbox


@pytest.mark.attack(6)
@pytest.mark.parametrize("model", [AuditEvent, ResetRequest])
def test_an_ask_that_cannot_be_written_down_fails_alike_for_everybody_and_leaves_nothing(
    model: Any, table_refuses: Callable[[Any], None]
) -> None:
    user = UserFactory.create()
    table_refuses(model)
    client = browser()
    client.raise_request_exception = False
    known, unknown = ask(client, user.email), ask(client, "nobody@example.com")
    assert known.status_code == unknown.status_code == 500
    assert not ResetRequest.objects.exists()
    assert not AuditEvent.objects.exists()
