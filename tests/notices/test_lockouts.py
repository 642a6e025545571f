"""Who is told of a lockout: its owner, seldom; nobody of a name that nobody has; the operators, once."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import OperationalError
from django.utils import timezone

from recovery import alarms, level, notices, resets, sweep, tasks, watch
from recovery.models import AuditEvent, Email, Lockout
from recovery.models.primary import new_key
from recovery.origin import Origin
from recovery.reasons import (
    Action,
    Alarm,
    EmailKind,
    EmailReason,
    EmailState,
    LockKind,
    LockLift,
    MailLevel,
)
from recovery.signals import alarm_sounded
from tests.asking import NEW_PASSWORD, browser, seen
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, let_pass, mailed_link, trail, works
from tests.ladder import with_backup
from tests.objecting import locked, newest_to, subjects_to
from tests.signing_in import SIGN_IN, fail, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1, minutes=1)
SPARE = "spare@example.net"


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str, str]]]:
    found: list[tuple[str, str, str]] = []

    def hear(alarm: str, subject: str, detail: str, **kwargs: Any) -> None:
        found.append((alarm, subject, detail))

    alarm_sounded.connect(hear)
    alarms._told.clear()
    yield found
    alarm_sounded.disconnect(hear)
    alarms._told.clear()


def notices_of(user: Any) -> list[str]:
    emails = Email.objects.filter(kind=EmailKind.LOCKED, user_key=str(user.pk)).order_by("queued_at", "id")
    return list(emails.values_list("recipient", flat=True))


def test_the_owner_is_told_when_until_when_from_where_and_what_lifts_it(user: Any) -> None:
    episode = locked(user)
    tasks.notify(str(episode.pk))
    text = newest_to(user.email).body
    assert episode.until
    for said in (user.username, "Locked on", "Locked until", "(UTC)", "203.0.113.66", "/recovery/forgot/"):
        assert said in text, said
    assert Lockout.objects.get().told_at is not None
    assert trail(Action.NOTICE_QUEUED) == [{"what": "locked", "lockout": str(episode.pk), "told": 1}]


def test_all_addresses_are_told_and_a_backup_learns_neither_the_main_one_nor_the_full_origin(user: Any) -> None:
    with_backup(user, SPARE)
    locked(user)
    newest_to(user.email)
    assert notices_of(user) == [user.email, SPARE]
    text = newest_to(SPARE).body
    assert "203.0.113.•" in text
    for hidden in (user.email, "203.0.113.66"):
        assert hidden not in text


def test_wrong_passwords_at_the_sign_in_bring_the_owner_a_mail_and_a_name_that_nobody_has_none(user: Any) -> None:
    """And the answers are the same, so that nobody learns from the page whom the mail went to."""
    answers = []
    for name in (user.username, user.username[::-1]):  # as long, so that the answers are
        client = browser()
        shown = [seen(client.post(SIGN_IN, {"username": name, "password": f"guess {n}"})) for n in range(7)]
        answers.append([{**each, "body": each["body"].replace(name, "[name]")} for each in shown])
    assert answers[0] == answers[1]
    assert sweep.sweep().locked == 2
    assert [message.to for message in mail.outbox] == [[user.email]]
    assert "127.0.0.1" in mail.outbox[0].body
    assert mail.outbox[0].subject == "Too many wrong passwords for your account at Riverside Library"


def test_a_reset_lifts_what_the_mail_tells_of(user: Any) -> None:
    fail(user.username, 6)
    assert "/recovery/forgot/" in newest_to(user.email).body
    assert not sign_in(user.username)
    assert works(mailed_link(user), user)
    assert sign_in(user.username, NEW_PASSWORD)


def test_one_that_does_not_end_by_itself_is_told_whatever_came_before(user: Any) -> None:
    for _ in range(5):
        locked(user)
    locked(user, until=None)
    assert len(subjects_to(user.email)) == 2
    assert "does not end by itself" in newest_to(user.email).body


@pytest.mark.parametrize("facts", [{}, {"until": None}], ids=["for a while", "without an end"])
def test_an_episode_is_told_once_however_often_it_is_rung_for_and_swept(user: Any, facts: dict[str, Any]) -> None:
    episode = locked(user, **facts)
    for _ in range(3):
        tasks.notify(str(episode.pk), str(episode.pk))
        sweep.sweep()
    assert len(subjects_to(user.email)) == 1


def test_one_mail_an_hour_and_three_a_day(user: Any) -> None:
    told = []
    for _ in range(30):
        locked(user)
        told.append(len(subjects_to(user.email)))
        let_pass(timedelta(minutes=61))
    assert told[0] == 1
    assert told[:5] == [1, 2, 3, 3, 3]
    assert max(told[:23]) == 3
    assert told[-1] > 3
    other = UserFactory.create()
    locked(other)
    assert len(subjects_to(other.email)) == 1


def test_within_the_hour_further_lockouts_are_decided_and_bring_no_mail(user: Any) -> None:
    for _ in range(4):
        locked(user)
        let_pass(timedelta(minutes=5))
    assert len(subjects_to(user.email)) == 1
    assert not Lockout.objects.filter(told_at=None).exists()


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": LockKind.SOURCE},
        {"user_key": ""},
        {"user_key": "987654"},
        {"since": timezone.now() - timedelta(days=2)},
        {"lifted_at": timezone.now(), "lifted_by": LockLift.RESET},
    ],
    ids=["a place", "a name that nobody has", "an account that is gone", "two days ago", "lifted already"],
)
@pytest.mark.parametrize("by", ["task", "sweep"])
def test_what_is_nobodys_news_is_decided_without_a_mail(user: Any, facts: dict[str, Any], by: str) -> None:
    episode = locked(user, **facts)
    tasks.notify(str(episode.pk)) if by == "task" else sweep.sweep()
    assert Lockout.objects.get().told_at is not None
    assert not Email.objects.exists()
    assert trail(Action.NOTICE_QUEUED) == []


def test_inactive_people_are_never_mailed(user: Any) -> None:
    type(user).objects.update(is_active=False)
    locked(user)
    sweep.sweep()
    assert Lockout.objects.get().told_at is not None
    assert not Email.objects.exists()


def test_a_lock_by_staff_is_told_as_such_each_time_and_has_nothing_to_object_to(user: Any) -> None:
    actor = StaffFactory.create()
    locked(user)
    for _ in range(2):
        locked(user, kind=LockKind.STAFF, until=None, actor_key=str(actor.pk), reason="stolen", failure_count=0)
    sweep.sweep()
    assert len(subjects_to(user.email)) == 3
    by_staff = [message for message in mail.outbox if "was locked" in message.subject]
    assert len(by_staff) == 2
    for message in by_staff:
        assert "The support team of Riverside Library locked your account" in message.body
        for hidden in ("not-me", "/recovery/forgot/", "stolen", actor.username, "203.0.113"):
            assert hidden not in message.body


@pytest.mark.parametrize(
    ("switched", "state", "reason"),
    [(MailLevel.SYSTEM, EmailState.HANDED_OVER, ""), (MailLevel.NONE, EmailState.WITHHELD, EmailReason.LEVEL_NONE)],
)
def test_the_level_lets_notices_out_or_withholds_them(user: Any, switched: MailLevel, state: str, reason: str) -> None:
    level.switch(switched, actor=StaffFactory.create(), reason="maintenance")
    locked(user)
    notices.new_device(user, origin=Origin(ip="192.0.2.1"))
    sweep.sweep()
    assert set(Email.objects.values_list("kind", "state", "reason")) == {
        (EmailKind.LOCKED, state, reason),
        (EmailKind.NEW_DEVICE, state, reason),
    }


@pytest.mark.parametrize("table", ["recovery_email", "recovery_auditevent"])
def test_a_notice_that_cannot_be_written_is_decided_by_the_next_sweep(user: Any, table: str) -> None:
    episode = locked(user)
    with failing(f'INSERT INTO "{table}"') as refused, pytest.raises(OperationalError):
        notices.tell_lockout(episode.pk)
    assert refused
    assert Lockout.objects.get().told_at is None
    assert not Email.objects.exists()
    assert not AuditEvent.objects.exists()
    assert sweep.sweep().locked == 1
    assert len(subjects_to(user.email)) == 1


def test_a_sweep_says_how_many_it_decided_and_would(user: Any) -> None:
    locked(user)
    locked()
    assert sweep.outlook().locked == 2
    assert sweep.sweep().locked == 2
    assert (sweep.outlook().locked, sweep.sweep().locked) == (0, 0)


@pytest.mark.attack(64)
@pytest.mark.slow
def test_a_storm_is_one_mail_an_account_and_one_alarm(heard: list[Any]) -> None:
    """A thousand accounts and as many names that nobody has are locked, and one of them again and again: two thousand
    episodes of five failures each."""
    people = get_user_model().objects.bulk_create(
        get_user_model()(username=f"reader{n}", email=f"reader{n}@storm.example", password="!") for n in range(1000)
    )
    until = timezone.now() + timedelta(minutes=5)
    facts = {"kind": LockKind.ACCOUNT, "until": until, "failure_count": 5}
    names = [(str(person.pk), person.pk) for person in people] + [("", -number) for number in range(1, 1001)]
    for episodes in (names, [names[0]] * 500, [names[-1]] * 500):
        Lockout.objects.bulk_create(
            Lockout(pk=new_key(), user_key=key, counter_key=number, **facts) for key, number in episodes
        )
        while Lockout.objects.filter(told_at=None).exists() or Email.objects.due().exists():
            sweep.sweep()
            watch.look()
            alarms._told.clear()  # as if each look were of a process of its own
    assert sorted(message.to[0] for message in mail.outbox) == sorted(person.email for person in people)
    assert [alarm for alarm, _subject, _detail in heard] == [Alarm.LOCKOUTS_MANY]
    assert heard[0][2] == "100 names or more within an hour"


def test_a_password_that_a_forced_rotation_ended_is_not_said_to_hold(user: Any) -> None:
    resets.force_rotation([user], actor=StaffFactory.create(), reason="leaked")
    locked(user)
    text = newest_to(user.email).body
    assert "still holds" not in text
    assert "Your old password was ended before" in text
    assert "/recovery/forgot/" in text


@pytest.mark.parametrize("until", [timezone.now() + timedelta(minutes=5), None], ids=["for a while", "without an end"])
def test_whoever_has_no_password_reads_of_none_and_is_sent_to_no_page_for_one(user: Any, until: Any) -> None:
    user.set_unusable_password()
    user.save()
    locked(user, until=until)
    newest = newest_to(user.email)
    for body in (newest.body, newest.alternatives[0][0]):
        for untrue in ("still holds", "new password", "old password", "/recovery/forgot/"):
            assert untrue not in body, untrue
        assert ("Then sign in again after that time." if until else "can end it") in body


def test_a_lock_that_is_over_when_it_is_told_is_not_said_to_refuse(user: Any) -> None:
    locked(user, since=timezone.now() - timedelta(hours=2), until=timezone.now() - HOUR)
    newest = newest_to(user.email)
    for body in (newest.body, newest.alternatives[0][0]):
        assert "was locked" in body
        assert "Locked until" in body
        for untrue in ("is refused", "until that is over"):
            assert untrue not in body, untrue
