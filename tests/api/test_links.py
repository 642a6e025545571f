"""Links by the API: looked at without being used, used once, and what is told of dead ones (cases 4, 21, 26 and 31)."""

import re
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.test import Client

from recovery import delivery, resets
from recovery.models import AuditEvent, Email, Lockout, ResetRequest, ResetToken
from recovery.reasons import Action, EmailKind, Outcome, TokenState, Verdict
from tests.api.calling import ask, code, complete, look, mailed_token, post, problem, program, token_of
from tests.asking import NEW_PASSWORD, SITE, browser, work
from tests.factories import PASSWORD, UserFactory
from tests.following import is_unchanged, let_pass, trail
from tests.joining import invited, mailed_to
from tests.ladder import asks, fails, link_at, with_backup
from tests.signing_in import locked

pytestmark = pytest.mark.django_db


def test_looking_uses_nothing_up_and_tells_neither_name_nor_address() -> None:
    user = UserFactory.create(username="gwendolyn", email="gwendolyn@example.com")
    token = mailed_token(user)
    for _ in range(3):
        answer = look(program(), token)
        assert answer.json()["usable"] is True
        assert answer.json()["reason"] is None
        assert "gwendolyn" not in answer.content.decode()
    assert len(answer.json()["password_rules"]) == 4
    assert [row["verdict"] for row in trail(Action.LINK_OPENED)] == [Verdict.PERSON] * 3
    assert complete(program(), token).status_code == 200


def test_a_new_password_does_all_that_the_page_does() -> None:
    user = UserFactory.create()
    session = Client()
    session.force_login(user)
    locked(user.get_username())
    token = mailed_token(user)
    answer = complete(program(), token)
    assert answer.json() == {"main_address_failed": False}
    assert not answer.cookies
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert ResetToken.objects.get().state == TokenState.USED
    assert ResetRequest.objects.get().outcome == Outcome.COMPLETED
    assert not Lockout.objects.standing().exists()
    assert "_auth_user_id" not in session.get("/").wsgi_request.session
    assert Email.objects.filter(kind=EmailKind.PASSWORD_CHANGED).exists()
    assert AuditEvent.objects.filter(action=Action.COMPLETED).count() == 1


@pytest.mark.attack(37)
def test_a_reset_signs_nobody_in_here_whatever_the_pages_do(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "POST_RESET_LOGIN": True}
    client = program()
    assert complete(client, mailed_token(UserFactory.create())).status_code == 200
    assert not client.cookies


def expired(user: Any, token: str) -> str:
    let_pass(timedelta(hours=2))
    return token


def used(user: Any, token: str) -> str:
    complete(program(), token)
    return token


def replaced(user: Any, token: str) -> str:
    let_pass(timedelta(minutes=2))
    mailed_token(user)
    return token


def inactive(user: Any, token: str) -> str:
    user.is_active = False
    user.save()
    return token


DEAD: dict[str, tuple[Any, str]] = {
    "expired": (expired, "expired"),
    "used": (used, "used"),
    "replaced": (replaced, "replaced"),
    "inactive": (inactive, "invalid"),
    "wrong secret": (lambda user, token: token[:-6] + "AAAAA/", "invalid"),
    "other selector": (lambda user, token: "A" * 22 + token[22:], "invalid"),
    "no link at all": (lambda user, token: "x", "invalid"),
    "blank": (lambda user, token: "", "invalid"),
    "NUL and surrogates": (lambda user, token: "\x00\ud800" + token, "invalid"),
    "a megabyte less": (lambda user, token: token * 500, "invalid"),
}


@pytest.mark.attack(4, 26)
@pytest.mark.parametrize("state", DEAD)
def test_a_dead_link_is_told_alike_and_only_the_right_secret_earns_a_reason(state: str) -> None:
    user = UserFactory.create()
    make, reason = DEAD[state]
    token = make(user, mailed_token(user))
    before = user.password
    seen = look(program(), token)
    assert seen.status_code == 200
    assert seen.json() == {"usable": False, "reason": reason, "password_rules": []}
    refused = complete(program(), token, "another quiet heron")
    assert refused.status_code == 410
    assert problem(refused)["reason"] == reason
    user.refresh_from_db()
    assert state == "used" or user.password == before


@pytest.mark.attack(4)
def test_links_of_nobody_of_others_and_of_wrong_secrets_differ_in_nothing() -> None:
    token = mailed_token(UserFactory.create())
    answers = [complete(program(), text).content for text in ("A" * 22 + "/" + "B" * 43, token[:-3] + "AA/", "x")]
    assert len(set(answers)) == 1


@pytest.mark.attack(31)
def test_a_password_against_the_rules_is_told_by_the_validators_codes_and_leaves_the_link() -> None:
    user = UserFactory.create(username="gwendolyn")
    token = mailed_token(user)
    response = complete(program(), token, "12345")
    assert response.status_code == 422
    assert code(response) == "password_refused"
    errors = problem(response)["errors"]
    assert {error["code"] for error in errors} == {
        "password_too_short", "password_too_common", "password_entirely_numeric"
    }  # fmt: skip
    assert {error["field"] for error in errors} == {"new_password"}
    assert all(error["detail"] for error in errors)
    [noted] = trail(Action.PASSWORD_REFUSED)
    assert noted["codes"] == sorted(error["code"] for error in errors)
    assert is_unchanged(user)
    assert complete(program(), token).status_code == 200


