"""Runs of the roll-up: one at a time, the past bit by bit, after a death, and what is too old."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from recovery import metrics, retention, rollup, watch
from recovery.models import Email, EmailEvent, RollUp, RollUpDay, RollUpProgress
from recovery.rollup import hours
from tests.past import AT, DAY, HOUR, Mail
from tests.rolled import counted, numbers, rolled_up, rows, whole

pytestmark = pytest.mark.django_db

LATER = AT + 3 * HOUR


def test_the_past_before_the_first_run_is_filled_back_bit_by_bit_the_newest_first() -> None:
    for number in (1, 30, 60):
        Mail(at=AT - number * HOUR).write()
    with time_machine.travel(AT, tick=False):
        rolled = rollup.roll_up(seconds=0)
        assert rolled == rollup.RolledUp(hours=2, left=True)
        assert [counted(AT - number * HOUR) for number in (1, 30, 60)] == [1, 0, 0]
        assert whole() > 50
        assert [counted(AT - number * HOUR) for number in (1, 30, 60)] == [1, 1, 1]
        assert rollup.roll_up() == rollup.RolledUp(hours=2, left=False)


def test_after_days_without_a_worker_every_hour_is_there() -> None:
    Mail().write()
    with rolled_up(AT + HOUR):
        pass
    for number in range(3, 48, 5):
        Mail(at=AT + number * HOUR).write()
    with rolled_up(AT + 2 * DAY):
        assert [counted(AT + number * HOUR) for number in range(3, 48, 5)] == [1] * 9


def test_hours_that_have_lost_rows_keep_their_figures(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"emails": timedelta(days=3)}}
    email = Mail(at=AT - 2 * DAY).write()
    kept = Mail(at=AT - 2 * DAY - timedelta(minutes=10)).write()
    since = metrics.selection(since=AT - 4 * DAY, until=AT)
    with rolled_up(AT):
        assert numbers(since).delivery_success.numerator == 2
    with time_machine.travel(AT + DAY, tick=False):
        Email.objects.filter(pk=email.pk).delete()  # as the purge does, some at a time
        EmailEvent.objects.create(email=kept, kind="opened")
        whole()
        rollup.again(AT - 4 * DAY)
        whole()
        assert numbers(since).delivery_success.numerator == 2


def test_one_rolls_up_at_a_time_and_a_dead_workers_lease_runs_out() -> None:
    Mail().write()
    with rolled_up(LATER):
        RollUpProgress.objects.update(lease_until=LATER + timedelta(minutes=1))
        assert rollup.roll_up() is None
        RollUpProgress.objects.update(lease_until=LATER - timedelta(seconds=1))
        assert rollup.roll_up() is not None


def test_a_worker_that_was_taken_for_dead_writes_no_hour_over_that_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    Mail().write()
    with rolled_up(LATER):
        before = rows()
        count = hours.count

        def slowly(*args: Any) -> Any:
            RollUpProgress.objects.update(lease_owner=None)  # its lease ran out, and another has begun
            return count(*args)

        monkeypatch.setattr(hours, "count", slowly)
        assert rollup.roll_up() is None
        assert rows() == before


def test_an_hour_is_written_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    Mail(at=LATER).write()
    with rolled_up(LATER):
        before = rows()

        def fail(*args: Any) -> None:
            raise OSError("the disk is full")

        monkeypatch.setattr(hours, "run", fail)
        with pytest.raises(OSError, match="disk"):
            rollup.roll_up()
        assert rows() == before
    assert before


def test_old_figures_go_with_the_purge(settings: Any) -> None:
    Mail(at=AT - 2 * DAY).write()
    Mail().write()
    with rolled_up(LATER):
        settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"roll_ups": DAY}}
        assert retention.outlook().roll_ups == retention.purge().roll_ups > 0
        assert {row.begins for row in RollUp.objects.all()} == {hours.beginning(AT)}
        assert not RollUpDay.objects.filter(begins__lt=AT - DAY).exists()
        settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"roll_ups": None}}
        assert retention.purge().roll_ups == 0


def test_whoever_runs_anyway_rolls_up_while_beat_is_dead() -> None:
    Mail().write()
    with time_machine.travel(LATER, tick=False):
        assert watch.keep()
        assert counted(AT) == 1
        assert not watch.keep(), "it was done a moment ago"
    with time_machine.travel(LATER + timedelta(minutes=4), tick=False):
        assert watch.keep()
