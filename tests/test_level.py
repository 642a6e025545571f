"""Which mail leaves at which level, who changed it, and that the newest change holds."""

from typing import Any

import pytest
from django.db import OperationalError

from recovery import level
from recovery.models import AuditEvent, Email, LevelSwitch
from recovery.reasons import Action, EmailKind, EmailReason, EmailState, MailLevel, Outcome
from recovery.sweep import sweep
from tests.asking import ask, asked, browser, recipients, statements, work
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, notice

pytestmark = pytest.mark.django_db(transaction=True)

HELD: dict[MailLevel, Any] = {
    MailLevel.ALL: lambda kind: None,
    MailLevel.SYSTEM: lambda kind: EmailReason.LEVEL_SYSTEM if kind == EmailKind.SITE else None,
    MailLevel.NONE: lambda kind: EmailReason.LEVEL_NONE,
}


@pytest.mark.parametrize("kind", EmailKind)
@pytest.mark.parametrize("to", MailLevel)
def test_each_level_holds_what_its_meaning_says_and_nothing_else(to: MailLevel, kind: EmailKind) -> None:
    level.switch(to, actor=StaffFactory.create(), reason="relay is being moved")
    assert level.current() == to
    assert level.holds(kind) == level.holds(kind, to) == HELD[to](kind)


@pytest.mark.parametrize("to", MailLevel)
def test_mail_of_recovery_that_is_held_leaves_no_trace_but_its_reason(to: MailLevel) -> None:
    user = UserFactory.create()
    told = notice()
    level.switch(to, actor=StaffFactory.create(), reason="relay is being moved")
    ask(browser(), user.email)
    work()
    sweep()
    reason = level.holds(EmailKind.RESET, to) or ""
    state = EmailState.WITHHELD if reason else EmailState.HANDED_OVER
    assert set(Email.objects.values_list("kind", "state", "reason")) == {
        (EmailKind.RESET, state, reason),
        (EmailKind.PASSWORD_CHANGED, state, reason),
    }
    assert set(recipients()) == (set() if reason else {user.email, told.recipient})
    assert asked().outcome == (Outcome.LEVEL_BLOCKED if reason else Outcome.SENT)


def test_raising_the_level_releases_nothing_by_itself() -> None:
    actor, email = StaffFactory.create(), notice()
    level.switch(MailLevel.NONE, actor=actor, reason="flood")
    sweep()
    level.switch(MailLevel.ALL, actor=actor, reason="over")
    sweep()
    email.refresh_from_db()
    assert (email.state, email.reason) == (EmailState.WITHHELD, EmailReason.LEVEL_NONE)
    assert recipients() == []


def test_until_somebody_changes_it_all_mail_leaves() -> None:
    assert level.current() == MailLevel.ALL
    assert {level.holds(kind) for kind in EmailKind} == {None}


def test_the_newest_change_holds_and_each_is_on_the_trail_with_who_and_why() -> None:
    actor = StaffFactory.create()
    level.switch(MailLevel.NONE, actor=actor, reason="flood")
    level.switch(MailLevel.SYSTEM, actor=actor, reason="resets are needed")
    assert level.current() == MailLevel.SYSTEM
    rows = AuditEvent.objects.filter(action=Action.LEVEL_CHANGED).order_by("occurred_at", "id")
    assert [(row.actor_key, row.reason, row.detail) for row in rows] == [
        (str(actor.pk), "flood", {"from": "all", "to": "none"}),
        (str(actor.pk), "resets are needed", {"from": "none", "to": "system"}),
    ]
    assert list(LevelSwitch.objects.values_list("level", "actor_key", "reason")) == [
        ("system", str(actor.pk), "resets are needed"),
        ("none", str(actor.pk), "flood"),
    ]


def test_the_level_stays_when_its_row_of_the_trail_cannot_be_written() -> None:
    with failing('INSERT INTO "recovery_auditevent"') as refused, pytest.raises(OperationalError):
        level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="flood")
    assert refused
    assert level.current() == MailLevel.ALL


def test_asking_for_the_level_is_one_statement_and_none_for_who_has_read_it() -> None:
    with statements() as found:
        level.holds(EmailKind.RESET)
    assert len(found.texts) == 1
    with statements() as found:
        level.holds(EmailKind.RESET, MailLevel.NONE)
    assert found.texts == []
