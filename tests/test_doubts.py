"""Mail that may have left: asked about where that is possible, repeated under one key, and then left to rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from anymail.backends.postmark import EmailBackend as Postmark
from django.utils import timezone

from example_project import provider as providers
from example_project.provider import Provider
from recovery import delivery, feedback, outbox, sweep
from recovery.delivery import doubts
from recovery.models import Email
from recovery.reasons import EmailReason, EmailState, EmailVerb, EventKind
from tests.factories import StaffFactory
from tests.following import let_pass, notice, story, wait_of
from tests.reporting import report
from tests.routes.mails import POSTMARK
from tests.ways_out import forget_trouble, raising, routes, told

pytestmark = [pytest.mark.django_db, pytest.mark.attack(93)]

LOST = TimeoutError("timed out")
A_WHILE = timedelta(minutes=6)


class Keyed(Postmark):
    """A provider that cannot be asked, and makes one mail of all calls with one key."""

    esp_name = "Resend"


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """A provider that can be asked."""
    provider = providers.start(webhooks=False)
    with by(settings, provider):
        yield provider
    provider.stop()


@contextmanager
def by(settings: Any, provider: Provider, **more: Any) -> Iterator[None]:
    options = {"server_token": provider.token, "api_url": provider.url}
    with routes(settings, {"NAME": "main", "BACKEND": POSTMARK, "OPTIONS": options, **more}):
        yield


def words(email: Email) -> list[str]:
    return list(email.events.order_by("id").values_list("kind", flat=True))


def lost(provider: Provider, fault: str = "close") -> Email:
    """A mail whose provider was gone before it answered."""
    email = notice()
    provider.mode(fault, times=1)
    assert delivery.deliver(email.pk) == EmailState.UNKNOWN
    return email


@pytest.mark.parametrize("fault", ["close", "garbage", "no_id"])
def test_a_mail_whose_answer_was_lost_is_not_sent_again_where_its_provider_says_that_it_has_it(
    provider: Provider, fault: str
) -> None:
    email = lost(provider, fault)
    let_pass(A_WHILE)
    sweep.sweep()
    email.refresh_from_db()
    [arrived] = provider.ledger.messages
    assert (email.state, email.esp_message_id, email.doubt_count) == (EmailState.HANDED_OVER, arrived.id, 0)
    assert story(email)[-2:] == ["sending", "asked"]


def test_a_mail_that_its_provider_has_not_is_sent_and_its_doubt_is_over(provider: Provider) -> None:
    email = lost(provider, "drop")
    let_pass(A_WHILE)
    sweep.sweep()
    email.refresh_from_db()
    assert (email.state, email.doubt_count) == (EmailState.HANDED_OVER, 0)
    assert len(provider.ledger.messages) == 1
    assert "it has no such mail" in email.events.latest("id").detail


def test_nobody_is_asked_within_the_first_minute(provider: Provider) -> None:
    """A provider's search lags: what it took a moment ago it does not find yet."""
    email = lost(provider)
    assert wait_of(email) > 59
    let_pass(timedelta(seconds=30))
    assert sweep.sweep().tried == 0


def test_while_its_provider_does_not_say_a_mail_waits_and_is_repeated_at_the_last_moment(provider: Provider) -> None:
    email = lost(provider)
    provider.askable = False
    let_pass(A_WHILE)
    assert delivery.deliver(email.pk) == EmailState.UNKNOWN
    email.refresh_from_db()
    assert (email.doubt_count, email.strike_count) == (1, 1)
    assert words(email)[-1] == EventKind.ASKED
    assert len(provider.ledger.messages) == 1
    let_pass(timedelta(minutes=2))
    Email.objects.update(send_by=timezone.now() + timedelta(seconds=90))
    sweep.sweep()
    assert Email.objects.get().state == EmailState.HANDED_OVER
    assert len(provider.ledger.messages) == 2


@pytest.mark.parametrize("has", [True, False])
def test_a_doubtful_mail_that_is_too_late_is_expired_only_if_it_surely_never_left(
    provider: Provider, has: bool
) -> None:
    email = lost(provider, "close" if has else "drop")
    let_pass(timedelta(hours=25))
    sweep.sweep()
    email.refresh_from_db()
    assert email.state == (EmailState.HANDED_OVER if has else EmailState.EXPIRED)
    assert len(provider.ledger.messages) == has


