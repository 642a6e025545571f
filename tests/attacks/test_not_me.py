"""Cases 25, 26, 29, 30, 32, 33, 44 and 79 at "this was not me": robots, guesses, secrets of other purposes, leaks."""

import re
import secrets
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client

from recovery import notices
from recovery.models import AuditEvent, BackupAddress, Email, Objection, Rotation
from recovery.reasons import Action
from tests.asking import FIREFOX, NEW_PASSWORD, browser, set_password
from tests.attacks.test_scanners import Forms
from tests.factories import UserFactory
from tests.following import is_unchanged, mailed_link, selector_of, trail, verifier_of, works
from tests.ladder import BACKUPS, added, code_for, signed_in
from tests.objecting import DONE, THIEF, code_in, dead, link_in, locked, newest_to, opened, says_so

pytestmark = pytest.mark.django_db(transaction=True)

SPARE = "spare@example.net"


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


def told(user: Any) -> Any:
    notices.new_device(user, origin=THIEF)
    return newest_to(user.email)


def urls_in(message: Any) -> list[str]:
    """Every link of a mail, text and HTML, as a scanner finds it."""
    found = re.findall(r"https://library.example(/[^\s\"<]*)", f"{message.body} {message.alternatives[0][0]}")
    return list(dict.fromkeys(found))


def mails_of_every_notice(user: Any) -> list[Any]:
    assert works(mailed_link(user), user)
    notices.new_device(user, origin=THIEF)
    notices.suspicious_sign_in(user, origin=THIEF)
    locked(user)
    added(signed_in(user), SPARE, password=NEW_PASSWORD)
    newest_to(user.email)
    return [message for message in mail.outbox if message.to == [user.email]]


def scan(robot: Client, path: str) -> None:
    """Open a page, submit every form of it, empty and with everything that the page itself brings, and once more with
    every digit of the page in every field."""
    page = robot.get(path, follow=True)
    assert page.status_code in (200, 302)
    where = page.redirect_chain[-1][0] if page.redirect_chain else path
    body = page.content.decode()
    numbers = "".join(re.findall(r"\d+", re.sub(r"<[^>]*>", "", body)))
    for fields in Forms(body).found:
        for filled in ({}, fields, {name: value or "test" for name, value in fields.items()}):
            robot.post(where, filled, follow=True)
        robot.post(where, {name: value or numbers for name, value in fields.items()}, follow=True)


@pytest.mark.attack(30, 79)
def test_a_robot_that_opens_all_links_and_submits_all_forms_of_all_notices_starts_nothing(user: Any) -> None:
    messages = mails_of_every_notice(user)
    user.refresh_from_db()
    before = user.password
    assert len([message for message in messages if "/not-me/" in message.body]) == 5
    for number in range(3):
        robot = Client(REMOTE_ADDR=f"203.0.113.{number}", enforce_csrf_checks=bool(number), **FIREFOX)
        for message in messages:
            for path in urls_in(message):
                if "/reset/" not in path:
                    scan(robot, path)
    newest_to(user.email)
    user.refresh_from_db()
    assert user.password == before
    assert not Rotation.objects.exists()
    assert trail(Action.OBJECTED) == []
    assert {each.try_count for each in Objection.objects.all()} == {0}
    assert {row["verdict"] for row in trail(Action.OBJECTION_OPENED)} == {"person"}  # it looks like one
    assert says_so(messages[-1]).url == f"{DONE}rotated"


@pytest.mark.attack(29)
def test_scanners_before_and_after_the_person_leave_the_link_good(user: Any) -> None:
    message = told(user)
    link = link_in(message)
    scanners = [{}, {"HTTP_USER_AGENT": ""}, {**FIREFOX, "HTTP_SEC_PURPOSE": "prefetch;prerender"}]
    for number, headers in enumerate(scanners * 7):
        scanner = Client(REMOTE_ADDR=f"203.0.113.{number}", **headers)
        assert scanner.head(link).status_code == 302
        assert scanner.get(link, follow=True).status_code == 200
    assert not Rotation.objects.exists()
    assert {row["verdict"] for row in trail(Action.OBJECTION_OPENED)} == {"probable_scanner"}
    assert says_so(message).url == f"{DONE}rotated"


@pytest.mark.attack(44)
def test_a_fresh_backup_address_of_a_thief_is_told_and_the_notice_ends_his_access(user: Any) -> None:
    thief = signed_in(user)
    page = added(thief, "thief@example.net").url
    thief.post(page, {"code": code_for("thief@example.net")})
    assert BackupAddress.objects.get().confirmed_at
    notice = next(message for message in mail.outbox if "was added" in message.subject)
    assert notice.to == [user.email]
    assert says_so(notice).url == f"{DONE}rotated"
    newest_to(user.email)
    assert thief.get(BACKUPS).status_code == 302
    assert not BackupAddress.objects.usable().exists()


@pytest.mark.attack(25)
def test_no_secret_of_another_purpose_says_that_it_was_not_me(user: Any) -> None:
    """Reset link, code of a backup address, code of another notice, at the form of a notice."""
    message, reset = told(user), mailed_link(user)
    added(signed_in(user), SPARE)
    client, form = opened(link_in(message))
    for verifier in (verifier_of(reset), selector_of(reset), code_in(message), code_for(SPARE)):
        client.cookies["recovery_objection_token"] = verifier
        assert dead(client.get(form))
        assert dead(client.post(form, {"code": code_in(message)}))
    for code in (code_for(SPARE), verifier_of(reset)):
        assert says_so(message, code).status_code == 200
    assert not Rotation.objects.exists()
    assert works(reset, user)


