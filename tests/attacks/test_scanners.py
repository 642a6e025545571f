"""Cases 29 to 31: what opens links before the person does, and what the person gets wrong."""

from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from recovery import accounts, audit, tokens
from recovery.models import AuditEvent, ResetToken
from recovery.reasons import Action, TokenState, Verdict
from tests.asking import FIREFOX, NEW_PASSWORD, follow, links, set_password, work
from tests.factories import UserFactory
from tests.following import is_unchanged, let_pass, mailed_link, opened, row_of, selector_of, trail, verifier_of, works
from tests.joining import invited, mailed_to

pytestmark = pytest.mark.django_db(transaction=True)


def reset_of_somebody() -> tuple[Any, str]:
    user = UserFactory.create()
    return user, mailed_link(user)


def activation_of_somebody() -> tuple[Any, str]:
    user = invited()
    return user, mailed_to(user)


@pytest.mark.attack(29)
@pytest.mark.parametrize("make", [reset_of_somebody, activation_of_somebody])
def test_scanners_before_and_after_the_person_leave_the_link_good(make: Callable[[], tuple[Any, str]]) -> None:
    user, link = make()
    form = "/".join([*link.split("/")[:4], ""])
    scanners = [{}, {"HTTP_USER_AGENT": ""}, {**FIREFOX, "HTTP_SEC_PURPOSE": "prefetch;prerender"}]

    def scan() -> None:
        for number, headers in enumerate(scanners * 7):
            scanner = Client(REMOTE_ADDR=f"203.0.113.{number}", **headers)
            for path in (link, form, link):
                assert scanner.head(path).status_code in (200, 302)
                assert scanner.get(path, follow=True).status_code == 200

    scan()
    client, _ = opened(link)
    scan()
    assert row_of(link).state == TokenState.LIVE
    assert set_password(client, form).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


@pytest.mark.attack(31)
def test_bad_passwords_do_not_burn_the_link() -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    bad = [("short", ""), ("password1234", ""), ("12345678901", ""), (NEW_PASSWORD, "another"), ("", "")]
    for first, second in bad:
        answer = client.post(form, {"new_password1": first, "new_password2": second})
        assert answer.status_code == 200
        assert answer.context["form"].errors
    assert is_unchanged(user)
    assert set_password(client, form).status_code == 302
    assert [row["codes"] for row in trail(Action.PASSWORD_REFUSED)] == [
        ["password_too_short"],
        ["password_too_common"],
        ["password_entirely_numeric", "password_too_common"],
        ["mismatch"],
        ["required"],
    ]


