"""What counts differently once time has passed and nothing touched it, or what is decided long after its hour."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import metrics, rollup
from recovery.models import Email, EmailEvent, ResetRequest, ResetToken
from recovery.reasons import EmailKind, EmailState, Figure, Kind, Outcome, TokenState
from tests.asking import ask, browser, work
from tests.factories import UserFactory
from tests.past import AT, DAY, HOUR, Mail, key
from tests.rolled import behind, numbers, rolled_up, whole

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("left_after", "life", "moments"),
    [
        (timedelta(0), DAY, [23 * HOUR, 24 * HOUR + timedelta(minutes=1)]),  # as after a forced rotation
        (timedelta(minutes=25), HOUR, [timedelta(minutes=84), timedelta(minutes=86)]),  # in the hour after the next
        (timedelta(0), DAY, [23 * HOUR, 30 * HOUR]),  # nobody rolled up for longer than links keep their fingerprint
    ],
)
def test_a_link_whose_time_runs_out_is_counted_anew_by_the_next_run(
    left_after: timedelta, life: timedelta, moments: list[timedelta]
) -> None:
    """By neither more runs nor fewer: figures and rows are of the same moment."""
    at = AT.replace(minute=55)
    email = Mail(at=at).write()
    ResetToken.objects.filter(email=email).update(fingerprint="f", expires_at=at + left_after + life)
    found = []
    for passed in (timedelta(minutes=1), timedelta(minutes=5) + HOUR, *moments):
        with time_machine.travel(at + passed, tick=False):
            if passed > life + HOUR:
                ResetToken.objects.filter(email=email).update(fingerprint="", state=TokenState.EXPIRED)
            rollup.roll_up()
        assert numbers().counts["live"] == behind(Figure.LIVE, at + passed)
        found.append(numbers().counts["live"])
    assert found == [1, 1, 1, 0]


def test_mail_that_long_heard_nothing_is_counted_anew_by_the_next_run(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "WEBHOOK_SILENCE": timedelta(minutes=125)}
    Mail(state=EmailState.HANDED_OVER, took=None).write()
    for minutes, count in ((1, 0), (70, 0), (124, 0), (126, 1)):
        with rolled_up(AT + timedelta(minutes=minutes)):
            assert numbers().no_news.numerator == behind(Figure.NO_NEWS, timezone.now()) == count


def test_a_first_link_that_left_late_and_of_which_nothing_was_heard_is_counted_anew_by_the_next_run() -> None:
    """It may wait for a day; by then its hour is an old one."""
    mail = Mail(at=AT - 4 * HOUR, state=EmailState.QUEUED, took=None, left=False, kind=Kind.ACTIVATION, life=9 * DAY)
    waiting = Email.objects.filter(pk=mail.write().pk)
    waiting.update(kind=EmailKind.ACTIVATION, send_by=AT + 20 * HOUR)
    with rolled_up(AT):
        waiting.update(state=EmailState.HANDED_OVER, handed_over_at=AT)
        EmailEvent.objects.create(email=waiting.get(), kind="handed_over", recorded_at=AT)
    for minutes, count in ((1, 0), (20, 0), (29, 0), (31, 1), (60, 1)):
        with time_machine.travel(AT + timedelta(minutes=minutes), tick=False):
            rollup.roll_up()
            assert numbers().no_news.numerator == behind(Figure.NO_NEWS, timezone.now()) == count, minutes


@pytest.mark.sqlite  # which of its indexes PostgreSQL takes for a handful of rows is chance
def test_a_run_asks_by_an_index_whose_time_ran_out() -> None:
    whole()
    with CaptureQueriesContext(connection) as told:
        rollup.roll_up()
    [asked_for] = [each["sql"] for each in told if '"expires_at" >' in each["sql"] and "recovery_email" in each["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked_for}")
        assert "recovery_token_unpurged" in str(cursor.fetchall())


def test_a_request_that_is_decided_hours_later_counts_in_the_hour_of_its_ask() -> None:
    user: Any = UserFactory()
    ask(browser(), user.email)
    old = timezone.now() - 5 * HOUR  # nobody worked meanwhile; the hold-up was no fault of the mail
    ResetRequest.objects.update(requested_at=old, id=key(old))
    whole()
    selection = metrics.selection(since=old, until=old + timedelta(seconds=1))
    assert numbers(selection).counts["requests"] == 0
    assert work() == ["expired"]
    rollup.roll_up()
    assert numbers(selection).counts["requests"] == behind(Figure.REQUESTS, timezone.now(), selection) == 1


def test_a_request_counts_by_the_route_that_its_late_mail_took() -> None:
    old = AT - 5 * HOUR
    email = Mail(route="", state=EmailState.QUEUED, left=False, took=None).write()
    facts = {"outcome": Outcome.SENT, "requested_at": old, "decided_at": AT}
    first = ResetRequest.objects.create(id=key(old), reference="held up", **facts)
    Email.objects.filter(pk=email.pk).update(request=first)
    with rolled_up(AT + timedelta(minutes=1)):
        assert numbers(route="main").counts["requests"] == 0
    with time_machine.travel(AT + timedelta(minutes=2), tick=False):
        Email.objects.filter(pk=email.pk).update(route="main")
        EmailEvent.objects.create(email=email, kind="handed_over")
        rollup.roll_up()
        assert numbers(route="main").counts["requests"] == behind(Figure.REQUESTS, route="main") == 1
