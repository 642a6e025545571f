"""The page "check your mail": the same for everybody, and once more for the browser that asked, after the wait."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.signing import dumps
from django.test import Client

from recovery import cookies
from recovery.models import ResetRequest
from tests.asking import FORGOT, ask, asked, browser, masked, recipients, statements, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

A_MINUTE_LATER = timedelta(seconds=61)


@pytest.fixture
def asker() -> tuple[Client, str]:
    """A browser that asked for ``ada@example.com`` a moment ago, and its page."""
    client = browser()
    return client, ask(client, "ada@example.com").url


def test_the_asking_browser_may_ask_again_after_the_wait(asker: tuple[Client, str]) -> None:
    client, page = asker
    first = asked()
    with time_machine.travel(first.requested_at + A_MINUTE_LATER):
        assert 'data-wait="0"' in client.get(page).content.decode()
        response = client.post(page)
    assert response.status_code == 302
    again = ResetRequest.objects.exclude(pk=first.pk).get()
    assert again.reference != first.reference
    assert response.url == f"/recovery/sent/{again.shown_reference}/"
    assert (again.identifier, again.ip) == (first.identifier, first.ip)
    assert "data-resend" in client.get(response.url).content.decode()


def test_before_the_wait_is_over_it_leads_back_to_the_page(asker: tuple[Client, str]) -> None:
    client, page = asker
    with time_machine.travel(asked().requested_at, tick=False):
        assert 'data-wait="60"' in client.get(page).content.decode()
    response = client.post(page)
    assert (response.status_code, response.url) == (302, page)
    assert ResetRequest.objects.count() == 1


@pytest.mark.parametrize("wait", [timedelta(seconds=90), timedelta(minutes=5)])
def test_the_wait_is_the_cool_down(settings: Any, wait: timedelta) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": wait}
    client = browser()
    page = ask(client, "ada@example.com").url
    with time_machine.travel(asked().requested_at + A_MINUTE_LATER):
        assert client.post(page).url == page
    with time_machine.travel(asked().requested_at + wait + timedelta(seconds=1)):
        assert client.post(page).url != page


def test_another_browser_may_not(asker: tuple[Client, str]) -> None:
    _, page = asker
    with time_machine.travel(asked().requested_at + A_MINUTE_LATER):
        other = browser()
        assert "data-resend" not in other.get(page).content.decode()
        assert other.post(page).url == FORGOT
    assert ResetRequest.objects.count() == 1


def test_a_browser_that_asked_under_another_reference_may_not(asker: tuple[Client, str]) -> None:
    _, page = asker
    other = browser()
    ask(other, "bob@example.com")
    own = other.cookies[cookies.ASKED]
    own["path"] = page
    with time_machine.travel(asked().requested_at + A_MINUTE_LATER):
        assert other.post(page).url == FORGOT
    assert ResetRequest.objects.filter(identifier="ada@example.com").count() == 1


FORGERIES = [
    "",
    "x",
    "[]",
    "a:b:c",
    dumps(["AAAAAAAA", 0, ""]),
    *[dumps(value, salt=cookies.SALT) for value in ("x", [], {"a": 1}, None, 7, [1, 2, 3])],
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=range(len(FORGERIES)))  # some bear the time
def test_a_forged_cookie_is_no_cookie(asker: tuple[Client, str], forgery: str) -> None:
    _, page = asker
    other = browser()
    other.cookies[cookies.ASKED] = forgery
    assert other.get(page).status_code == 200
    assert other.post(page).url == FORGOT


def test_an_hour_later_the_cookie_is_worth_nothing(asker: tuple[Client, str]) -> None:
    client, page = asker
    with time_machine.travel(asked().requested_at + timedelta(hours=1, minutes=1)):
        client.cookies[cookies.ASKED]["max-age"] = ""
        assert client.post(page).url == FORGOT


def test_a_request_that_is_purged_leads_to_the_forgot_page(asker: tuple[Client, str]) -> None:
    client, page = asker
    with time_machine.travel(asked().requested_at + A_MINUTE_LATER):
        ResetRequest.objects.all().delete()
        assert client.post(page).url == FORGOT


def test_asking_again_counts_as_asking() -> None:
    client, user = browser(), UserFactory.create()
    page = ask(client, user.email).url
    now = asked().requested_at
    for number in range(1, 9):
        with time_machine.travel(now + number * A_MINUTE_LATER):
            page = client.post(page).url
    work()
    outcomes = list(ResetRequest.objects.order_by("requested_at").values_list("outcome", flat=True))
    assert outcomes.count("throttled") == 4
    assert recipients() == [user.email]


def test_unknown_foreign_and_mangled_references_are_the_same_page_and_read_no_row(asker: tuple[Client, str]) -> None:
    _, page = asker
    bodies = {}
    for path in (page, "/recovery/sent/ZZZZ-ZZZZ/", "/recovery/sent/zzzzzzzz/"):
        with statements() as found:
            response = browser().get(path)
        assert found.texts == []
        assert response.status_code == 200
        bodies[path] = masked(response.content.decode())
    assert len(set(bodies.values())) == 1
    assert browser().get("/recovery/sent/no-reference-at-all/").status_code == 200


def test_the_page_shows_the_reference_and_never_what_was_typed(asker: tuple[Client, str]) -> None:
    client, page = asker
    body = client.get(page).content.decode()
    assert asked().shown_reference in body
    assert "ada@" not in body


def test_a_slip_in_a_well_known_domain_is_pointed_out_to_the_asking_browser_and_alters_nothing() -> None:
    client = browser()
    page = ask(client, "ada@gmial.com").url
    assert "gmail.com" in client.get(page).content.decode()
    assert "gmail.com" not in browser().get(page).content.decode()
    assert asked().identifier == "ada@gmial.com"
    work()
    assert not mail.outbox
