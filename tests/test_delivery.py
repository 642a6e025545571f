"""How mail leaves: claimed once, sent once, tried again under the same name, noted by whoever holds it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DataError
from django.utils import timezone

from recovery import delivery, outbox, resets, sweep, tokens
from recovery.models import Email, EmailEvent, moves
from recovery.reasons import EmailState, EmailVerb, EventKind, TokenState
from recovery.signals import email_changed_state
from tests.asking import ask, asked, browser, links, work
from tests.factories import StaffFactory, UserFactory
from tests.following import (
    failing,
    held_back,
    let_pass,
    make_due,
    notice,
    opened,
    provider,
    story,
    templates,
    wait_of,
    works,
)
from tests.together import at_once
from tests.ways_out import forget_trouble, raising, told

pytestmark = pytest.mark.django_db(transaction=True)


def kinds(email: Email) -> list[str]:
    return list(email.events.order_by("id").values_list("kind", flat=True))


class Counting(BaseEmailBackend):
    """Takes everything; what it was given stays to be looked at."""

    taken: list[Any] = []

    def send_messages(self, email_messages: Any) -> int:
        self.taken += email_messages
        return len(email_messages)


def test_a_mail_leaves_once_however_often_a_worker_is_woken() -> None:
    email = notice()
    assert [delivery.deliver(email.pk) for _ in range(3)] == [EmailState.HANDED_OVER, None, None]
    assert len(mail.outbox) == 1
    assert story(email) == ["queued", "sending", "handed_over"]


def test_of_many_workers_woken_at_once_one_sends(settings: Any) -> None:
    email = notice()
    Counting.taken.clear()
    with provider(f"{__name__}.Counting", settings):
        answers = at_once(*[lambda: delivery.deliver(email.pk)] * 8)
    assert sorted(filter(None, answers)) == [EmailState.HANDED_OVER]
    assert len(Counting.taken) == 1
    assert story(email).count("sending") == 1


def test_a_mail_that_another_worker_holds_is_left_alone_until_its_lease_runs_out() -> None:
    email = notice()
    with failing("from_states", DataError("a number too large")), pytest.raises(DataError):
        delivery.deliver(email.pk)
    mail.outbox.clear()
    email.refresh_from_db()
    assert (email.state, email.attempt_count) == (EmailState.SENDING, 1)
    let_pass(delivery.LEASE - timedelta(seconds=10))
    assert moves.free() == []
    assert delivery.deliver(email.pk) is None
    let_pass(timedelta(seconds=11))
    assert moves.free() == [email.pk]
    assert delivery.deliver(email.pk) == EmailState.HANDED_OVER
    email.refresh_from_db()
    assert email.attempt_count == 2
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("error", [TimeoutError("timed out"), None], ids=["it failed", "it sent"])
def test_a_worker_whose_lease_ran_out_meanwhile_notes_nothing_over_its_successor(
    error: Exception | None, settings: Any
) -> None:
    email, Slow.error = notice(), error
    Slow.meanwhile[:] = [lambda: (let_pass(timedelta(minutes=2)), moves.free(), delivery.deliver(email.pk))]
    with provider(f"{__name__}.Slow", settings):
        delivery.deliver(email.pk)
    assert kinds(email).count(EventKind.HANDED_OVER) == 1
    assert kinds(email).count(EventKind.DEFERRED) == 0


class Slow(BaseEmailBackend):
    """Takes so long over the first mail that another worker comes; then fails it or has sent it."""

    error: Exception | None = None
    meanwhile: list[Callable[[], Any]] = []

    def send_messages(self, email_messages: Any) -> int:
        if not self.meanwhile:
            return 1
        self.meanwhile.pop()()
        if self.error:
            raise self.error
        return 1


@pytest.mark.parametrize("ahead", [timedelta(seconds=20), timedelta(minutes=9), -timedelta(minutes=9)])
def test_a_mail_leaves_at_once_although_the_workers_clock_is_not_the_databases(ahead: timedelta) -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    with time_machine.travel(timezone.now() + ahead):
        resets.fulfil(asked().pk)
    assert Email.objects.get().state == EmailState.HANDED_OVER


def test_a_retry_carries_the_same_link_under_the_same_message_id(settings: Any) -> None:
    """Twice it is gone before it answers, so that the mail may have left; then staff put it back."""
    user = UserFactory.create()
    ask(browser(), user.email)
    with told(settings, raising(TimeoutError("timed out"))) as lost:
        work()
        let_pass(timedelta(minutes=6))
        sweep.sweep()
    outbox.steer(Email.objects.get(), EmailVerb.RETRY, actor=StaffFactory.create(), reason="she called")
    sweep.sweep()
    given = [*lost, *mail.outbox]
    assert len(given) == 3
    assert len({links(message)[0] for message in given}) == 1
    assert {message.extra_headers["Message-ID"] for message in given} == {
        f"<{Email.objects.get().pk}@riverside-library.example>"
    }
    assert works(links(given[0])[0], user)


def test_our_id_travels_with_a_mail_and_the_providers_tracking_is_off() -> None:
    email = notice()
    delivery.deliver(email.pk)
    [message] = mail.outbox
    assert message.metadata == {"recovery_email_id": str(email.pk)}
    assert (message.track_opens, message.track_clicks) == (False, False)


def test_waits_grow_are_spread_and_never_pass_five_minutes(settings: Any) -> None:
    email, waits = notice(), []
    with provider("tests.backends.Unreachable", settings):
        for _ in range(delivery.MOST_TRIES - 1):
            make_due(email)
            forget_trouble()
            assert delivery.deliver(email.pk) == EmailState.DEFERRED
            waits.append(wait_of(email))
    ceilings = [min(10 * 2**number, 300) for number in range(len(waits))]
    assert all(wait <= ceiling + 0.1 for wait, ceiling in zip(waits, ceilings, strict=True))
    assert len(set(waits)) == len(waits)


def test_a_mail_that_could_not_be_rendered_leaves_when_its_template_is_mended() -> None:
    email = notice()
    with templates({"recovery/mail/password_changed.txt": "{% include 'nowhere.txt' %}"}):
        assert delivery.deliver(email.pk) == EmailState.DEFERRED
    make_due(email)
    assert delivery.deliver(email.pk) == EmailState.HANDED_OVER
    assert Email.objects.get().reason == ""


def test_the_sites_own_code_hears_of_every_state_and_cannot_harm_it(settings: Any) -> None:
    heard = []

    def hear(sender: Any, email_id: Any, state: str, **rest: Any) -> None:
        heard.append((email_id, state))
        raise LookupError("the dashboard is down")

    email = notice()
    email_changed_state.connect(hear)
    try:
        with provider("tests.backends.Unreachable", settings):
            delivery.deliver(email.pk)
        make_due(email)
        delivery.deliver(email.pk)
    finally:
        email_changed_state.disconnect(hear)
    assert heard == [(email.pk, EmailState.DEFERRED), (email.pk, EmailState.HANDED_OVER)]


def test_a_link_replaces_the_older_one_when_its_mail_leaves_and_not_before(settings: Any) -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    work()
    [first] = links(mail.outbox[0])
    let_pass(timedelta(minutes=2))
    newer = held_back(user, settings)
    states = list(tokens.ResetToken.objects.order_by("issued_at").values_list("state", flat=True))
    assert states == [TokenState.LIVE, TokenState.LIVE]
    opened(first)
    make_due(newer)
    delivery.deliver(newer.pk)
    states = list(tokens.ResetToken.objects.order_by("issued_at").values_list("state", flat=True))
    assert states == [TokenState.REPLACED, TokenState.LIVE]
    assert works(links(mail.outbox[1])[0], user)


def test_a_second_ask_within_the_cool_down_sends_no_second_mail() -> None:
    user = UserFactory.create()
    for _ in range(3):
        ask(browser(), user.email)
        work()
    assert len(mail.outbox) == 1
    assert Email.objects.count() == 1
    assert EmailEvent.objects.filter(kind=EventKind.HANDED_OVER).count() == 1
    assert works(links(mail.outbox[0])[0], user)
