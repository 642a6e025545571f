"""Alarms reach the log and the host once, after the commit, and never stand in anybody's way."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from recovery import alarms
from recovery.reasons import Alarm
from recovery.signals import alarm_sounded

pytestmark = pytest.mark.django_db(transaction=True)

RECOVERY = Path(alarms.__file__).parent


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    """As a process that has just started."""
    alarms._told.clear()
    yield
    alarms._told.clear()


@pytest.fixture
def heard() -> Iterator[list[tuple[Alarm, str, str]]]:
    told: list[tuple[Alarm, str, str]] = []

    def hear(sender: Any, alarm: Alarm, subject: str, detail: str, **kwargs: Any) -> None:
        told.append((alarm, subject, detail))

    alarm_sounded.connect(hear)
    yield told
    alarm_sounded.disconnect(hear)


def test_an_alarm_is_an_error_in_the_log_and_a_signal(heard: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    alarms.sound(Alarm.REFUSED_US, "main", detail="401 Bad token")
    assert heard == [(Alarm.REFUSED_US, "main", "401 Bad token")]
    [record] = caplog.records
    assert (record.name, record.levelname) == ("recovery.alarms", "ERROR")
    assert record.getMessage().startswith("refused_us: ")
    assert record.getMessage().endswith(" (main): 401 Bad token")


def minutes_pass(minutes: float) -> None:
    """The quiet ends at a moment of the process's own clock; so much later is so much less of it."""
    for key in alarms._told:
        alarms._told[key] -= minutes * 60


def test_the_same_thing_is_told_once_in_ten_minutes_and_another_at_once(heard: list[Any]) -> None:
    for _ in range(50):
        alarms.sound(Alarm.CIRCUIT_OPEN, "main")
    alarms.sound(Alarm.CIRCUIT_OPEN, "spare")
    alarms.sound(Alarm.NO_ROUTE, "main")
    assert [each[:2] for each in heard] == [
        (Alarm.CIRCUIT_OPEN, "main"),
        (Alarm.CIRCUIT_OPEN, "spare"),
        (Alarm.NO_ROUTE, "main"),
    ]
    for minutes, count in ((9.9, 3), (0.2, 4)):
        minutes_pass(minutes)
        alarms.sound(Alarm.CIRCUIT_OPEN, "main")
        assert len(heard) == count


def test_it_waits_for_the_commit_and_is_silent_if_none_comes(heard: list[Any]) -> None:
    with transaction.atomic():
        alarms.sound(Alarm.POISON, "one")
        assert heard == []
    assert [each[1] for each in heard] == ["one"]
    with transaction.atomic():
        alarms.sound(Alarm.POISON, "two")
        transaction.set_rollback(True)
    assert [each[1] for each in heard] == ["one"]


def test_a_receiver_that_raises_harms_nothing(heard: list[Any]) -> None:
    def raise_it(**kwargs: Any) -> None:
        raise ZeroDivisionError

    alarm_sounded.connect(raise_it)
    try:
        alarms.sound(Alarm.POISON, "one")
    finally:
        alarm_sounded.disconnect(raise_it)
    assert len(heard) == 1


def test_a_flood_of_subjects_is_forgotten_and_not_kept_for_good(heard: list[Any]) -> None:
    for number in range(alarms.MOST_TOLD + 10):
        alarms.sound(Alarm.POISON, str(number))
    assert len(heard) == alarms.MOST_TOLD + 10
    assert len(alarms._told) <= alarms.MOST_TOLD


def sounded() -> set[str]:
    """The alarms that some rule gives to ``alarms.sound``, or keeps in a table for it."""
    found: set[str] = set()
    for path in RECOVERY.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "alarms" not in source or path.name == "alarms.py":
            continue
        found |= {
            node.attr
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Alarm"
        }
    return found


@pytest.mark.parametrize("alarm", Alarm)
def test_every_alarm_sounds_somewhere(alarm: Alarm) -> None:
    assert alarm.name in sounded()
