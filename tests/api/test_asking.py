"""Asking by the API: the same for everybody, limited by place alone, and again after the wait (cases 1, 7, 9, 10)."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.db import connection, connections
from django.utils import timezone

from recovery.models import AuditEvent, ResetRequest
from recovery.reasons import Action, Outcome
from tests.api.calling import API, ask, code, post, problem, program
from tests.asking import ask as ask_on_page
from tests.asking import asked, browser, recipients, statements, work
from tests.attacks.test_asking import STATES
from tests.factories import UserFactory
from tests.following import let_pass

pytestmark = pytest.mark.django_db(transaction=True)

VOLATILE = ("reference", "resend_token")


def told(response: Any) -> dict[str, Any]:
    """All that an asker can see, without what is drawn for each ask."""
    body = response.json()
    return {
        "status": response.status_code,
        "headers": {name: value for name, value in response.headers.items() if name != "Content-Length"},
        "body": {name: value for name, value in body.items() if name not in VOLATILE},
        "lengths": {name: len(body[name]) for name in VOLATILE},
        "cookies": list(response.cookies),
    }


@pytest.mark.attack(1)
def test_nobody_learns_from_the_api_whether_and_what_account_there_is() -> None:
    identifiers = {state: make() for state, make in STATES.items()}
    answers = {}
    for number, (state, identifier) in enumerate(identifiers.items()):
        with statements() as found:
            response = ask(program(REMOTE_ADDR=f"192.0.2.{number}"), identifier)
        answers[state] = (told(response), found.texts, found.commits)
    wanted = answers.pop("unknown address")
    assert wanted[0]["status"] == 202
    assert wanted[0]["cookies"] == []
    for state, answer in answers.items():
        assert answer == wanted, state


@pytest.mark.attack(1)
def test_the_api_says_to_the_database_what_the_forgot_page_says() -> None:
    with statements() as by_page:
        ask_on_page(browser(), "ada@example.com")
    with statements() as by_api:
        ask(program(), "ada@example.org")
    assert by_api.texts == by_page.texts
    assert by_api.commits == by_page.commits == 1
    assert len(by_api.texts) == (1 if connection.vendor == "postgresql" else 3)


def test_an_ask_commits_on_its_own_also_where_each_request_is_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    with statements() as found:
        assert ask(program(), "ada@example.com").status_code == 202
    assert found.commits == 1


def test_an_ask_leads_to_the_mail_that_the_page_sends_and_its_reference_names_it() -> None:
    user = UserFactory.create()
    answer = ask(program(REMOTE_ADDR="192.0.2.7", HTTP_ACCEPT_LANGUAGE="de"), user.email).json()
    row = ResetRequest.objects.get()
    assert (row.shown_reference, row.identifier, row.ip) == (answer["reference"], user.email, "192.0.2.7")
    assert (row.language, row.user_agent, row.audience) == ("de", "program/1", "default")
    assert AuditEvent.objects.get(action=Action.REQUESTED).reference == row.reference
    assert answer["resend_after"] == 60
    work()
    assert recipients() == [user.email]


def test_a_mistyped_domain_is_pointed_out_by_the_typed_text_alone() -> None:
    assert ask(program(), "ada@gmial.com").json()["hint"] == "gmail.com"
    assert ask(program(), "ada@example.com").json()["hint"] is None


@pytest.mark.attack(7)
def test_too_many_asks_from_one_place_are_told_so_whoever_was_asked_for() -> None:
    client, user = program(REMOTE_ADDR="203.0.113.9"), UserFactory.create()
    for number in range(20):
        assert ask(client, f"somebody{number}@example.com").status_code == 202
    known, unknown = ask(client, user.email), ask(client, "nobody@example.com")
    assert code(known) == "too_many_asks"
    assert problem(known) == problem(unknown)
    assert 3500 <= int(known.headers["Retry-After"]) <= 3600
    assert asked().outcome == Outcome.THROTTLED
    assert ask(program(REMOTE_ADDR="203.0.113.10"), user.email).status_code == 202
    let_pass(timedelta(hours=1, minutes=1))
    assert ask(client, user.email).status_code == 202


@pytest.mark.attack(7)
def test_too_many_asks_for_one_address_show_in_no_answer() -> None:
    user = UserFactory.create()
    answers = [told(ask(program(REMOTE_ADDR=f"203.0.113.{n}"), user.email)) for n in range(7)]
    assert asked().outcome == Outcome.THROTTLED
    assert all(answer == answers[0] for answer in answers)
    work()
    assert len(mail.outbox) == 1


@pytest.mark.attack(9, 10)
@pytest.mark.parametrize(
    "body",
    [
        {"identifier": ["ada@example.com", "evil@evil.example"]},
        {"identifier": {"email": "ada@example.com"}},
        {"identifier": None},
        {"identifier": 7},
        {"identifier": True},
        {"identifier": "ada@example.com,evil@evil.example"},
        {"identifier": "ada@example.com\r\nBcc: evil@evil.example"},
        {"identifier": "ada\x00@example.com"},
        {"identifier": "\ud800"},
        {"identifier": "a" * 255},
        {"identifier": "  "},
        {"identifier": "ada@example.com", "email": "evil@evil.example"},
        {"identifier": "ada@example.com", "audience": "portal"},
        {"email": "ada@example.com"},
        {},
    ],
)
def test_what_cannot_be_right_is_refused_and_never_written_down(body: Any) -> None:
    response = post(program(), "requests/", body)
    assert code(response) == "invalid"
    assert problem(response)["errors"]
    assert not ResetRequest.objects.exists()


@pytest.mark.attack(10)
def test_a_field_that_is_sent_twice_is_refused() -> None:
    response = post(program(), "requests/", b'{"identifier": "ada@example.com", "identifier": "evil@evil.example"}')
    assert code(response) == "malformed"


class TestAskingAgain:
    """By whoever asked, after the wait."""

    def resend(self, answer: dict[str, Any], **more: Any) -> Any:
        reference = more.get("reference", answer["reference"])
        token = more.get("token", answer["resend_token"])
        return post(program(), f"requests/{reference}/resend/", {"resend_token": token})

    def test_it_is_a_new_ask_of_the_same_name_once_the_wait_is_over(self, settings: Any) -> None:
        settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
        user = UserFactory.create()
        first = ask(program(), user.email).json()
        second = self.resend(first)
        assert second.status_code == 202
        assert second.json()["reference"] != first["reference"]
        assert list(ResetRequest.objects.values_list("identifier", flat=True)) == [user.email] * 2

    def test_it_is_refused_before_for_known_and_unknown_alike(self) -> None:
        for identifier in (UserFactory.create().email, "nobody@example.com"):
            early = self.resend(ask(program(), identifier).json())
            assert code(early) == "too_early"
            assert early.status_code == 409
            assert 50 <= int(early.headers["Retry-After"]) <= 60
        assert ResetRequest.objects.count() == 2

    def test_it_is_refused_to_whoever_knows_the_reference_alone(self) -> None:
        first, other = ask(program(), "ada@example.com").json(), ask(program(), "eve@example.com").json()
        for more in ({"token": "x"}, {"token": other["resend_token"]}, {"reference": "AAAA-AAAA"}, {"reference": "A"}):
            assert code(self.resend(first, **more)) == "resend_refused"
        assert ResetRequest.objects.count() == 2

    def test_it_is_refused_where_the_first_was_purged_or_erased(self, settings: Any) -> None:
        settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
        first = ask(program(), "ada@example.com").json()
        ResetRequest.objects.all().delete()
        assert code(self.resend(first)) == "resend_refused"

    def test_it_is_at_the_first_ones_door_while_there_is_one(self, settings: Any) -> None:
        settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
        settings.ALLOWED_HOSTS = ["*"]
        without = settings.RECOVERY
        settings.RECOVERY = {**without, "AUDIENCES": {"portal": {"BASE_URL": "https://portal.example"}}}
        first = ask(program(), "ada", HTTP_HOST="portal.example").json()
        self.resend(first)
        assert asked().audience == "portal"
        settings.RECOVERY = without
        assert self.resend(first).status_code == 202
        assert asked().audience == "default"

    def test_it_is_refused_after_an_hour(self) -> None:
        first = ask(program(), "ada@example.com").json()
        with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=2)):
            assert code(self.resend(first)) == "resend_refused"


def test_the_door_is_that_of_the_host_and_path_and_of_nothing_else(settings: Any) -> None:
    door = {"portal": {"BASE_URL": "https://portal.example"}, "club": {"BASE_URL": "http://testserver/club"}}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": door}
    settings.ALLOWED_HOSTS = ["*"]
    settings.ROOT_URLCONF = "tests.api.two_doors"
    assert ask(program(), "ada", HTTP_HOST="portal.example").status_code == 202
    assert asked().audience == "portal"
    ask(program(), "ada", HTTP_HOST="nowhere.example")
    assert asked().audience == "default"
    program().post(f"{API}requests/?audience=portal", b'{"identifier": "ada"}', content_type="application/json")
    assert asked().audience == "default"
    program().post("/club/api/requests/", b'{"identifier": "ada"}', content_type="application/json")
    assert asked().audience == "club"


@pytest.mark.attack(54)
def test_visitors_of_a_front_end_with_a_server_are_told_apart_and_nobody_else_is_believed(settings: Any) -> None:
    """What docs/api.md advises: that server calls by the site's proxy, which appends whom it saw, or at once."""
    proxy, server = "10.0.0.2", "203.0.113.50"
    limits = {"source": (1, timedelta(hours=1))}
    settings.RECOVERY = {**settings.RECOVERY, "TRUSTED_PROXIES": ["10.0.0.0/24", server], "REQUEST_LIMITS": limits}

    def asked(*hops: str, by: str = proxy) -> int:
        return ask(program(REMOTE_ADDR=by, HTTP_X_FORWARDED_FOR=", ".join(hops)), "ada@example.com").status_code

    assert [asked(visitor, server) for visitor in ("192.0.2.1", "192.0.2.2")] == [202, 202]
    assert asked("192.0.2.1", by=server) == asked("6.6.6.6", "192.0.2.2", server) == 429
    assert [asked(forged, "198.18.0.66") for forged in ("192.0.2.3", "192.0.2.4", server)] == [202, 429, 429]
    assert asked("192.0.2.3", by="198.18.0.66") == 429
    assert asked("192.0.2.3", server) == 202
