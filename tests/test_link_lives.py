"""How long a link lives where nobody says: by what was measured of a week, as anybody can compute it by hand."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery import link_lives, tokens
from recovery.models import Email, LinkLife, ResetToken
from recovery.reasons import EmailState
from tests.asking import ask, browser, work
from tests.factories import UserFactory
from tests.following import mailed_link, row_of
from tests.past import AT, DAY, Mail
from tests.rolled import rolled_up

pytestmark = pytest.mark.django_db

MINUTES = timedelta(minutes=1)


def week(took: list[float], opened: list[float], **more: Any) -> None:
    """One mail for each delivery time, the first of which were opened after those times."""
    for number, seconds in enumerate(took):
        first = opened[number] if number < len(opened) else None
        Mail(at=AT - timedelta(minutes=number % 50), took=seconds, opened=first, **more).write()


@pytest.mark.parametrize(
    ("took", "opened", "life"),
    [
        # A fast week: 2 x (10 s + 240 s) is less than nine minutes.
        ([5] * 190 + [10] * 10, [60] * 190 + [240] * 10, 15 * MINUTES),
        # A usual one: 95 of 100 arrive within 30 s and are opened within 15 minutes, 2 x (30 s + 900 s).
        ([4] * 185 + [30] * 15, [60] * 185 + [900] * 15, 31 * MINUTES),
        # A slow one: 2 x (10 min + 45 min) is more than an hour.
        ([600] * 200, [2700] * 200, 60 * MINUTES),
        # Of two hundred, ten may be slower: the 190th decides.
        ([4] * 190 + [3600] * 10, [600] * 190 + [86000] * 10, timedelta(seconds=2 * (4 + 600))),
        ([4] * 189 + [600] * 11, [600] * 200, timedelta(seconds=2 * (600 + 600))),
        # Too few of either.
        ([5] * 199, [60] * 199, 60 * MINUTES),
        ([5] * 200, [60] * 199, 60 * MINUTES),
        ([], [], 60 * MINUTES),
    ],
)
def test_a_life_is_twice_what_95_of_100_need_between_a_quarter_of_an_hour_and_an_hour(
    took: list[float], opened: list[float], life: timedelta
) -> None:
    week(took, opened)
    with rolled_up():
        assert tokens.lifetime() == life


def test_a_week_ago_counts_no_more() -> None:
    week([5] * 200, [60] * 200)
    with rolled_up(AT + DAY):
        assert tokens.lifetime() == 15 * MINUTES
    with rolled_up(AT + 8 * DAY):
        assert tokens.lifetime() == 60 * MINUTES
        assert LinkLife.objects.get().delivery_count == 0


def test_what_a_scanner_opened_and_what_never_arrived_is_not_measured() -> None:
    week([5] * 200, [60] * 200, state=EmailState.BOUNCED)
    week([5] * 200, [60] * 200)
    ResetToken.objects.update(person_opened_at=None)
    with rolled_up():
        life = LinkLife.objects.get()
        assert (life.delivery_count, life.opening_count) == (200, 0)
        assert tokens.lifetime() == 60 * MINUTES


def test_who_comes_too_late_counts_so_that_a_short_life_does_not_shorten_itself() -> None:
    week([5] * 200, [1800] * 200)
    ResetToken.objects.update(expires_at=AT)
    with rolled_up():
        assert tokens.lifetime() == 60 * MINUTES, "2 x (5 s + 30 min), and the page said that the link was too old"


def test_each_audience_has_its_own_and_may_be_given_one(settings: Any) -> None:
    doors = {"portal": {}, "club": {"TOKEN_LIFETIME": timedelta(hours=3)}, "old": {"TOKEN_LIFETIME": "auto"}}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": doors}
    week([5] * 200, [60] * 200, audience="portal")
    week([5] * 200, [600] * 200, audience="default")
    week([5] * 200, [60] * 200, audience="club")
    with rolled_up():
        found = link_lives.lifetimes(["default", *doors])
    assert found == {
        "default": timedelta(seconds=2 * 605),
        "portal": 15 * MINUTES,
        "club": timedelta(hours=3),
        "old": 60 * MINUTES,
    }
    settings.RECOVERY = {**settings.RECOVERY, "TOKEN_LIFETIME": timedelta(days=3)}
    assert link_lives.lifetimes(["default", "club"]) == {"default": timedelta(days=1), "club": timedelta(hours=3)}


@pytest.mark.parametrize("by", ["hand_over", "report"])
def test_links_live_as_their_audience_has_it_from_the_hand_over(by: str, settings: Any) -> None:
    settings.RECOVERY = {
        **settings.RECOVERY,
        "AUDIENCES": {
            "portal": {"TOKEN_LIFETIME": 20 * MINUTES, "BASE_URL": "https://localhost"},
            "club": {"TOKEN_LIFETIME": 40 * MINUTES, "BASE_URL": "https://127.0.0.1"},
        },
    }
    lives = {}
    for audience, host in {"portal": "localhost", "club": "127.0.0.1", "default": "testserver"}.items():
        user: Any = UserFactory()
        ask(browser(HTTP_HOST=host), user.email)
        work()
        token = ResetToken.objects.latest("issued_at")
        assert token.email
        if by == "report":
            tokens.handed_over([Email(id=token.email.pk)])  # as feedback does, which knows no more of it
            token.refresh_from_db()
        lives[audience] = round((token.expires_at - token.issued_at) / MINUTES)
        assert token.email.audience == audience
    assert lives == {"portal": 20, "club": 40, "default": 60}


def test_the_life_is_read_and_not_measured_when_a_link_is_made(django_assert_num_queries: Any) -> None:
    LinkLife.objects.create(audience="default", seconds=1200, delivery_count=0, opening_count=0)
    with django_assert_num_queries(1):
        assert tokens.lifetime() == 20 * MINUTES


def test_a_mail_says_how_long_its_own_link_lives() -> None:
    LinkLife.objects.create(audience="default", seconds=1860, delivery_count=0, opening_count=0)
    token = row_of(mailed_link(UserFactory()))
    assert round((token.expires_at - token.issued_at) / MINUTES) == 31
    assert "31 minutes" in str(mail.outbox[-1].body)
