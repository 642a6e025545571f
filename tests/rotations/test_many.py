"""A list of people: listed at once, worked on at a pace, stopped, resumed; nobody twice, nobody left out."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db.models import F

from recovery import accounts, resets, sweep
from recovery.models import AuditEvent, CaseNote, Email, ResetRequest, RotationMember, SupportCase
from recovery.reasons import Action, CaseEnd, CaseReason, Kind, Outcome, RotationStep
from tests.asking import ask, browser, links, recipients, statements
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import let_pass, provider, trail, works
from tests.rotations.people import WHY, force, funnel, let_pace_pass, readers, said_it_was_not_them, work

pytestmark = pytest.mark.django_db

USERS = get_user_model()._default_manager


def of(people: list[Any]) -> Any:
    return USERS.filter(pk__in=[user.pk for user in people])


@pytest.mark.parametrize(
    "given",
    [
        of,
        lambda people: people,
        lambda people: iter([*people, *people]),
        lambda people: [user.pk for user in people],
        lambda people: [f"0{user.pk}" for user in people],
    ],
    ids=["a QuerySet", "users", "an iterator with repeats", "keys", "keys as text"],
)
def test_people_are_given_in_any_form_and_each_is_listed_once(given: Any) -> None:
    people = readers(3)
    rotation = force(given(people))
    assert rotation.member_count == 3
    assert sorted(rotation.members.values_list("user_key", flat=True)) == sorted(map(accounts.key_of, people))


@pytest.mark.django_db(transaction=True)
def test_a_list_is_written_set_wise_and_in_one_commit() -> None:
    people, staff = readers(300), StaffFactory.create()
    with statements() as few:
        force(people[:5], actor=staff)
    with statements() as many:
        force(of(people), actor=staff)
    assert (few.commits, many.commits) == (1, 1)
    assert len(many.texts) <= len(few.texts) + 4


def test_everybody_gets_one_mail_support_gets_one_case_and_it_closes_when_all_are_in_again() -> None:
    people, staff = [*readers(4), *readers(1, is_active=False)], StaffFactory.create()
    rotation = force(people, actor=staff, evidence="dump of 2026-11-20")
    case = SupportCase.objects.get()
    assert (case.user_key, case.reason, rotation.case) == ("", CaseReason.COMPROMISED, case)
    assert CaseNote.objects.get().text == f"{WHY}\ndump of 2026-11-20"
    work()
    assert sorted(recipients()) == [user.email for user in people[:4]]
    assert {request.kind for request in ResetRequest.objects.all()} == {Kind.FORCED}
    assert funnel(rotation) == {"told": 4, "not_mailed.inactive": 1}
    for message, user in zip(sorted(mail.outbox, key=lambda each: each.to), people[:4], strict=True):
        assert resets.close_rotated() == 0
        assert works(links(message)[0], user)
    assert funnel(rotation) == {"completed": 4, "not_mailed.inactive": 1}
    assert sweep.sweep()
    case.refresh_from_db()
    assert (case.end, case.closed_by) == (CaseEnd.ROTATED, "")


def test_two_lists_may_have_cases_at_the_same_time() -> None:
    force(readers(2))
    force(readers(2))
    assert SupportCase.objects.filter(user_key="", closed_at=None).count() == 2


def test_a_list_goes_at_its_pace_however_often_and_by_however_many_it_is_swept(settings: Any) -> None:
    """One in ten seconds; of a standstill, what twenty seconds are worth."""
    settings.RECOVERY = {**settings.RECOVERY, "ROTATION_PACE": 6}
    rotation, began = force(readers(30)), time.monotonic()
    for seconds, least in ((0, 2), (0, 0), (10, 1), (20, 2), (300, 2)):
        let_pace_pass(seconds)
        assert least <= sweep.sweep().rotated <= 2
    gone = 30 - funnel(rotation)["waiting"]
    assert gone <= 2 + 1 + 2 + 2 + (time.monotonic() - began) / 10, "however long the sweeps themselves took"


def test_one_person_waits_behind_no_list(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROTATION_PACE": 6}
    force(readers(30))
    sweep.sweep()
    user = UserFactory.create()
    rotation = said_it_was_not_them(user)
    assert sweep.sweep().rotated >= 1
    assert funnel(rotation) == {"told": 1}


def test_nor_behind_one_that_has_them_and_stopping_that_does_not_stop_this(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROTATION_PACE": 6}
    people = readers(30)
    listed = force(people)
    sweep.sweep()
    last = accounts.by_key(RotationMember.objects.filter(step=RotationStep.WAITING).latest("id").user_key)
    rotation = said_it_was_not_them(last)
    assert resets.stop_rotation(listed, actor=StaffFactory.create(), reason="a false alarm") == 27
    assert sweep.sweep().rotated == 1
    assert funnel(rotation) == {"told": 1}
    assert sum(funnel(listed).values()) == 29
    assert last is not None
    last.refresh_from_db()
    assert not last.check_password(PASSWORD)


def test_resets_of_others_leave_before_the_mail_of_a_list(settings: Any) -> None:
    force(readers(5))
    with provider("tests.backends.Unreachable", settings):
        sweep.sweep()
    other = UserFactory.create()
    ask(browser(), other.email)
    let_pass(timedelta(seconds=10))
    Email.objects.update(next_try_at=F("queued_at"))
    sweep.sweep()
    assert len(mail.outbox) == 6
    assert recipients()[0] == other.email


def test_the_clock_of_each_mail_starts_when_its_request_is_made(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROTATION_PACE": 6}
    rotation = force(readers(6))
    for _ in range(6):
        sweep.sweep()
        let_pass(timedelta(minutes=40))  # longer than SEND_BY
        let_pace_pass()
    assert {request.outcome for request in ResetRequest.objects.all()} == {Outcome.SENT}
    assert len(mail.outbox) == 6
    assert sum(funnel(rotation).values()) == 6


def test_somebody_who_waits_in_another_list_is_left_out_and_counted() -> None:
    first, people = force(readers(3)), readers(2)
    second = force(USERS.filter(username__startswith="leaked"))
    assert (first.member_count, second.member_count) == (3, 2)
    assert {row["left_out"] for row in trail(Action.ROTATION_STARTED)} == {0, 3}
    work()
    assert len(mail.outbox) == 5
    assert sorted(second.members.values_list("user_key", flat=True)) == sorted(map(accounts.key_of, people))
    assert force(USERS.filter(username__startswith="leaked"), actor=None) in (first, second)


def test_stopping_leaves_alone_whoever_was_not_begun_with(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROTATION_PACE": 30}
    people, staff = readers(30), StaffFactory.create()
    rotation = force(people)
    begun = sweep.sweep().rotated
    assert resets.stop_rotation(rotation, actor=staff, reason="wrong list") == 30 - begun
    assert resets.stop_rotation(rotation, actor=staff, reason="again") == 0
    work()
    assert len(mail.outbox) == begun
    assert funnel(rotation) == {"told": begun, "stopped": 30 - begun}
    assert sum(user.has_usable_password() for user in of(people)) == 30 - begun
    assert trail(Action.ROTATION_STOPPED) == [{"rotation": str(rotation.pk), "people": 30 - begun}]
    rotation.refresh_from_db()
    assert rotation.finished_at


def bounced(people: list[Any]) -> None:
    addresses = [user.email for user in people]
    Email.objects.filter(recipient__in=addresses).update(state="bounced", followed_up_at=F("queued_at"))


def test_a_fresh_link_goes_to_those_who_are_stuck_and_to_nobody_else_and_touches_no_password() -> None:
    people, staff = readers(5), StaffFactory.create()
    rotation = force(people)
    work()
    bounced(people[:2])
    assert funnel(rotation) == {"stuck.bounced": 2, "told": 3}
    ended = dict(of(people).values_list("pk", "password"))
    assert resets.renew_links(rotation, actor=staff, reason="addresses were mended") == 2
    assert resets.renew_links(rotation, actor=staff, reason="pressed twice") == 0
    assert funnel(rotation) == {"started": 2, "told": 3}
    work()
    assert funnel(rotation) == {"told": 5}
    assert sorted(recipients()[5:]) == [user.email for user in people[:2]]
    assert dict(of(people).values_list("pk", "password")) == ended
    assert AuditEvent.objects.filter(action=Action.ACCESS_ENDED).count() == 5
    assert trail(Action.ROTATION_RENEWED) == [{"rotation": str(rotation.pk), "people": 2}]


def test_who_came_in_by_another_way_meanwhile_keeps_that_password_though_a_fresh_link_is_sent() -> None:
    [user, other] = readers(2)
    rotation = force([user, other])
    work()
    bounced([user])
    user.refresh_from_db()
    user.set_password("set by an administrator")
    user.save()
    resets.renew_links(rotation, actor=StaffFactory.create(), reason="x")
    work()
    user.refresh_from_db()
    assert user.check_password("set by an administrator")
