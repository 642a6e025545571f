"""What a worker decides: every gate, every outcome, the cool-down and the cap."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail

from recovery import level, outbox, resets
from recovery.models import AuditEvent, Decision, Email, ResetToken
from recovery.reasons import (
    Action,
    ActOutcome,
    EmailKind,
    EmailReason,
    EmailState,
    Gate,
    MailLevel,
    Outcome,
    TokenState,
    overall,
)
from recovery.sweep import sweep
from tests.asking import ask, asked, browser, follow, links, recipients, set_password, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass
from tests.gates import CLOSED_BY, OF_A_RESET, asks, let_a_minute_pass, mailed_before, mailed_often, unknown
from tests.ladder import fails

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("gate", OF_A_RESET)
def test_a_closed_gate_ends_the_walk_and_is_written_down(gate: Gate) -> None:
    make, outcome = CLOSED_BY[gate]
    user = make()
    links_before = ResetToken.objects.count()
    asks(user)
    decision = asked().decisions.get()
    assert (decision.outcome, asked().outcome) == (outcome, outcome)
    assert decision.user_key == str(user.pk)
    walked = OF_A_RESET[: OF_A_RESET.index(gate) + 1]
    assert [step["gate"] for step in decision.gates] == [word.value for word in walked]
    assert [step["open"] for step in decision.gates] == [True] * (len(walked) - 1) + [False]
    assert ResetToken.objects.count() == links_before
    assert not Email.objects.filter(request=asked(), kind=EmailKind.RESET).exists()


def test_with_all_gates_open_there_is_a_link_and_a_mail() -> None:
    user = UserFactory.create()
    asks(user)
    decision = asked().decisions.get()
    assert [step["gate"] for step in decision.gates] == [gate.value for gate in OF_A_RESET]
    assert all(step["open"] for step in decision.gates)
    assert decision.address == user.email
    token = ResetToken.objects.get()
    assert (token.address, token.user_key, token.state) == (user.email, str(user.pk), TokenState.LIVE)
    email = Email.objects.get()
    assert (email.recipient, email.state, email.user_key) == (user.email, EmailState.HANDED_OVER, str(user.pk))


def nobody_worked() -> None:
    ask(browser(), "ada@example.com")


def some_of_them() -> None:
    UserFactory.create(email="family@example.com")
    UserFactory.create(email="family@example.com", is_active=False)
    ask(browser(), "family@example.com")
    work()


def too_late() -> None:
    ask(browser(), UserFactory.create().email)
    let_pass(timedelta(minutes=31))
    sweep()


def to_the_end() -> None:
    client = browser()
    ask(client, UserFactory.create().email)
    work()
    assert set_password(client, follow(client, links(mail.outbox[0])[0])).status_code == 302


def while_no_mail_leaves() -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="a wrong template")
    asks(UserFactory.create())


def to_support() -> None:
    asks(UserFactory.create())
    fails(Email.objects.get())
    assert AuditEvent.objects.filter(request_id=asked().pk, action=Action.CASE_OPENED).count() == 1


def activation_of_somebody_who_has_joined() -> None:
    resets.activate(UserFactory.create())
    work()


def of(gate: Gate) -> Callable[[], None]:
    return lambda: asks(CLOSED_BY[gate][0]())


STORIES: dict[Outcome, Callable[[], None]] = {
    Outcome.RECEIVED: nobody_worked,
    Outcome.SENT: lambda: asks(UserFactory.create()),
    Outcome.PARTLY_SENT: some_of_them,
    Outcome.THROTTLED: of(Gate.ACCOUNT_LIMIT),
    Outcome.NO_ACCOUNT: unknown,
    Outcome.INACTIVE: of(Gate.ACTIVE),
    Outcome.NO_PASSWORD: of(Gate.HAS_PASSWORD),
    Outcome.JOINED: activation_of_somebody_who_has_joined,
    Outcome.UNVERIFIED_ADDRESS: of(Gate.VERIFIED_ADDRESS),
    Outcome.NO_ADDRESS: of(Gate.HAS_ADDRESS),
    Outcome.DISPUTED: of(Gate.UNDISPUTED),
    Outcome.COOLDOWN: of(Gate.COOLDOWN),
    Outcome.EXPIRED: too_late,
    Outcome.COMPLETED: to_the_end,
    Outcome.LEVEL_BLOCKED: while_no_mail_leaves,
    Outcome.ESCALATED: to_support,
}


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_comes_about_and_is_on_the_trail(outcome: Outcome) -> None:
    STORIES[outcome]()
    request = asked()
    assert request.outcome == outcome
    events = AuditEvent.objects.filter(request_id=request.pk, action__in=[Action.REQUESTED, Action.DECIDED])
    words = [event.detail.get("outcome") for event in events.order_by("action", "user_key")]
    decided = Outcome.SENT if outcome in {Outcome.COMPLETED, Outcome.ESCALATED} else outcome
    assert decided in {*words, overall(words[:-1])}, "of several accounts each has a row"
    assert (request.decided_at is None) == (outcome == Outcome.RECEIVED)
    if outcome not in {Outcome.RECEIVED, Outcome.EXPIRED}:
        assert request.decisions.exists()


def test_a_request_is_decided_once_however_often_it_is_rung_for() -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    assert resets.fulfil(asked().pk) == Outcome.SENT
    assert [resets.fulfil(asked().pk) for _ in range(3)] == [None] * 3
    assert recipients() == [user.email]
    assert Decision.objects.count() == AuditEvent.objects.filter(action=Action.DECIDED).count() == 1


@pytest.mark.parametrize("sweep_first", [True, False], ids=["the sweep comes first", "a late worker comes first"])
def test_what_came_too_late_is_not_decided_any_more(sweep_first: bool) -> None:
    ask(browser(), UserFactory.create().email)
    let_pass(timedelta(minutes=31))
    assert (sweep().expired if sweep_first else work()) == (1 if sweep_first else [Outcome.EXPIRED])
    assert asked().outcome == Outcome.EXPIRED
    assert AuditEvent.objects.get(action=Action.DECIDED).outcome == ActOutcome.FAILED
    assert work() == []
    assert not mail.outbox
    assert not ResetToken.objects.exists()


def test_within_the_cool_down_the_first_link_stands_and_is_not_doubled() -> None:
    user = mailed_before()
    asks(user)
    assert [token.state for token in ResetToken.objects.all()] == [TokenState.LIVE]
    assert recipients() == [user.email]


def test_after_the_cool_down_the_newer_link_replaces_the_older() -> None:
    user = mailed_before()
    let_a_minute_pass()
    asks(user)
    assert [token.state for token in ResetToken.objects.order_by("issued_at")] == [TokenState.REPLACED, TokenState.LIVE]
    assert recipients() == [user.email] * 2


def test_past_the_accounts_cap_the_last_link_lives() -> None:
    user = mailed_often()
    for _ in range(3):
        asks(user)
        assert asked().outcome == Outcome.THROTTLED
        let_a_minute_pass()
    assert recipients() == [user.email] * 5
    client = browser()
    assert set_password(client, follow(client, links(mail.outbox[-1])[0])).status_code == 302
    user.refresh_from_db()
    assert not user.check_password("correct horse battery staple")


def test_after_the_hour_of_the_cap_links_are_issued_again() -> None:
    user = mailed_often()
    let_pass(timedelta(hours=1))
    asks(user)
    assert asked().outcome == Outcome.SENT


def test_a_used_link_opens_no_cool_down_for_the_next() -> None:
    user = UserFactory.create()
    client = browser()
    ask(client, user.email)
    work()
    set_password(client, follow(client, links(mail.outbox[0])[0]))
    asks(user)
    assert asked().outcome == Outcome.SENT


def test_mail_that_the_level_holds_from_the_first_says_so_and_leaves_when_it_is_released() -> None:
    while_no_mail_leaves()
    email = Email.objects.get()
    assert (email.state, email.reason) == (EmailState.WITHHELD, EmailReason.LEVEL_NONE)
    assert [(event.kind, event.detail) for event in email.events.all()] == [("withheld", "level_none")]
    assert mail.outbox == []
    staff = StaffFactory.create()
    level.switch(MailLevel.ALL, actor=staff, reason="mended")
    assert sweep().tried == 0
    assert outbox.release_held(actor=staff, reason="mended") == 1
    sweep()
    assert recipients() == [email.recipient]