@pytest.mark.attack(25)
def test_the_secrets_of_a_notice_work_nowhere_else(user: Any) -> None:
    message, reset = told(user), mailed_link(user)
    client = browser()
    client.cookies["recovery_token"] = verifier_of(link_in(message))
    form = f"/recovery/reset/{selector_of(reset)}/"
    assert client.get(form).context["reason"] == "invalid"
    assert set_password(client, form).status_code == 200
    swapped = "/".join([*reset.split("/")[:4], verifier_of(link_in(message)), ""])
    assert client.get(client.get(swapped).url).context["reason"] == "invalid"
    session = signed_in(user)
    page = added(session, SPARE).url
    assert session.post(page, {"code": code_in(message)}).status_code == 200
    assert BackupAddress.objects.get().confirmed_at is None
    assert is_unchanged(user)


@pytest.mark.attack(26)
@pytest.mark.parametrize("cookie", ["null", "[]", "{}", "undefined", "%20", "\x00", "a" * 43, "ä", "' OR 1=1 --"])
def test_a_mangled_secret_starts_nothing_and_writes_nothing(user: Any, cookie: str) -> None:
    message = told(user)
    client, form = opened(link_in(message))
    before = AuditEvent.objects.count()
    client.cookies["recovery_objection_token"] = cookie
    assert dead(client.get(form))
    assert dead(client.post(form, {"code": code_in(message), "email": str(Email.objects.get().pk), "user": user.pk}))
    assert (AuditEvent.objects.count(), Objection.objects.count()) == (before, 0)


@pytest.mark.attack(26)
@pytest.mark.parametrize(
    "path", ["{k}/{v}x/", "{k}x/{v}/", "{v}/{k}/", "{k}/", "{k}//", "{k}/%00/", "ä/", "x", "{u}/{v}/"]
)
def test_a_mangled_link_is_one_page_and_never_an_error(user: Any, path: str) -> None:
    message = told(user)
    link = link_in(message)
    wanted = path.format(k=link.split("/")[3], v=verifier_of(link), u=uuid4())
    assert dead(browser().get(f"/recovery/not-me/{wanted}", follow=True))
    assert dead(browser().get(link.rstrip("/") + "more/", follow=True))
    assert says_so(message).url == f"{DONE}rotated"


@pytest.mark.attack(26)
def test_a_link_that_only_gained_punctuation_still_works(user: Any) -> None:
    message = told(user)
    for end in ("", ".", ">", "/)."):
        client, form = opened(link_in(message).rstrip("/") + end)
        assert "End all access" in client.get(form).content.decode()


@pytest.mark.attack(32)
def test_guessing_the_secret_finds_nothing_and_writes_nothing(user: Any) -> None:
    link = link_in(told(user))
    before = AuditEvent.objects.count()
    for _ in range(100):
        assert dead(browser().get(link.replace(verifier_of(link), secrets.token_urlsafe(32)), follow=True))
    assert (AuditEvent.objects.count(), Objection.objects.count()) == (before, 0)


@pytest.mark.attack(33)
def test_the_link_leads_to_a_path_without_it_that_no_cache_keeps_and_no_other_host_hears_of(user: Any) -> None:
    link = link_in(told(user))
    client = browser()
    answer = client.get(link)
    page = client.get(answer.url)
    for one in (answer, page):
        assert verifier_of(link) not in one.url if one is answer else one.content.decode()
        assert one.headers["Cache-Control"] == "no-store"
        assert one.headers["Referrer-Policy"] == "same-origin"
    assert verifier_of(link) not in page.content.decode()
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*', page.content.decode()) == []
    cookie = answer.cookies["recovery_objection_token"]
    assert (cookie["path"], cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (
        answer.url, True, True, "Lax", 1800,
    )  # fmt: skip


@pytest.mark.attack(4)
def test_every_link_from_which_nothing_follows_is_the_same_page(user: Any) -> None:
    """Used, expired, of a stranger, guessed, mangled: status, headers and words are equal, by GET and by POST."""
    message = told(user)
    good = link_in(message)
    assert says_so(message).url == f"{DONE}rotated"
    other = UserFactory.create()
    message_of_other = told(other)
    type(other).objects.filter(pk=other.pk).update(is_active=False)
    links = [
        good,
        link_in(message_of_other),
        f"/recovery/not-me/{uuid4()}/{'a' * 43}/",
        good.replace(verifier_of(good), "b" * 43),
        "/recovery/not-me/nonsense/",
    ]
    for method in ("get", "post"):
        answers = [shown_for(link, method) for link in links]
        assert all(answer == answers[0] for answer in answers)


def shown_for(link: str, method: str) -> Any:
    client = browser()
    response = client.get(link)
    path = response.url if response.status_code == 302 else link
    answer = client.post(path, {"code": "12345678"}) if method == "post" else client.get(path)
    assert dead(answer)
    headers = {name: value for name, value in answer.headers.items() if name != "Expires"}
    return answer.status_code, headers, answer.content
