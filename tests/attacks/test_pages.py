"""Dead links and shared addresses (cases 4, 12)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from recovery.models import AuditEvent, ResetRequest, ResetToken
from recovery.reasons import TokenState
from tests.asking import ask, browser, follow, links, masked, recipients, seen, set_password, work
from tests.factories import UserFactory
from tests.following import let_pass

pytestmark = pytest.mark.django_db


def a_link(user: Any) -> str:
    ask(browser(REMOTE_ADDR=f"192.0.2.{ResetRequest.objects.count() % 250}"), user.email)
    work()
    return links(mail.outbox[-1])[0]


def of_another_account() -> str:
    first, second = a_link(UserFactory.create()), a_link(UserFactory.create())
    return "/".join([*first.split("/")[:4], *second.split("/")[4:]])


def of_an_account_made_inactive() -> str:
    user = UserFactory.create()
    link = a_link(user)
    type(user).objects.update(is_active=False)
    return link


def of_an_account_that_is_gone() -> str:
    user = UserFactory.create()
    link = a_link(user)
    user.delete()
    return link


def of_a_changed_address() -> str:
    user = UserFactory.create()
    link = a_link(user)
    type(user).objects.update(email="new@example.com")
    return link


def of_a_changed_password() -> str:
    user = UserFactory.create()
    link = a_link(user)
    user.set_password("another one, chosen elsewhere")
    user.save()
    return link


def revoked() -> str:
    user = UserFactory.create()
    older = a_link(user)
    ResetToken.objects.update(issued_at=timezone.now() - timedelta(minutes=5))
    newer = a_link(user)
    ResetToken.objects.update(state=TokenState.LIVE)
    client = browser()
    assert set_password(client, follow(client, older)).status_code == 302
    return newer


GENERIC: dict[str, Callable[[], str]] = {
    "random": lambda: f"/recovery/reset/{'Ab3_' * 5}xY/{'Zz9-' * 10}abc/",
    "short": lambda: "/recovery/reset/abc/def/",
    "with half its secret": lambda: a_link(UserFactory.create())[:-20] + "/",
    "with a wrong letter": lambda: a_link(UserFactory.create())[:-3] + "!!/",
    "with more path": lambda: a_link(UserFactory.create()) + "more/and/more/",
    "of another account": of_another_account,
    "of an account made inactive": of_an_account_made_inactive,
    "of an account that is gone": of_an_account_that_is_gone,
    "of a changed address": of_a_changed_address,
    "of a changed password": of_a_changed_password,
    "revoked": revoked,
}


def answers_to(link: str, method: str) -> dict[str, Any]:
    client = browser()
    response = client.get(link)
    path = response.url if response.status_code == 302 else link
    response = set_password(client, path) if method == "post" else client.get(path)
    assert response.status_code == 200
    found = seen(response)
    told = {"reason": response.context["reason"], "can_ask_again": response.context["can_ask_again"]}
    return {**told, **{name: found[name] for name in ("status", "body", "headers")}}


@pytest.mark.attack(4)
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_link_that_may_give_no_reason_is_the_same_page(method: str) -> None:
    answers = {name: answers_to(make(), method) for name, make in GENERIC.items()}
    wanted = answers["random"]
    assert (wanted["reason"], wanted["can_ask_again"]) == ("invalid", False)
    for name, found in answers.items():
        assert found == wanted, name


def of_nothing() -> str:
    return f"/recovery/reset/{'Ab3_' * 5}xY/{'Zz9-' * 10}abc/"


@pytest.mark.attack(4)
@pytest.mark.parametrize("method", ["get", "post"])
def test_without_the_cookie_every_selector_is_the_same_page_which_leads_back_to_the_mail(method: str) -> None:
    """The secret rests in the browser for half an hour, a link lives for up to a day."""
    answers = []
    for make in (lambda: a_link(UserFactory.create()), of_nothing, revoked, of_an_account_made_inactive):
        form = "/".join([*make().split("/")[:4], ""])
        before = AuditEvent.objects.count()
        found = answers_to(form, method)
        assert AuditEvent.objects.count() == before
        answers.append(found)
    assert all(found == answers[0] for found in answers)
    assert (answers[0]["reason"], answers[0]["can_ask_again"]) == ("forgotten", False)
    assert "Open the link in your mail once more" in answers[0]["body"]
    assert "cut off" not in answers[0]["body"]


@pytest.mark.attack(4)
def test_a_browser_that_forgot_the_link_is_back_in_by_opening_it_once_more() -> None:
    user = UserFactory.create()
    client, link = browser(), a_link(user)
    form = follow(client, link)
    del client.cookies["recovery_token"]
    assert client.get(form).context["reason"] == "forgotten"
    assert client.post(form, {"again": "1"}).url == "/recovery/forgot/"
    assert set_password(client, follow(client, link)).status_code == 302


@pytest.mark.attack(4)
def test_the_right_secret_earns_a_reason_under_the_same_status() -> None:
    user = UserFactory.create()
    client, link = browser(), a_link(user)
    form = follow(client, link)
    ResetToken.objects.update(expires_at=timezone.now())
    expired = client.get(form)
    ResetToken.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert set_password(client, form).status_code == 302
    used = client.get(follow(client, link))
    dead = client.get("/recovery/reset/nonsense/")
    assert expired.status_code == used.status_code == dead.status_code == 200
    assert len({masked(page.content.decode()) for page in (expired, used, dead)}) == 3
    for page in (expired, used, dead):
        assert user.email not in page.content.decode()
        assert user.username not in page.content.decode()


def expire(link: str, user: Any) -> None:
    ResetToken.objects.update(expires_at=timezone.now())


def use(link: str, user: Any) -> None:
    client = browser()
    assert set_password(client, follow(client, link)).status_code == 302


def replace(link: str, user: Any) -> None:
    let_pass(timedelta(minutes=5))
    assert a_link(user) != link


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (expire, "This link has expired"),
        (use, "This link was used already"),
        (replace, "There is a newer link"),
    ],
)
def test_a_dead_link_says_why_and_one_click_brings_one_that_works(end: Callable[[str, Any], None], said: str) -> None:
    user = UserFactory.create()
    link = a_link(user)
    end(link, user)
    let_pass(timedelta(minutes=5))
    client = browser()
    form = follow(client, link)
    page = client.get(form)
    assert f"<h1>{said}</h1>" in page.content.decode()
    assert '<button type="submit" name="again" value="1">' in page.content.decode()
    before = len(mail.outbox)
    answer = client.post(form, {"again": "1"})
    assert answer.status_code == 302
    assert user.email not in client.get(answer.url).content.decode()
    work()
    [message] = mail.outbox[before:]
    assert message.recipients() == [user.email]
    [newer] = links(message)
    assert newer != link
    assert set_password(client, follow(client, newer)).status_code == 302


@pytest.mark.attack(12)
@pytest.mark.parametrize("pair", [("ada@example.com", "ADA@example.com"), ("box@example.com", "box@example.com")])
def test_each_link_resets_its_own_account_alone(pair: tuple[str, str]) -> None:
    first, second = (UserFactory.create(email=address) for address in pair)
    ask(browser(), "Ada@Example.com" if "ada" in pair[0] else pair[0])
    work()
    assert recipients() == list(dict.fromkeys(pair))
    [own, other] = [link for message in mail.outbox for link in links(message)]
    client = browser()
    form, others_form = follow(client, own), follow(client, other)
    # The secret of one link with the form of the other.
    client.cookies["recovery_token"] = own.split("/")[4]
    client.cookies["recovery_token"]["path"] = others_form
    set_password(client, others_form)
    for user in (first, second):
        user.refresh_from_db()
        assert not user.check_password("seven quiet herons at dusk")
    client = browser()
    assert set_password(client, follow(client, own)).status_code == 302
    first.refresh_from_db()
    second.refresh_from_db()
    assert [user.check_password("seven quiet herons at dusk") for user in (first, second)].count(True) == 1
    assert form != others_form