def test_a_doubtful_mail_that_is_too_late_rests_where_nobody_can_say(settings: Any) -> None:
    email = notice()
    with told(settings, raising(LOST)) as given:
        delivery.deliver(email.pk)
        let_pass(timedelta(hours=25))
        sweep.sweep()
    email.refresh_from_db()
    assert (email.state, email.reason, email.next_try_at) == (EmailState.UNKNOWN, EmailReason.PAST_SEND_BY, None)
    assert len(given) == 1
    assert not Email.objects.due().exists()


def test_a_mail_is_repeated_once_where_neither_a_key_nor_asking_helps_and_then_rests(settings: Any) -> None:
    email = notice()
    with told(settings, raising(LOST)) as given:
        delivery.deliver(email.pk)
        for _ in range(4):
            let_pass(A_WHILE)
            forget_trouble()
            sweep.sweep()
    email.refresh_from_db()
    assert (len(given), email.state, email.next_try_at) == (2, EmailState.UNKNOWN, None)


def test_a_mail_is_repeated_more_often_under_a_key_that_its_provider_honours(provider: Provider, settings: Any) -> None:
    provider.honours_key, provider.askable = True, False
    provider.mode("close")
    email = notice()
    with by(settings, provider, BACKEND=f"{__name__}.Keyed"):
        for _ in range(10):
            forget_trouble()
            sweep.sweep()
            let_pass(A_WHILE)
    email.refresh_from_db()
    assert (email.attempt_count, email.state) == (1 + doubts.REPEATS_UNDER_KEY, EmailState.UNKNOWN)
    assert len(provider.ledger.messages) == 1


def test_a_mail_that_rests_is_lifted_by_its_providers_report(settings: Any) -> None:
    email = notice()
    Email.objects.filter(pk=email.pk).update(state=EmailState.UNKNOWN, doubt_count=2, next_try_at=None)
    feedback.ingest([report(email, "delivered")])
    email.refresh_from_db()
    assert (email.state, email.reason) == (EmailState.DELIVERED, "")


def test_a_mail_that_rests_leaves_when_staff_put_it_back(provider: Provider) -> None:
    email = lost(provider, "drop")
    Email.objects.filter(pk=email.pk).update(next_try_at=None)
    assert sweep.sweep().tried == 0
    email.refresh_from_db()
    assert outbox.steer(email, EmailVerb.RETRY, actor=StaffFactory.create(), reason="she called")
    sweep.sweep()
    assert Email.objects.get().state == EmailState.HANDED_OVER


def test_a_mail_of_a_dead_worker_is_asked_about_before_it_is_repeated(provider: Provider) -> None:
    """It was accepted, and its worker died before the note: nobody wrote down by which route."""
    email = notice()
    delivery.deliver(email.pk)
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.SENDING, lease_until=timezone.now(), handed_over_at=None, route="", esp_message_id=""
    )
    let_pass(timedelta(seconds=1))
    swept = sweep.sweep()
    email.refresh_from_db()
    assert (swept.freed, email.state, len(provider.ledger.messages)) == (1, EmailState.HANDED_OVER, 1)
    assert story(email)[-3:] == ["freed", "sending", "asked"]


def test_of_two_ways_that_a_mail_may_have_gone_one_that_has_it_not_proves_nothing(
    provider: Provider, settings: Any
) -> None:
    """The other cannot be asked: so the mail is neither expired nor sent as if nothing had been."""
    email = notice()
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.UNKNOWN,
        doubt_count=1,
        reason=EmailReason.WORKER_DIED,
        send_by=timezone.now(),
        next_try_at=timezone.now() - timedelta(seconds=1),
    )
    [main] = settings.RECOVERY["ROUTES"]
    with routes(settings, main, {"NAME": "spare", "BACKEND": "tests.ways_out.Told"}):
        sweep.sweep()
    email.refresh_from_db()
    assert (email.state, email.reason, email.next_try_at) == (EmailState.UNKNOWN, EmailReason.PAST_SEND_BY, None)
