"""Members of staff who act on unusually many people, of which there is an alarm."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from recovery import agents, alarms, audit, heartbeats, lockouts, resets, watch
from recovery.models import AuditEvent, Lockout
from recovery.origin import Origin
from recovery.reasons import Action, Alarm, Part
from recovery.signals import alarm_sounded
from tests.factories import StaffFactory, UserFactory
from tests.signing_in import fail

pytestmark = pytest.mark.django_db(transaction=True)


def unlock(agent: Any, people: int) -> None:
    for user in UserFactory.create_batch(people):
        lockout = lockouts.lock(user, actor=StaffFactory(), reason="asked for")
        assert lockouts.lift(lockout, actor=agent, reason="ticket")


@pytest.fixture
def heard() -> Any:
    told: list[tuple[str, str]] = []

    def hear(alarm: Alarm, subject: str, **more: Any) -> None:
        told.append((alarm, subject))

    heartbeats.beat(Part.SWEEP)
    alarms._told.clear()
    alarm_sounded.connect(hear)
    yield told
    alarm_sounded.disconnect(hear)


def test_twenty_people_within_an_hour_are_told_of(heard: list[Any]) -> None:
    agent = StaffFactory()
    unlock(agent, agents.MANY)
    watch.look()
    assert heard == [(Alarm.AGENT_VOLUME, str(agent.pk))]


def test_one_fewer_is_a_busy_day_and_the_same_person_counts_once(heard: list[Any]) -> None:
    agent, user = StaffFactory(), UserFactory()
    unlock(agent, agents.MANY - 2)
    for _ in range(3):
        resets.send_by_staff(user, actor=agent, reason="ticket", origin=Origin())
    assert agents.busy() == {}
    watch.look()
    assert heard == []


def test_what_people_do_for_themselves_and_what_is_over_an_hour_old_does_not_count() -> None:
    agent = StaffFactory()
    unlock(agent, agents.MANY)
    assert agents.busy() == {str(agent.pk): (agents.MANY, 0)}
    newest = AuditEvent.objects.latest("pk").occurred_at
    with time_machine.travel(newest + agents.WINDOW + timedelta(seconds=1), tick=False):
        assert agents.busy() == {}


def test_names_that_nobody_has_count_one_by_one_and_not_all_as_one_person(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "LOGIN_FAILURE_LIMIT": {"source": None}}
    agent = StaffFactory()
    for number in range(agents.MANY):
        fail(f"nobody{number}", 5)
    for lockout in Lockout.objects.all():
        assert lockout.user_key == ""
        assert lockouts.lift(lockout, actor=agent, reason="ticket")
    assert agents.busy() == {str(agent.pk): (agents.MANY, 0)}


@pytest.mark.parametrize(
    ("action", "bound"),
    [
        *((action, agents.MANY_LOOKED_AT) for action in (Action.DIAGNOSED, Action.ADDRESS_REVEALED)),
        *((action, agents.MANY) for action in (
            Action.PERSON_EXPORTED, Action.SUPPRESSION_LIFTED, Action.EMAIL_RETRIED, Action.EMAIL_RELEASED,
            Action.EXPORTED,
        )),
    ],
)  # fmt: skip
def test_looking_many_up_and_taking_their_data_is_told_of_too(action: Action, bound: int, heard: list[Any]) -> None:
    agent = StaffFactory()
    for number in range(bound - 1):
        audit.record(action, actor_key=str(agent.pk), user_key=f"person-{number}")
    audit.record(action, actor_key=str(agent.pk), user_key="person-0")
    watch.look()
    assert heard == []
    audit.record(action, actor_key=str(agent.pk), user_key="one-more")
    watch.look()
    assert heard == [(Alarm.AGENT_VOLUME, str(agent.pk))]
