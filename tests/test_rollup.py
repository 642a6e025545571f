"""The hourly figures: which hours are counted anew and when, one run at a time, and what is left alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import feedback, metrics, resets, rollup
from recovery.models import Email, EmailEvent, RollUp, RollUpDay, RollUpProgress
from recovery.models.roll_ups import ALL, OTHER
from recovery.reasons import EmailKind, EmailState, Figure, TokenState, Verdict
from recovery.rollup import hours
from tests.admin.pages import ORIGIN
from tests.asking import ask, asked, browser, work
from tests.factories import UserFactory
from tests.following import mailed_link, row_of, selector_of, verifier_of
from tests.past import AT, DAY, HOUR, Mail, act, case, complaint
from tests.reporting import report
from tests.rolled import behind, counted, numbers, rolled_up, rows, whole, window

pytestmark = pytest.mark.django_db

LATER = AT + 3 * HOUR


def test_what_people_do_now_is_in_the_figures_of_the_next_run() -> None:
    user: Any = UserFactory()
    whole()
    before = numbers_now()
    link = mailed_link(user)
    resets.open_link(selector_of(link), verifier_of(link), verdict=Verdict.PERSON, origin=ORIGIN)
    rollup.roll_up()
    after = numbers_now()
    assert (before.escalation.denominator, after.escalation.denominator) == (0, 1)
    assert (after.opened.numerator, after.opened.denominator) == (1, 1)
    assert after.counts["on_its_way"] == 1


def numbers_now() -> metrics.Numbers:
    now = timezone.now()
    return numbers(metrics.selection(since=now - HOUR, until=now))


def test_an_hour_that_is_rolled_up_twice_has_the_same_figures() -> None:
    for number in range(5):
        Mail(took=number, domain=f"d{number}.example", opened=30).write()
    with rolled_up(LATER):
        first = rows()
        RollUpProgress.objects.all().delete()
        whole()
        assert rows() == first
        assert first


def test_a_run_without_news_counts_two_hours() -> None:
    Mail().write()
    with rolled_up(LATER):
        assert rollup.roll_up() == rollup.RolledUp(hours=2, left=False)


def test_a_report_that_comes_days_later_counts_in_the_hour_of_its_mail() -> None:
    email = Mail(at=AT - 5 * DAY).write()
    since = metrics.selection(since=AT - 6 * DAY, until=AT)
    with rolled_up(LATER):
        assert numbers(since).delivery_success.numerator == 1
        feedback.ingest([report(email, "bounced", occurred_at=timezone.now())])
        assert rollup.roll_up() == rollup.RolledUp(hours=3, left=False)
        assert (numbers(since).delivery_success.numerator, numbers(since).bounced.numerator) == (0, 1)


def test_a_complaint_counts_in_the_hour_in_which_it_was_first_told() -> None:
    """Whenever the mail was, and however often the provider says so."""
    email = Mail(at=AT - 5 * DAY).write()
    for told_at in (AT, AT + HOUR):
        complaint(email, at=told_at)
    of_mail, of_word = (metrics.selection(since=at, until=at + HOUR) for at in (email.queued_at, AT))
    with rolled_up(LATER):
        assert [numbers(each).counts["complained"] for each in (of_mail, of_word)] == [0, 1]
        assert [behind(Figure.COMPLAINED, LATER, each) for each in (of_mail, of_word)] == [0, 1]
        assert numbers().counts["complained"] == behind(Figure.COMPLAINED, LATER) == 1
        assert numbers(domain="example.net").counts["complained"] == 0
        assert numbers(domain="example.org", kind="forgot").counts["complained"] == 1


def test_an_event_that_was_numbered_first_and_committed_last_is_not_missed() -> None:
    """Of two transactions the one that began first may end last: its event is older than what was looked at."""
    late, other = Mail(at=AT - 5 * DAY).write(), Mail(at=AT - 4 * DAY).write()
    with rolled_up(LATER):
        first = EmailEvent.objects.create(email=other, kind="delivered")
        second = EmailEvent.objects.create(email=other, kind="delivered")
        EmailEvent.objects.filter(pk=first.pk).delete()  # not to be seen yet
        rollup.roll_up()
        EmailEvent.objects.create(pk=first.pk, email=late, kind="bounced", recorded_at=second.recorded_at)
        Email.objects.filter(pk=late.pk).update(state=EmailState.BOUNCED)
        rollup.roll_up()
        assert counted(late.queued_at) == 1
        assert RollUp.objects.get(begins=hours.beginning(late.queued_at), domain=ALL, audience=ALL).bounced == 1  # type: ignore[attr-defined]


def test_events_are_looked_at_once_and_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recovery.rollup.touched.BATCH", 2)
    emails = [Mail(at=AT - number * DAY).write() for number in range(1, 6)]
    with rolled_up(LATER):
        for email in emails:
            EmailEvent.objects.create(email=email, kind="opened", recorded_at=LATER - HOUR)
        # The numbers of earlier tests' events are not used again: two at a time, those would take thousands of batches.
        oldest = EmailEvent.objects.earliest("pk").pk
        RollUpProgress.objects.update(events_until=oldest - 1)
        assert rollup.roll_up() == rollup.RolledUp(hours=7, left=False)
        assert rollup.roll_up() == rollup.RolledUp(hours=2, left=False)


def test_an_opening_counts_in_the_hour_of_its_mail(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TOKEN_LIFETIME": timedelta(hours=24)}
    with time_machine.travel(AT, tick=False):
        user: Any = UserFactory()
        link = mailed_link(user)
        Email.objects.filter(kind=EmailKind.RESET).update(handed_over_at=AT, queued_at=AT)
        type(row_of(link)).objects.update(expires_at=AT + DAY)
    with time_machine.travel(AT + 5 * HOUR, tick=False):
        whole()
        assert numbers().opened.numerator == 0
        resets.open_link(selector_of(link), verifier_of(link), verdict=Verdict.PERSON, origin=ORIGIN)
        rollup.roll_up()
        assert numbers().opened.numerator == 1


@pytest.mark.parametrize(
    ("mail", "young", "old"),
    [
        (Mail(state=EmailState.HANDED_OVER, took=None), "on_its_way", "no_news"),
        (Mail(state=EmailState.DEFERRED, took=None), "on_its_way", "late"),
        (Mail(), "live", "unopened"),
    ],
)
def test_what_changes_by_mere_time_is_counted_once_more_when_it_has(mail: Mail, young: str, old: str) -> None:
    mail.write()
    with rolled_up(AT + timedelta(minutes=2)):
        assert (numbers().counts[young], numbers().counts[old]) == (1, 0)
    for minutes in range(62, 182, 60):
        with time_machine.travel(AT + timedelta(minutes=minutes), tick=False):
            rollup.roll_up()
    with time_machine.travel(AT + timedelta(minutes=182), tick=False):
        rollup.roll_up()
        assert (numbers().counts[young], numbers().counts[old]) == (0, 1)


def test_domains_past_the_first_fifty_of_an_hour_are_counted_together() -> None:
    for number in range(60):
        Mail(domain=f"d{number:02}.example").write()
    Mail(domain="d59.example").write()
    with rolled_up(LATER):
        assert numbers(domain="d59.example").expected == 2
        assert numbers(domain="d55.example").expected == 0
        assert metrics.in_other_domains(window(domain="d55.example")) == 10
        assert metrics.in_other_domains(window()) == 0
        domains = metrics.by_dimension("domain", window(), rolled=metrics.rolled_at(), most=100)
        assert len(domains) == 51
        assert domains[OTHER].expected == 10
        assert sum(each.expected for each in domains.values()) == numbers().expected == 61


def test_a_case_and_an_act_count_for_their_domain_in_an_hour_without_mail_to_it() -> None:
    email = Mail().write()
    Mail(at=AT + 2 * HOUR, domain="example.net").write()
    case(email, seconds=2 * HOUR.total_seconds())
    act(email, at=AT + 2 * HOUR)
    with rolled_up(AT + 5 * HOUR):
        found = numbers(domain="example.org").counts
        assert (found["requests"], found["cases"], found["acts"]) == (1, 1, 1)
        assert metrics.in_other_domains(window(domain="example.org")) == 0
        assert OTHER not in metrics.by_dimension("domain", window(), rolled=metrics.rolled_at())


def test_no_hour_has_more_rows_than_its_dimensions_allow() -> None:
    for number in range(80):
        Mail(domain=f"d{number}.example", audience=f"a{number % 2}", route=f"r{number % 3}").write()
    with rolled_up(LATER):
        assert RollUp.objects.filter(begins=hours.beginning(AT)).count() <= (50 + 2) * (2 * 3 + 1)


@pytest.mark.parametrize("name", ["audience", "route", "domain", "kind"])
@pytest.mark.parametrize("chosen", [{}, {"route": "main"}])
def test_days_that_are_over_say_the_same_as_their_hours(name: str, chosen: dict[str, str]) -> None:
    for number in range(0, 40, 4):
        at = AT - timedelta(hours=number)
        Mail(at=at, took=number, domain=f"d{number % 3}.example", route=("main", "spare")[number % 8 == 0]).write()
    with rolled_up(AT):
        assert RollUpDay.objects.exists()
        selection = metrics.selection(since=AT - 40 * HOUR, until=AT, **chosen)
        by_days = metrics.by_dimension(name, selection, rolled=AT)
        for value, found in by_days.items():
            one = metrics.selection(since=AT - 40 * HOUR, until=AT, **{**chosen, name: value})
            assert found == numbers(one)
        assert sum(found.expected for found in by_days.values()) == numbers(selection).expected
        with CaptureQueriesContext(connection) as statements:
            metrics.by_dimension(name, selection, rolled=AT)
        assert len(statements) == 3


def test_a_day_is_counted_anew_with_its_hours() -> None:
    email = Mail(at=AT - 3 * DAY).write()
    selection = metrics.selection(since=AT - 5 * DAY, until=AT)
    with rolled_up(AT):
        assert metrics.by_dimension("domain", selection, rolled=AT)["example.org"].counts["delivered"] == 1
        feedback.ingest([report(email, "bounced", occurred_at=timezone.now())])
        rollup.roll_up()
        assert metrics.by_dimension("domain", selection, rolled=AT)["example.org"].counts["delivered"] == 0


def test_hours_are_those_of_utc_whatever_the_zone() -> None:
    at = datetime.fromisoformat("2026-11-20T10:40:00+05:30")
    assert hours.beginning(at) == datetime(2026, 11, 20, 5, tzinfo=UTC)
    Mail(at=at).write()
    with timezone.override("Asia/Kolkata"), rolled_up(LATER):
        assert counted(at) == 1


def test_an_act_alone_is_counted_too() -> None:
    act()
    with rolled_up(LATER):
        assert numbers().counts["acts"] == 1


def test_asking_counts_once_whoever_asks_how_often() -> None:
    """Of three asks one gets a link, the others are answered by it."""
    user: Any = UserFactory()
    for _ in range(3):
        ask(browser(), user.email)
        work()
    assert asked().outcome == "cooldown"
    whole()
    assert numbers_now().escalation.denominator == 1


def test_a_link_that_a_newer_one_replaced_after_its_time_had_expired_unopened() -> None:
    Mail(link=TokenState.REPLACED, ended=2 * HOUR.total_seconds()).write()
    Mail(link=TokenState.REPLACED, ended=300).write()
    with rolled_up(LATER):
        assert (numbers().counts["unopened"], numbers().counts["superseded"]) == (1, 1)
