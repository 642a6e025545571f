"""Fresh links for the people of an incident: once, at a pace, and only for those who still need one."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.db.models import F

from recovery import accounts, agents, incidents, level, resets, sweep, tasks
from recovery.exceptions import NotAllowed
from recovery.incidents import Person
from recovery.models import AuditEvent, Email, Repair, RepairMember, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action, EmailReason, EmailState, Kind, MailLevel, Outcome
from tests.asking import statements
from tests.asking import work as decide
from tests.factories import StaffFactory
from tests.following import failing, let_pass, trail
from tests.incidents.people import (
    ARRIVED,
    DEAD,
    POLICY,
    RULE,
    WHY,
    asked_again,
    gets_in,
    incident_of,
    mailed_links,
    numbers,
    only,
    set_up,
    steps,
    told,
    with_a_disputed_one,
    work,
)
from tests.rotations.people import readers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _hears_sendgrid(settings: Any) -> None:
    set_up(settings)


def repaired(actor: Any = None, reason: str = WHY) -> Repair | None:
    return incidents.repair(only().which, actor=actor or StaffFactory.create(), reason=reason)


def paced(settings: Any, pace: int) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROTATION_PACE": pace}


def test_everybody_who_needs_one_gets_one_link_that_works_and_it_is_one_of_staff() -> None:
    people, staff = readers(4), StaffFactory.create()
    incident_of(people)
    gets_in(people[0])
    before = len(mail.outbox)
    made = repaired(staff)
    assert made
    work()
    assert mailed_links(before) == Counter(user.email for user in people[1:])
    [kind] = {request.kind for request in ResetRequest.objects.filter(actor_key=accounts.key_of(staff))}
    assert kind == Kind.ADMIN
    gets_in(people[1])
    made.refresh_from_db()
    assert made.finished_at
    assert numbers(only()) == {"people": 4, "completed": 2, "helped": 2, "inactive": 0, "disputed": 0, "needy": 0}
    assert trail(Action.REPAIR_STARTED) == [
        {"repair": str(made.pk), "cause": f"policy/{RULE}", "route": only().which.route, "people": 3}
    ]


def test_pressed_twice_nobody_is_mailed_twice_not_even_between_ask_and_decision() -> None:
    people = readers(3)
    incident_of(people)
    which, before = only().which, len(mail.outbox)
    assert repaired()
    assert repaired() is None
    assert Repair.objects.count() == 1
    with failing("INSERT INTO .recovery_decision", ValueError("cannot decide now")):
        sweep.sweep()
    assert {request.outcome for request in ResetRequest.objects.filter(kind=Kind.ADMIN)} == {Outcome.RECEIVED}
    assert incidents.repair(which, actor=StaffFactory.create(), reason=WHY) is None
    let_pass(timedelta(minutes=2))
    work()
    assert mailed_links(before) == Counter(user.email for user in people)


def test_two_lists_of_the_same_people_that_were_read_at_the_same_moment_mail_them_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    people = readers(3)
    incident_of(people)
    which, before, staff = only().which, len(mail.outbox), StaffFactory.create()
    read: list[Person] = incidents.needy(which)
    monkeypatch.setattr(incidents.finding, "needy", lambda which, actor: read)
    assert incidents.repair(which, actor=staff, reason=WHY)
    assert incidents.repair(which, actor=staff, reason=WHY) is None, "they wait already"
    work()
    again = incidents.repair(which, actor=staff, reason=WHY)
    assert again, "as old news has it, they need one"
    work()
    assert steps() == {"asked": 3, "needless": 3}
    assert mailed_links(before) == Counter(user.email for user in people)


def test_who_gets_in_or_gets_another_link_before_their_turn_is_passed_over(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    people = readers(5)
    incident_of(people)
    assert repaired()
    RepairMember.objects.update(next_try_at=F("next_try_at") + timedelta(hours=1))  # others come first
    gets_in(people[0])
    told(asked_again(people[1:2]), ARRIVED)
    people[2].delete()
    before = len(mail.outbox)
    RepairMember.objects.update(next_try_at=F("next_try_at") - timedelta(hours=1))
    work()
    assert mailed_links(before) == Counter(user.email for user in people[3:])
    assert steps() == {"asked": 2, "needless": 3}


def test_whose_address_is_disputed_before_their_turn_is_passed_over() -> None:
    people, says_so = with_a_disputed_one(readers(3))
    incident_of(people)
    assert repaired()
    RepairMember.objects.update(next_try_at=F("next_try_at") + timedelta(hours=1))
    says_so()
    before = len(mail.outbox)
    RepairMember.objects.update(next_try_at=F("next_try_at") - timedelta(hours=1))
    work()
    assert mailed_links(before) == Counter(user.email for user in people[1:])
    assert steps() == {"asked": 2, "needless": 1}


def test_it_goes_at_the_pace_of_all_lists_and_can_be_stopped(settings: Any) -> None:
    paced(settings, 30)
    people, staff = readers(30), StaffFactory.create()
    incident_of(people)
    before, made = len(mail.outbox), repaired(staff)
    assert made
    begun = sweep.sweep().repaired
    assert 10 <= begun < 30, "of a standstill, what twenty seconds are worth"
    assert sweep.outlook().repaired == 30 - begun
    assert incidents.stop(made, actor=staff, reason="wrong incident") == 30 - begun
    assert incidents.stop(made, actor=staff, reason="again") == 0
    work()
    assert len(mail.outbox) - before == begun
    assert steps() == {"asked": begun, "stopped": 30 - begun}
    assert trail(Action.REPAIR_STOPPED) == [{"repair": str(made.pk), "people": 30 - begun}]
    assert numbers(only())["needy"] == 30 - begun


def test_a_repair_of_many_is_one_act_of_whoever_started_it() -> None:
    incident_of(readers(agents.MANY + 1))
    assert repaired()
    work()
    assert steps() == {"asked": agents.MANY + 1}
    assert agents.busy() == {}


def test_the_task_works_on_the_repair_that_was_rung_for() -> None:
    people = readers(3)
    incident_of(people)
    made = repaired()
    assert made
    tasks.repair.run(str(made.pk))
    assert steps() == {"asked": 3}
    tasks.repair.run(str(made.pk))
    assert ResetRequest.objects.filter(kind=Kind.ADMIN).count() == 3


def test_the_people_are_listed_set_wise_and_in_one_transaction() -> None:
    staff = StaffFactory.create()
    incident_of(readers(3))
    with statements() as few:
        repaired(staff)
    work()
    told(list(Email.objects.filter(request__kind=Kind.ADMIN)), POLICY)
    incident_of(readers(60))
    with statements() as many:
        made = repaired(staff)
    assert made
    assert made.member_count == 63
    assert len(many.texts) <= len(few.texts) + 2


def test_with_nobody_to_mail_nothing_is_started() -> None:
    people = readers(3)
    incident_of(people)
    for user in people:
        gets_in(user)
    assert repaired() is None
    assert not Repair.objects.exists()


def test_past_the_actors_cap_of_starts_nothing_is_started_and_the_trail_says_so(settings: Any) -> None:
    settings.RECOVERY["REQUEST_LIMITS"]["rotation"] = (1, timedelta(hours=1))
    staff = StaffFactory.create()
    incident_of(readers(3))
    assert repaired(staff)
    work()
    told(list(Email.objects.filter(request__kind=Kind.ADMIN)), POLICY)
    with pytest.raises(NotAllowed):
        repaired(staff)
    assert [row["by"] for row in trail(Action.STAFF_REFUSED)] == ["rotation limit"]
    assert (Repair.objects.count(), repaired() is not None) == (1, True), "a colleague has a cap of their own"


def test_a_suppressed_address_is_held_back_as_ever_and_mail_arrives_once_that_is_lifted() -> None:
    people = readers(3)
    incident_of(people, DEAD)
    before = len(mail.outbox)
    assert repaired()
    work()
    assert len(mail.outbox) == before
    held = Email.objects.filter(request__kind=Kind.ADMIN)
    assert {(email.state, email.reason) for email in held} == {(EmailState.WITHHELD, EmailReason.SUPPRESSED)}


def test_the_level_holds_it_back_as_ever() -> None:
    people, staff = readers(3), StaffFactory.create()
    incident_of(people)
    level.switch(MailLevel.NONE, actor=staff, reason="maintenance")
    before = len(mail.outbox)
    assert repaired(staff)
    work()
    assert len(mail.outbox) == before
    assert {each.outcome for each in ResetRequest.objects.filter(kind=Kind.ADMIN)} == {Outcome.LEVEL_BLOCKED}


def test_the_fresh_link_comes_from_the_door_and_in_the_language_of_the_one_that_failed(settings: Any) -> None:
    door = {"BASE_URL": "https://portal.example"}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": door}}
    people = readers(3)
    for user in people:
        resets.send_by_staff(user, actor=None, reason="x", origin=Origin(language="de"), audience="portal")
    decide()
    told(list(Email.objects.all()), POLICY)
    assert repaired()
    work()
    fresh = ResetRequest.objects.exclude(actor_key="")
    assert {(each.audience, each.language) for each in fresh} == {("portal", "de")}


def test_one_that_cannot_be_asked_for_is_given_up_after_some_tries_and_the_others_are_not_kept() -> None:
    people = readers(3)
    incident_of(people)
    made, poor = repaired(), str(people[0].pk)
    assert made

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "recovery_resetrequest" in sql and sql.startswith(("INSERT", "WITH")) and f"'{poor}'" in str(params):
            raise ValueError("nobody knows why")
        return execute(sql, params, many, context)

    for _ in range(7):
        with connection.execute_wrapper(refuse):
            sweep.sweep()
        let_pass(timedelta(minutes=2))
    assert steps() == {"asked": 2, "failed": 1}
    made.refresh_from_db()
    assert made.finished_at
    assert AuditEvent.objects.filter(action=Action.REPAIR_FAILED, user_key=poor).count() == 1
    assert numbers(only())["needy"] == 1