class Forms(HTMLParser):
    """Every form of a page as a robot sees it: where it posts, and its fields with the values they have."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        field = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append({})
        elif tag in ("input", "button") and self.found and "name" in field:
            self.found[-1][field["name"]] = field.get("value", "")


@pytest.mark.attack(30)
def test_a_scanner_that_submits_every_form_empty_and_presses_every_button_leaves_the_link_good() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    for number in range(20):
        robot = Client(REMOTE_ADDR=f"203.0.113.{number}", enforce_csrf_checks=True, **FIREFOX)
        form = follow(robot, link)
        pressed = Forms(robot.get(form).content.decode()).found
        assert pressed
        for fields in pressed:
            assert "csrfmiddlewaretoken" in fields
            assert robot.post(form, fields).status_code == 200
    assert row_of(link).state == TokenState.LIVE
    assert is_unchanged(user)
    assert len(mail.outbox) == 1
    assert works(link, user)


@pytest.mark.attack(30)
def test_a_scanner_that_asks_again_on_a_dead_page_costs_the_person_one_mail_at_most() -> None:
    """The button of a dead link asks as the person would: under the same cool-down and limits, to the same address."""
    user = UserFactory.create()
    link = mailed_link(user)
    let_pass(timedelta(hours=2))
    for number in range(20):
        robot = Client(REMOTE_ADDR=f"203.0.113.{number}", **FIREFOX)
        form = follow(robot, link)
        [fields] = [one for one in Forms(robot.get(form).content.decode()).found if "again" in one]
        assert robot.post(form, fields).status_code == 302
        work()
    assert len(mail.outbox) == 2
    assert works(links(mail.outbox[1])[0], user)


SAFARI_OF_2021 = {
    "HTTP_USER_AGENT": "Mozilla/5.0 (iPhone; CPU iPhone OS 14_4 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
    "HTTP_ACCEPT_LANGUAGE": "de",
}
PERSON, SCANNER = Verdict.PERSON, Verdict.PROBABLE_SCANNER


@pytest.mark.parametrize(
    ("method", "headers", "verdict", "browser_name"),
    [
        ("get", FIREFOX, PERSON, "Firefox (Linux)"),
        ("get", SAFARI_OF_2021, PERSON, "Safari (iPhone)"),
        ("head", FIREFOX, SCANNER, "Firefox (Linux)"),
        ("get", {**FIREFOX, "HTTP_SEC_PURPOSE": "prefetch;prerender"}, SCANNER, "Firefox (Linux)"),
        ("get", {**FIREFOX, "HTTP_PURPOSE": "prefetch"}, SCANNER, "Firefox (Linux)"),
        ("get", {**FIREFOX, "HTTP_SEC_FETCH_MODE": "no-cors"}, SCANNER, "Firefox (Linux)"),
        ("get", {**SAFARI_OF_2021, "HTTP_SEC_PURPOSE": "prefetch"}, SCANNER, "Safari (iPhone)"),
        ("get", {"HTTP_USER_AGENT": SAFARI_OF_2021["HTTP_USER_AGENT"]}, SCANNER, "Safari (iPhone)"),
        ("get", {"HTTP_USER_AGENT": "python-requests/2.32", "HTTP_ACCEPT_LANGUAGE": "en"}, SCANNER, ""),
        ("get", {}, SCANNER, ""),
    ],
)
def test_each_opening_is_recorded_with_who_it_probably_was(
    method: str, headers: dict[str, str], verdict: Verdict, browser_name: str
) -> None:
    link = mailed_link(UserFactory.create())
    client = Client(**headers)
    client.cookies["recovery_token"] = verifier_of(link)
    getattr(client, method)(f"/recovery/reset/{selector_of(link)}/")
    [row] = trail(Action.LINK_OPENED)
    assert row == {
        "verdict": verdict, "browser": browser_name, "refusal": None, "form_shown": verdict == PERSON,
    }  # fmt: skip
    assert row_of(link).open_count == 1


def test_a_persons_way_over_the_link_is_one_opening_and_a_scanners_fetch_of_it_another() -> None:
    link = mailed_link(UserFactory.create())
    Client().get(link)
    assert [row["verdict"] for row in trail(Action.LINK_OPENED)] == [SCANNER]
    opened(link)
    assert [row["verdict"] for row in trail(Action.LINK_OPENED)] == [SCANNER, PERSON]
    assert row_of(link).open_count == 2


def test_a_refused_password_is_recorded_by_codes_and_never_by_its_text() -> None:
    user = UserFactory.create(username="gwendolyn")
    link = mailed_link(user)
    client, form = opened(link)
    set_password(client, form, "gwendolyn1")
    [event] = AuditEvent.objects.filter(action=Action.PASSWORD_REFUSED)
    assert event.detail == {"codes": ["password_too_similar"]}
    assert event.request_id == row_of(link).request_id
    assert event.user_key == accounts.key_of(user)


def test_past_a_hundred_openings_a_scanners_are_no_longer_written_down_and_the_link_still_works() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    ResetToken.objects.update(open_count=tokens.MOST_OPENINGS)
    Client().get(link)
    assert trail(Action.LINK_OPENED) == []
    assert works(link, user)


@pytest.mark.parametrize("action", [Action.PASSWORD_REFUSED, Action.LINK_REFUSED])
def test_past_a_hundred_posts_over_one_link_those_in_vain_are_no_longer_written_down(action: str) -> None:
    user, other = UserFactory.create(), UserFactory.create()
    link, foreign = mailed_link(user), mailed_link(other)
    client, form = opened(link)
    if action == Action.LINK_REFUSED:
        ResetToken.objects.filter(pk=row_of(link).pk).update(state=TokenState.REVOKED)
    for _ in range(tokens.MOST_OPENINGS - 1):
        audit.record(action, user_key=accounts.key_of(user), request_id=row_of(link).request_id)
    for _ in range(3):
        assert set_password(client, form, "").status_code == 200
    assert len(trail(action)) == tokens.MOST_OPENINGS
    assert works(link, user) is (action == Action.PASSWORD_REFUSED)
    their_client, their_form = opened(foreign)
    if action == Action.LINK_REFUSED:
        ResetToken.objects.filter(pk=row_of(foreign).pk).update(state=TokenState.REVOKED)
    set_password(their_client, their_form, "")
    assert len(trail(action)) == tokens.MOST_OPENINGS + 1
