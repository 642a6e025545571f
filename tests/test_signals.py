"""Signals: one at each step, with the arguments that are documented, after the commit, and harmless."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from recovery import cases, level, lockouts, outbox, resets, signals
from recovery.models import Email, ResetRequest, SupportCase
from recovery.origin import Origin
from recovery.reasons import (
    CaseEnd,
    CaseReason,
    EmailKind,
    EmailReason,
    EmailState,
    Kind,
    LockKind,
    LockLift,
    MailLevel,
    Outcome,
    Verdict,
)
from tests.asking import ask, asked, browser, set_password, work
from tests.factories import StaffFactory, UserFactory
from tests.following import mailed_link, opened
from tests.ladder import asks, fails
from tests.signing_in import locked
from tests.test_docs import SIGNALS, rows_under

pytestmark = pytest.mark.django_db(transaction=True)

DOCUMENTED = (Path(__file__).resolve().parent.parent / "docs" / "signals.md").read_text()


@contextmanager
def hearing(*names: str) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What is said by these signals, or by all but where emails go, in order."""
    heard: list[tuple[str, dict[str, Any]]] = []
    chosen = names or tuple(name for name in SIGNALS if name != "email_changed_state")
    receivers = []
    for name in chosen:

        def receive(sender: Any, signal: Any, name: str = name, **facts: Any) -> None:
            heard.append((name, facts))

        SIGNALS[name].connect(receive)
        receivers.append((SIGNALS[name], receive))
    yield heard
    for signal, receiver in receivers:
        signal.disconnect(receiver)


def test_a_reset_is_told_step_by_step() -> None:
    user = UserFactory.create()
    with hearing() as heard:
        link = mailed_link(user)
        client, form = opened(link)
        set_password(client, form)
    request = ResetRequest.objects.get()
    about = {"request_id": request.pk}
    seen = {**about, "user_key": str(user.pk), "refusal": None}
    assert [step for step in heard if step[0] != "link_opened"] == [
        ("reset_requested", {**about, "reference": request.reference, "kind": Kind.FORGOT, "audience": "default"}),
        ("reset_decided", {**about, "outcome": Outcome.SENT}),
        ("reset_completed", {**about, "user": user}),
    ]
    assert ("link_opened", {**seen, "verdict": Verdict.PERSON}) in heard


def test_where_a_mail_goes_is_told() -> None:
    with hearing("email_changed_state") as heard:
        mailed_link(UserFactory.create())
    email = Email.objects.get()
    assert [facts["state"] for _, facts in heard] == [EmailState.HANDED_OVER]
    assert {facts["email_id"] for _, facts in heard} == {email.pk}


def test_a_mail_that_never_leaves_is_told_after_its_commit() -> None:
    user, actor = UserFactory.create(), StaffFactory.create()
    with hearing("email_changed_state") as heard:
        level.switch(MailLevel.NONE, actor=actor, reason="a wrong template")
        asks(user)
        email = Email.objects.get()
        assert heard == [("email_changed_state", {"email_id": email.pk, "state": EmailState.WITHHELD})]
        with transaction.atomic():
            outbox.queue(EmailKind.TEST, [user.email], held=EmailReason.LEVEL_NONE)
            assert len(heard) == 1
            transaction.set_rollback(True)
    assert len(heard) == 1


def test_asks_by_staff_and_for_a_first_password_are_told_after_their_commit() -> None:
    user, joining, actor = UserFactory.create(), UserFactory.create(password=None), StaffFactory.create()
    with hearing("reset_requested") as heard:
        resets.send_by_staff(user, actor=actor, reason="asked by phone", origin=Origin())
        with transaction.atomic():
            resets.activate(joining)
            assert len(heard) == 1
    assert [facts["kind"] for _, facts in heard] == [Kind.ADMIN, Kind.ACTIVATION]


def test_what_is_rolled_back_is_never_told() -> None:
    with hearing() as heard, transaction.atomic():
        resets.activate(UserFactory.create(password=None))
        transaction.set_rollback(True)
    assert heard == []


