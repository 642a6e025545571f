"""Trouble on the way of a forced rotation: writes that fail, workers that die or are overtaken, accounts that cannot be
ended. Nobody is skipped, and nobody is mailed twice."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError
from django.db.models.functions import Now

from recovery import resets, sweep
from recovery.models import Email, ResetRequest
from recovery.reasons import Action, Alarm, EmailKind
from recovery.signals import alarm_sounded
from tests.asking import recipients
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, let_pass, trail
from tests.rotations.people import force, funnel, readers, users_of, work

pytestmark = pytest.mark.django_db


def in_between(user: Any, happens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something happens once, after a worker has taken this account and before it begins with it."""
    get_username, left = type(user).get_username, [happens]

    def name(asked: Any) -> str:
        if asked.pk == user.pk and left:
            left.pop()()
        return str(get_username(asked))

    monkeypatch.setattr(type(user), "get_username", name)


def test_what_is_stopped_while_a_worker_comes_to_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    user, staff = UserFactory.create(), StaffFactory.create()
    rotation = force([user])
    stop = partial(resets.stop_rotation, rotation, actor=staff, reason="wrong person")
    in_between(user, stop, monkeypatch)
    work()
    user.refresh_from_db()
    assert user.has_usable_password()
    assert funnel(rotation) == {"stopped": 1}
    assert not ResetRequest.objects.exists()


def test_a_worker_that_is_overtaken_when_its_lease_is_over_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    user = UserFactory.create()
    rotation = force([user])

    def another_comes() -> None:
        rotation.members.update(next_try_at=Now())
        assert resets.rotate(rotation.pk) == 1

    in_between(user, another_comes, monkeypatch)
    assert resets.rotate(rotation.pk) == 0
    assert len(mail.outbox) == len(trail(Action.ACCESS_ENDED)) == ResetRequest.objects.count() == 1


WRITES = [
    'UPDATE "recovery_rotationmember" SET "step"',
    "UPDATE recovery_resettoken SET state",
    'UPDATE "auth_user" SET "password"',
    'UPDATE "recovery_backupaddress"',
    'INSERT INTO "recovery_accountstate"',
    'INSERT INTO "recovery_resetrequest"',
    'INSERT INTO "recovery_auditevent"',
]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_that_fails_leaves_that_account_as_it_was_and_the_next_try_does_all_of_it(write: str) -> None:
    people = readers(2)
    rotation = force(people)
    before = [user.password for user in users_of(rotation)]
    with failing(write) as refused, pytest.raises(OperationalError):
        sweep.sweep()
    assert refused
    assert [user.password for user in users_of(rotation)] == before
    assert not ResetRequest.objects.exists()
    assert not trail(Action.ACCESS_ENDED)
    assert funnel(rotation) == {"waiting": 2}
    let_pass(timedelta(seconds=61))
    work()
    assert sorted(recipients()) == [user.email for user in people]
    assert len(trail(Action.ACCESS_ENDED)) == 2


def test_an_account_that_fails_again_and_again_is_given_up_and_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """A user model whose name cannot be told, say."""
    people = readers(3)
    doomed = people[1]
    get_username = type(doomed).get_username

    def name(user: Any) -> str:
        if user.pk == doomed.pk:
            raise LookupError("the directory is down")
        return str(get_username(user))

    heard: list[Any] = []

    def hear(alarm: Alarm, subject: str, **more: Any) -> None:
        heard.append((alarm, subject))

    rotation = force(people)
    alarm_sounded.connect(hear)
    with monkeypatch.context() as patch, django_capture_on_commit_callbacks(execute=True):
        patch.setattr(type(doomed), "get_username", name)
        for _ in range(7):
            sweep.sweep()
            let_pass(timedelta(seconds=61))
    alarm_sounded.disconnect(hear)
    assert funnel(rotation) == {"told": 2, "stuck.error": 1}
    assert heard == [(Alarm.NOT_ROTATED, str(rotation.pk))]
    assert trail(Action.ROTATION_FAILED) == [{"rotation": str(rotation.pk), "tries": 5}]
    doomed.refresh_from_db()
    assert doomed.has_usable_password()
    assert resets.renew_links(rotation, actor=StaffFactory.create(), reason="the directory is back") == 1
    work()
    assert funnel(rotation) == {"told": 3}


def test_a_worker_that_died_between_the_end_of_access_and_the_decision_is_followed_by_another() -> None:
    people = readers(3)
    rotation = force(people)
    with failing('INSERT INTO "recovery_decision"'), pytest.raises(OperationalError):
        sweep.sweep()
    assert funnel(rotation) == {"started": 1, "waiting": 2}
    let_pass(timedelta(seconds=61))
    work()
    assert sorted(recipients()) == [user.email for user in people]
    assert Email.objects.filter(kind=EmailKind.FORCED_RESET).count() == 3
