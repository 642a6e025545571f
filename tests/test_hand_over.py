"""What the provider's word changes: links that live from then, links that are replaced, setbacks that are over."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone

from recovery import delivery, feedback, retention, sweep, tokens
from recovery.models import AuditEvent, Email, ResetToken
from recovery.reasons import Action, EmailReason, EmailState, TokenState
from recovery.signals import email_changed_state
from tests.factories import UserFactory
from tests.following import held_back, let_pass, mailed_link, make_due, notice, provider, row_of, works
from tests.reporting import report

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_outage_of_any_length_loses_no_mail_that_is_still_of_use(settings: Any) -> None:
    email = notice()
    with provider("tests.backends.Unreachable", settings):
        for _ in range(2 * delivery.MOST_TRIES):
            make_due(email)
            sweep.sweep()
    email.refresh_from_db()
    assert (email.state, email.reason) == (EmailState.DEFERRED, EmailReason.PROVIDER_DOWN)
    make_due(email)
    sweep.sweep()
    email.refresh_from_db()
    assert (email.state, email.reason) == (EmailState.HANDED_OVER, "")


def test_a_report_replaces_older_links_when_the_worker_died_before_its_note(settings: Any) -> None:
    user = UserFactory.create()
    older = mailed_link(user)
    let_pass(timedelta(minutes=2))
    email = held_back(user, settings)  # as far as we know: the provider has it, and its worker is gone
    newer = ResetToken.objects.get(email=email)
    ResetToken.objects.filter(pk=newer.pk).update(expires_at=timezone.now() + timedelta(minutes=1))

    feedback.ingest([report(email, "delivered")])

    assert row_of(older).state == TokenState.REPLACED
    newer.refresh_from_db()
    assert newer.state == TokenState.LIVE
    assert newer.expires_at > timezone.now() + timedelta(minutes=10)


def test_a_setback_that_is_over_is_no_longer_the_reason(settings: Any) -> None:
    email = held_back(UserFactory.create(), settings)
    assert email.reason == EmailReason.PROVIDER_DOWN
    feedback.ingest([report(email, "delivered")])
    email.refresh_from_db()
    assert (email.state, email.reason) == (EmailState.DELIVERED, "")


def test_the_site_never_hears_that_a_mail_went_backwards(settings: Any) -> None:
    """The provider's report comes before the worker's note."""
    heard: list[str] = []

    def hear(sender: Any, state: str, **kwargs: Any) -> None:
        heard.append(str(state))

    email_changed_state.connect(hear)
    email = notice()
    with provider("tests.test_hand_over.ReportsFirst", settings):
        assert delivery.deliver(email.pk) == EmailState.DELIVERED
    email_changed_state.disconnect(hear)
    assert heard == [EmailState.DELIVERED, EmailState.DELIVERED]


class ReportsFirst(BaseEmailBackend):
    """A provider whose webhook is faster than its answer."""

    def send_messages(self, email_messages: Any) -> int:
        feedback.ingest([report(Email.objects.get(), "delivered")])
        return len(email_messages)


def test_a_replaced_link_is_on_the_trail_of_its_request() -> None:
    user = UserFactory.create()
    older = row_of(mailed_link(user))
    let_pass(timedelta(minutes=2))
    mailed_link(user)
    [event] = AuditEvent.objects.filter(action=Action.LINK_REPLACED)
    assert (event.request_id, event.user_key) == (older.request_id, str(user.pk))


def test_a_revoked_link_is_on_the_trail() -> None:
    user = UserFactory.create()
    mailed_link(user)
    assert tokens.revoke(str(user.pk)) == 1
    [event] = AuditEvent.objects.filter(action=Action.LINK_REVOKED)
    assert event.request_id == ResetToken.objects.get().request_id


@pytest.mark.parametrize("state", [TokenState.USED, TokenState.REPLACED, TokenState.REVOKED, TokenState.LIVE])
def test_every_link_becomes_a_tombstone_after_its_life(state: str) -> None:
    user = UserFactory.create()
    token = row_of(mailed_link(user))
    ResetToken.objects.filter(pk=token.pk).update(state=state)
    retention.purge()
    token.refresh_from_db()
    assert token.address
    let_pass(timedelta(hours=3))
    retention.purge()
    token.refresh_from_db()
    assert (token.address, token.fingerprint) == ("", "")
    assert token.state == (TokenState.EXPIRED if state == TokenState.LIVE else state)


def test_who_was_deactivated_after_a_notice_was_queued_gets_no_mail() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    assert works(link, user)
    user.is_active = False
    user.save()
    email = Email.objects.get(kind="password_changed")
    assert delivery.deliver(email.pk) == EmailState.CANCELLED
    email.refresh_from_db()
    assert email.reason == EmailReason.INACTIVE


def test_a_notice_to_an_address_that_is_no_longer_the_persons_does_not_leave() -> None:
    user = UserFactory.create()
    assert works(mailed_link(user), user)
    user.email = "moved@example.com"
    user.save()
    email = Email.objects.get(kind="password_changed")
    assert delivery.deliver(email.pk) == EmailState.CANCELLED
    email.refresh_from_db()
    assert email.reason == EmailReason.ADDRESS_CHANGED