def test_a_lock_and_its_end_are_told() -> None:
    user, actor = UserFactory.create(), StaffFactory.create()
    with hearing() as heard:
        locked(user.get_username())
        lockouts.lift(lockouts.standing(user).get(), actor=actor, reason="asked by phone")
        lockouts.lock(user, actor=actor, reason="stolen laptop")
        locked("nobody")
    [first, lifted, by_staff, unknown] = [step for step in heard if step[0].startswith("sign_in")]
    key = str(user.pk)
    assert (first[0], first[1]["user_key"], first[1]["kind"]) == ("sign_in_locked", key, LockKind.ACCOUNT)
    assert first[1]["until"] is not None
    assert lifted == ("sign_in_unlocked", {"user_key": key, "kind": LockKind.ACCOUNT, "by": LockLift.STAFF})
    assert by_staff == ("sign_in_locked", {"user_key": key, "kind": LockKind.STAFF, "until": None})
    assert unknown[1]["user_key"] == ""


def test_a_reset_that_lifts_a_lock_says_so() -> None:
    user = UserFactory.create()
    locked(user.get_username())
    client, form = opened(mailed_link(user))
    with hearing("sign_in_unlocked") as heard:
        set_password(client, form)
    assert [facts["by"] for _, facts in heard] == [LockLift.RESET]


def test_a_case_and_its_end_are_told() -> None:
    user, actor = UserFactory.create(), StaffFactory.create()
    with hearing("case_opened", "case_closed") as heard:
        fails(asks(user))
        case = SupportCase.objects.get()
        cases.close(case, actor=actor, reason="called back")
    about = {"case_id": case.pk, "user_key": str(user.pk)}
    assert heard == [
        ("case_opened", {**about, "reason": CaseReason.BOUNCED_NO_BACKUP}),
        ("case_closed", {**about, "end": CaseEnd.STAFF}),
    ]


def test_a_receiver_that_fails_harms_neither_the_asker_nor_the_next_receiver() -> None:
    def fail(**signal: Any) -> None:
        raise RuntimeError

    for signal in SIGNALS.values():
        signal.connect(fail)
    try:
        with hearing("reset_completed") as heard:
            client, form = opened(mailed_link(UserFactory.create()))
            assert set_password(client, form).status_code == 302
    finally:
        for signal in SIGNALS.values():
            signal.disconnect(fail)
    assert len(heard) == 1
    assert asked().outcome == Outcome.COMPLETED


def test_a_receiver_sees_what_it_is_told_of_in_the_database() -> None:
    seen = []

    def look(request_id: Any, **signal: Any) -> None:
        seen.append((ResetRequest.objects.filter(pk=request_id).exists(), transaction.get_connection().in_atomic_block))

    signals.reset_requested.connect(look)
    try:
        ask(browser(), "ada")
    finally:
        signals.reset_requested.disconnect(look)
    assert seen == [(True, False)]


def test_the_documented_arguments_are_those_that_are_sent() -> None:
    user, actor = UserFactory.create(), StaffFactory.create()
    with hearing(*SIGNALS) as heard:
        locked(user.get_username())
        client, form = opened(mailed_link(user))
        set_password(client, form)
        other = UserFactory.create()
        fails(asks(other))
        cases.close(SupportCase.objects.get(), actor=actor, reason="called back")
        work()
        Client().get("/")
    sent = {name: set(facts) for name, facts in heard}
    [row] = re.findall(r"^\| `(\w+)` \|.*`detail` \|$", DOCUMENTED, re.MULTILINE)
    assert row == "alarm_sounded"
    for name in rows_under(DOCUMENTED, "Signals"):
        if name != "alarm_sounded":  # told in tests/test_alarms.py
            [line] = re.findall(rf"^\| `{name}` \| .*? \| (.*) \|$", DOCUMENTED, re.MULTILINE)
            outside = re.sub(r"\(.*?\)(?=,| *$)", "", line)
            assert set(re.findall(r"`(\w+)`", outside)) == sent[name], name