@pytest.mark.parametrize(
    ("password", "word"), [("", "required"), ("\x00" * 12, "null_characters_not_allowed"), ("x" * 4097, "too_long"),
                           ("\ud800" * 12, "unprintable"), ("gwendolyn1", "password_too_similar")]
)  # fmt: skip
def test_a_password_that_cannot_be_is_refused(password: str, word: str) -> None:
    token = mailed_token(UserFactory.create(username="gwendolyn1"))
    assert [error["code"] for error in problem(complete(program(), token, password))["errors"]] == [word]


class Slow:
    """A validator of the site's, during which the same link is used elsewhere."""

    due: ClassVar[list[Any]] = []

    def validate(self, password: str, user: Any = None) -> None:
        if self.due:
            self.due.pop()()

    def get_help_text(self) -> str:
        return ""


@pytest.mark.attack(21)
def test_a_link_that_is_used_while_a_password_is_judged_is_dead_for_that_one(settings: Any) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{__name__}.Slow"}]
    user = UserFactory.create()
    token, quicker = mailed_token(user), []
    Slow.due.append(lambda: quicker.append(complete(program(), token, "another quiet heron").status_code))
    assert problem(complete(program(), token))["reason"] == "used"
    assert quicker == [200]
    user.refresh_from_db()
    assert user.check_password("another quiet heron")


@pytest.mark.attack(21)
def test_a_link_is_used_once() -> None:
    user = UserFactory.create()
    token = mailed_token(user)
    assert complete(program(), token).status_code == 200
    again = complete(program(), token, "another quiet heron")
    assert (code(again), problem(again)["reason"]) == ("link_refused", "used")
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert len(trail(Action.LINK_REFUSED)) == 1


@pytest.mark.attack(25)
def test_a_first_password_needs_the_link_for_it_and_says_so() -> None:
    user = invited()
    token = token_of(mailed_to(user))
    assert look(program(), token).json()["reason"] == "invalid"
    assert look(program(), token, purpose="activation").json()["usable"] is True
    assert problem(complete(program(), token))["reason"] == "invalid"
    assert complete(program(), token, purpose="activation").status_code == 200
    assert code(look(program(), token, purpose="backup")) == "invalid"


def test_what_a_mail_program_adds_to_a_link_does_no_harm() -> None:
    token = mailed_token(UserFactory.create())
    for text in (token.rstrip("/"), token + ".", token + ">)"):
        assert look(program(), text).json()["usable"] is True


def test_a_link_that_came_to_the_backup_address_says_that_the_main_one_failed() -> None:
    user = UserFactory.create()
    with_backup(user)
    fails(asks(user))
    assert complete(program(), token_of(link_at("spare@example.net"))).json() == {"main_address_failed": True}


@pytest.mark.attack(33, 108)
def test_the_secret_stands_in_no_url_and_in_no_log_line(caplog: Any) -> None:
    caplog.set_level("DEBUG")
    user = UserFactory.create(username="gwendolyn", email="gwendolyn@example.com")
    token = mailed_token(user)
    look(program(), token)
    complete(program(), token[:-3] + "AA/")
    post(program(), "links/complete/", {"token": token, "new_password": 7})
    complete(program(), token, "12345")
    complete(program(), token)
    ask(program(), "gwendolyn@example.com")
    said = caplog.text
    assert token.split("/")[1] not in said
    assert NEW_PASSWORD not in said
    assert PASSWORD not in said
    assert "gwendolyn" not in said


def test_links_for_a_password_lead_to_the_front_end_and_all_others_in_mail_to_this_app(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "LINK_URL": "https://app.example/password#{purpose}/{token}"}
    ask(program(), UserFactory.create().email)
    work()
    [url] = re.findall(r"https?://\S+", mail.outbox[-1].body)
    purpose, token = url.removeprefix("https://app.example/password#").split("/", 1)
    assert look(program(), token, purpose=purpose).json()["usable"] is True
    assert complete(program(), token, purpose=purpose).status_code == 200
    delivery.drain()
    [objection] = re.findall(r"https?://\S+", mail.outbox[-1].body)
    assert browser().get(objection.removeprefix(SITE), follow=True).status_code == 200
    resets.activate(UserFactory.create(password=None))
    work()
    first, forgot = re.findall(r"https?://\S+", mail.outbox[-1].body)
    assert first.startswith("https://app.example/password#activation/")
    assert forgot.startswith(f"{SITE}/recovery/forgot/")


@pytest.mark.parametrize("page", ["https://app.example/#{token}", "https://app.example/{purpose}/", ""])
def test_a_page_that_would_not_get_all_it_needs_gets_no_link(page: str, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "LINK_URL": page}
    assert look(program(), mailed_token(UserFactory.create())).json()["usable"] is True


def test_a_door_may_have_a_front_end_of_its_own(settings: Any) -> None:
    door = {"BASE_URL": "http://testserver", "LINK_URL": "https://portal.example/{purpose}/{token}/"}
    site = {**settings.RECOVERY, "LINK_URL": "https://app.example/{purpose}/{token}/"}
    for portal, host in ((door, "portal"), ({**door, "LINK_URL": ""}, "app")):
        settings.RECOVERY = {**site, "AUDIENCES": {"portal": portal}}
        ask(program(), UserFactory.create().email)
        work()
        assert f"https://{host}.example/reset/" in mail.outbox[-1].body
