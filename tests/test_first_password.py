"""A link to a first password: its page, how long it lives, and what ends it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import update_last_login
from django.core import mail
from django.utils import timezone

from recovery import tokens
from recovery.models import Email, ResetRequest, ResetToken
from recovery.reasons import (
    Action,
    EmailKind,
    EmailReason,
    EmailState,
    Outcome,
    Refusal,
    TokenState,
)
from recovery.sweep import sweep
from tests.asking import NEW_PASSWORD, ask, browser, links, recipients, set_password, work
from tests.factories import UserFactory
from tests.following import dead_page, let_pass, opened, provider, row_of, trail
from tests.gates import let_a_minute_pass
from tests.joining import activated, has_joined, invited, joins, mailed_to

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_mail_brings_a_link_to_a_first_password_and_the_account_is_ready() -> None:
    user = invited()
    [email] = Email.objects.all()
    assert (email.kind, email.state) == (EmailKind.ACTIVATION, EmailState.HANDED_OVER)
    _, answer = joins(mailed_to(user))
    assert answer.url == "/recovery/activate/done/"
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert ResetRequest.objects.get().outcome == Outcome.COMPLETED
    assert sweep().tried == 1
    assert mail.outbox[-1].subject == "Your account at Riverside Library is ready"
    assert "A password was chosen for your account" in mail.outbox[-1].body


def test_the_link_works_once() -> None:
    user = invited()
    link = mailed_to(user)
    client, form = opened(link)
    assert joins(link)[1].status_code == 302
    page = set_password(client, form, "another, quite long passphrase")
    assert dead_page(page) == "used"
    assert "A password was chosen with this link" in page.content.decode()
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)


@pytest.mark.parametrize(
    ("lifetime", "lives"),
    [
        (None, timedelta(days=7)),
        (timedelta(hours=48), timedelta(hours=48)),
        (timedelta(days=30), timedelta(days=7)),
    ],
)
def test_it_lives_as_long_as_the_setting_says_and_seven_days_at_most(
    settings: Any, lifetime: timedelta | None, lives: timedelta
) -> None:
    if lifetime:
        settings.RECOVERY = {**settings.RECOVERY, "ACTIVATION_LIFETIME": lifetime, "TOKEN_LIFETIME": timedelta(0, 900)}
    user = invited()
    link = row_of(mailed_to(user))
    [email] = Email.objects.all()
    assert email.handed_over_at
    assert abs(link.expires_at - email.handed_over_at - lives) < timedelta(seconds=2)
    with time_machine.travel(link.expires_at - timedelta(seconds=1), tick=False):
        assert dead_or_form(mailed_to(user)) == "Choose your password"
    with time_machine.travel(link.expires_at, tick=False):
        assert dead_or_form(mailed_to(user)) == "This link has expired"


def dead_or_form(link: str) -> str:
    client, form = opened(link)
    page = client.get(form).content.decode()
    return page.split("<h1>")[1].split("</h1>")[0]


def test_the_mail_says_how_long_the_link_lives_and_a_reset_does_not_inherit_it(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TOKEN_LIFETIME": timedelta(minutes=20)}
    user, other = invited(), UserFactory.create()
    assert "The link works for 1 week, and once." in mail.outbox[0].body
    ask(browser(), other.email)
    work()
    assert "The link works for 20 minutes" in mail.outbox[-1].body
    lives = {token.user_key: token.expires_at - timezone.now() for token in ResetToken.objects.all()}
    assert lives[str(other.pk)] <= timedelta(minutes=20) < timedelta(days=6) < lives[str(user.pk)]


def test_an_expired_link_leads_to_a_new_one_without_typing_anything() -> None:
    user = invited()
    first = mailed_to(user)
    let_pass(timedelta(days=7, seconds=1))
    client, form = opened(first)
    page = client.get(form)
    assert dead_page(page) == "expired"
    assert "your account waits for you" in page.content.decode()
    assert client.post(form, {"again": "1"}).url.startswith("/recovery/sent/")
    work()
    assert mailed_to(user) != first
    assert joins(mailed_to(user))[1].status_code == 302
    assert has_joined(user)


def set_elsewhere(user: Any) -> None:
    user.password = make_password("a password that the site set")
    user.save()


def signed_in(user: Any) -> None:
    update_last_login(None, user)


def deactivated(user: Any) -> None:
    user.is_active = False
    user.save()


def moved(user: Any) -> None:
    user.email = "elsewhere@example.com"
    user.save()


DEAD = {
    set_elsewhere: Refusal.JOINED,
    signed_in: Refusal.JOINED,
    deactivated: Refusal.INACTIVE,
    moved: Refusal.CREDENTIALS_CHANGED,
}


@pytest.mark.attack(24)
@pytest.mark.parametrize("change", DEAD, ids=lambda change: change.__name__)
@pytest.mark.parametrize("is_opened", [False, True], ids=["before it is opened", "between form and password"])
def test_what_happens_to_the_account_ends_the_link(change: Callable[[Any], None], is_opened: bool) -> None:
    user = invited()
    client, form = opened(mailed_to(user)) if is_opened else (browser(), "")
    change(user)
    before = type(user).objects.get(pk=user.pk).password
    if is_opened:
        assert dead_page(set_password(client, form)) == "invalid"
        assert trail(Action.LINK_REFUSED) == [{"refusal": DEAD[change]}]
    else:
        client, form = opened(mailed_to_before(change, user))
        assert dead_page(client.get(form)) == "invalid"
        assert trail(Action.LINK_OPENED)[-1]["refusal"] == DEAD[change]
    assert type(user).objects.get(pk=user.pk).password == before


def mailed_to_before(change: Callable[[Any], None], user: Any) -> str:
    [link] = links(mail.outbox[0])
    return link


def test_mail_that_waits_is_not_sent_to_whoever_joined_meanwhile(settings: Any) -> None:
    users = [UserFactory.create(password=None) for _ in range(3)]
    with provider("tests.backends.Unreachable", settings):
        for user in users:
            activated(user)
    signed_in(users[0])
    deactivated(users[1])
    let_pass(timedelta(minutes=10))
    sweep()
    assert recipients() == [users[2].email]
    reasons = dict(Email.objects.values_list("user_key", "reason"))
    assert [reasons[str(user.pk)] for user in users] == [EmailReason.TOKEN_DEAD, EmailReason.INACTIVE, ""]


@pytest.mark.attack(25)
def test_a_link_opens_the_page_of_its_own_purpose_and_no_other() -> None:
    user, other = invited(), UserFactory.create()
    ask(browser(), other.email)
    work()
    pages = {"activation": ("activate", mailed_to(user)), "reset": ("reset", links(mail.outbox[-1])[0])}
    for own, link in pages.values():
        for word, _ in pages.values():
            client, form = opened(link.replace(f"/{own}/", f"/{word}/"))
            page = client.get(form)
            if word == own:
                assert page.context["form"]
                continue
            assert dead_page(page) == dead_page(set_password(client, form)) == "invalid"
            assert not page.context["can_ask_again"]
    assert not has_joined(user)
    assert trail(Action.LINK_OPENED) == [{**row, "refusal": None} for row in trail(Action.LINK_OPENED)]


@pytest.mark.attack(23)
def test_a_first_password_ends_a_reset_link_of_the_same_account() -> None:
    """Both are there for an account whose blank password Django takes for one."""
    user = UserFactory.create()
    type(user).objects.filter(pk=user.pk).update(password="")
    ask(browser(), user.email)
    work()
    [reset] = links(mail.outbox[-1])
    let_a_minute_pass()
    user.refresh_from_db()
    activated(user)
    assert joins(mailed_to(user))[1].status_code == 302
    client, form = opened(reset)
    assert dead_page(client.get(form)) == "invalid"


def test_within_the_cool_down_nobody_is_activated_twice_and_after_it_the_newer_link_counts() -> None:
    user = invited()
    first = mailed_to(user)
    assert activated(user).outcome == Outcome.COOLDOWN
    let_a_minute_pass()
    assert activated(user).outcome == Outcome.SENT
    assert row_of(first).state == TokenState.REPLACED
    assert dead_or_form(first) == "There is a newer link"
    assert joins(mailed_to(user))[1].status_code == 302


def test_the_secret_of_one_purpose_is_not_that_of_another() -> None:
    link = row_of(mailed_to(invited()))
    link.purpose = tokens.PURPOSE
    with pytest.raises(tokens.SecretLost):
        tokens.verifier_of(link)
