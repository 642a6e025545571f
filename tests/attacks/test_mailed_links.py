"""Cases 32 to 36: guessing, where a link leaks, who can kill it, what its mail says, rotated keys, the purge."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from recovery import retention, sweep, tokens
from recovery.models import AuditEvent, LinkLife, ResetRequest
from tests.asking import FIREFOX, SITE, ask, asked, browser, links, set_password, work
from tests.factories import UserFactory
from tests.following import (
    dead_page,
    held_back,
    is_unchanged,
    let_pass,
    mailed_link,
    opened,
    row_of,
    selector_of,
    verifier_of,
    works,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(32)
def test_guessing_finds_nothing_writes_nothing_and_harms_nobody() -> None:
    """256 bits need no throttle: a guess costs one look-up by the selector, and wrong ones leave no row behind."""
    user = UserFactory.create()
    link, client = mailed_link(user), Client(**FIREFOX)
    before = AuditEvent.objects.count(), ResetRequest.objects.count()
    for _ in range(200):
        guess = tokens.secrets.token_urlsafe(32)
        answer = client.get(link.replace(verifier_of(link), guess), follow=True)
        assert dead_page(answer) == "invalid"
    assert (AuditEvent.objects.count(), ResetRequest.objects.count()) == before
    assert row_of(link).open_count == 0
    assert works(link, user)


@pytest.mark.attack(33)
def test_a_link_leads_to_a_path_without_it_that_no_cache_keeps_and_no_other_host_hears_of() -> None:
    link = mailed_link(UserFactory.create())
    client = browser()
    answer = client.get(link)
    assert verifier_of(link) not in answer.url
    page = client.get(answer.url)
    for one in (answer, page):
        assert one.headers["Cache-Control"] == "no-store"
        assert one.headers["Referrer-Policy"] == "same-origin"
    assert verifier_of(link) not in page.content.decode()
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*', page.content.decode()) == []
    cookie = answer.cookies["recovery_token"]
    assert (cookie["path"], cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (
        answer.url, True, True, "Lax", 1800,
    )  # fmt: skip


@pytest.mark.attack(34)
def test_nobody_can_keep_a_victims_link_dead() -> None:
    """An attacker asks whenever it counts for ten minutes; then the hourly cap holds and the newest link lives on."""
    user = UserFactory.create()
    ask(browser(), user.email)
    work()
    for minute in range(10):
        let_pass(timedelta(seconds=61))
        ask(browser(REMOTE_ADDR=f"203.0.113.{minute}"), user.username if minute % 2 else user.email)
        work()
    assert len(mail.outbox) <= 5
    newest = links(mail.outbox[-1])[0]
    for _ in range(20):
        let_pass(timedelta(seconds=61))
        ask(browser(REMOTE_ADDR="203.0.113.99"), user.email)
        work()
    assert links(mail.outbox[-1])[0] == newest
    assert works(newest, user)


@pytest.mark.attack(35)
def test_a_mail_holds_one_link_of_the_configured_site_and_says_who_asked_and_what_to_do() -> None:
    user = UserFactory.create(first_name="Amelie")
    ask(browser(), user.email)
    work()
    [message] = mail.outbox
    [html] = [str(part.content) for part in message.alternatives]
    [link] = links(message)
    assert set(re.findall(r'href="(https?://[^"]*/reset/[^"]*)"', html)) == {SITE + link}
    assert re.fullmatch(r"/recovery/reset/[\w-]{22}/[\w-]{43}/", link)
    for secret in (str(user.username), user.email, "Amelie"):
        assert secret not in link
    for text in (str(message.body), html):
        assert "Firefox (Linux)" in text
        assert "UTC" in text
        assert asked().shown_reference in text
        assert "not you" in text
        assert set(re.findall(r"https?://([^/\s\"<]+)", text)) == {"library.example"}


@pytest.mark.attack(36)
@pytest.mark.parametrize("fallbacks", [["for tests only"], []], ids=["key kept as fallback", "key gone"])
def test_a_delivered_link_outlives_a_rotation_of_the_key(fallbacks: list[str], settings: Any) -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", fallbacks
    assert works(link, user)


@pytest.mark.attack(36)
@pytest.mark.parametrize("is_kept", [True, False])
def test_a_mail_that_is_tried_again_after_a_rotation_carries_a_link_that_works(is_kept: bool, settings: Any) -> None:
    user = UserFactory.create()
    email = held_back(user, settings)
    before = tokens.verifier_of(email.tokens.get())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", ["for tests only"] if is_kept else []
    let_pass(timedelta(minutes=1))
    sweep.sweep()
    [link] = links(mail.outbox[0])
    assert (verifier_of(link) == before) is is_kept
    assert works(link, user)


@pytest.mark.attack(36)
def test_the_purge_ends_what_is_over_and_neither_ends_nor_revives_anything_else() -> None:
    user, late, done = UserFactory.create(), UserFactory.create(), UserFactory.create()
    used, expired = mailed_link(done), mailed_link(late)
    assert works(used, done)
    let_pass(timedelta(hours=2, minutes=30))
    live = mailed_link(user)
    client, form = opened(live)
    retention.purge()
    retention.purge()
    assert [row_of(link).state for link in (used, expired, live)] == ["used", "expired", "live"]
    assert dead_page(opened(used)[0].get(f"/recovery/reset/{selector_of(used)}/")) == "used"
    assert dead_page(opened(expired)[0].get(f"/recovery/reset/{selector_of(expired)}/")) == "expired"
    assert set_password(client, form).status_code == 302
    assert not is_unchanged(user)


@pytest.mark.attack(34)
@pytest.mark.parametrize(
    ("pause", "worked"), [(0, 0), (0, 1), (61, 8)], ids=["at once", "after the first", "every minute"]
)
def test_where_links_live_a_quarter_of_an_hour_nobody_is_kept_without_one(pause: int, worked: int) -> None:
    """As many asks as count, at once or one by one: for an hour the owner has a link that works or gets it."""
    user = UserFactory.create()
    LinkLife.objects.create(audience="default", seconds=900, delivery_count=300, opening_count=300)
    for number in range(8):
        ask(browser(REMOTE_ADDR=f"203.0.113.{number}"), user.email)
        if number < worked:
            work()
        let_pass(timedelta(seconds=pause))
    work()
    for _ in range(4):
        let_pass(timedelta(minutes=12))
        before = len(mail.outbox)
        ask(browser(), user.email)
        work()
        assert len(mail.outbox) == before + 1 or row_of(links(mail.outbox[-1])[0]).expires_at > timezone.now()
    assert len(mail.outbox) <= 5
    let_pass(timedelta(minutes=12))
    ask(browser(), user.email)
    work()
    assert works(links(mail.outbox[-1])[0], user)
