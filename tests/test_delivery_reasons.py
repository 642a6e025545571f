"""Why a mail did not leave: what the second check finds, what the provider says; one word for each."""

import smtplib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.utils import timezone

from recovery import delivery, level, outbox, resets, suppressions, tokens
from recovery.models import Email, ResetToken, moves
from recovery.reasons import EmailKind, EmailReason, EmailState, EmailVerb, MailLevel
from tests.asking import ask, asked, browser, links, set_password
from tests.factories import StaffFactory, UserFactory
from tests.following import held_back, let_pass, make_due, notice, opened, provider, works
from tests.ways_out import raising, told

pytestmark = pytest.mark.django_db(transaction=True)


def replaced(user: Any) -> None:
    let_pass(timedelta(minutes=2))
    ask(browser(), user.email)
    resets.fulfil(asked().pk)


def used(user: Any) -> None:
    """Over the first of two mails of one link: it was taken although the provider's answer was lost."""
    token = ResetToken.objects.get()
    client, form = opened(f"/recovery/reset/{token.selector}/{tokens.verifier_of(token)}/")
    assert set_password(client, form).status_code == 302


def revoked(user: Any) -> None:
    tokens.revoke(str(user.pk))


def password_changed(user: Any) -> None:
    user.set_password("changed in her profile")
    user.save()


def address_changed(user: Any) -> None:
    user.email = "moved@example.com"
    user.save()


def corrected_by_staff(user: Any) -> None:
    address_changed(user)
    resets.address_changed(user, old="", new=user.email, actor=StaffFactory.create(), reason="typo")


def unverified(user: Any) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)


def deactivated(user: Any) -> None:
    user.is_active = False
    user.save()


def deleted(user: Any) -> None:
    user.delete()


def late(user: Any) -> None:
    let_pass(timedelta(minutes=31))


def suppressed(user: Any) -> None:
    suppressions.add(user.email.upper(), reason="bounced", source="postmark")


def level_none(user: Any) -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="a wrong template")


BETWEEN: dict[Callable[[Any], None], tuple[str, str]] = {
    replaced: (EmailState.CANCELLED, EmailReason.TOKEN_DEAD),
    used: (EmailState.CANCELLED, EmailReason.TOKEN_DEAD),
    revoked: (EmailState.CANCELLED, EmailReason.TOKEN_DEAD),
    password_changed: (EmailState.CANCELLED, EmailReason.TOKEN_DEAD),
    corrected_by_staff: (EmailState.CANCELLED, EmailReason.ADDRESS_CHANGED),
    address_changed: (EmailState.CANCELLED, EmailReason.ADDRESS_CHANGED),
    unverified: (EmailState.CANCELLED, EmailReason.ADDRESS_CHANGED),
    deactivated: (EmailState.CANCELLED, EmailReason.INACTIVE),
    deleted: (EmailState.CANCELLED, EmailReason.INACTIVE),
    late: (EmailState.EXPIRED, EmailReason.PAST_SEND_BY),
    suppressed: (EmailState.WITHHELD, EmailReason.SUPPRESSED),
    level_none: (EmailState.WITHHELD, EmailReason.LEVEL_NONE),
}


@pytest.mark.parametrize("happens", BETWEEN)
def test_what_happens_between_queue_and_sending_stops_the_mail(happens: Callable[[Any], None], settings: Any) -> None:
    user = UserFactory.create()
    email = held_back(user, settings)
    happens(user)
    mail.outbox.clear()
    make_due(email)
    state, reason = BETWEEN[happens]
    assert delivery.deliver(email.pk) == state
    email.refresh_from_db()
    assert (email.state, email.reason) == (state, reason)
    assert email.events.latest("id").kind == state
    assert email.recipient not in [message.to[0] for message in mail.outbox]
    assert delivery.deliver(email.pk) is None


def test_a_mail_for_two_accounts_leaves_with_the_link_that_still_works(settings: Any) -> None:
    first, second = UserFactory.create(email="both@example.com"), UserFactory.create(email="both@example.com")
    email = held_back(first, settings)
    assert email.tokens.count() == 2
    deactivated(first)
    make_due(email)
    assert delivery.deliver(email.pk) == EmailState.HANDED_OVER
    [link] = links(mail.outbox[0])
    assert works(link, second)


def delivered_by(backend: str, settings: Any) -> Email:
    email = notice()
    with provider(backend, settings):
        delivery.deliver(email.pk)
    return email


def refused_recipient(settings: Any) -> Email:
    return delivered_by("tests.backends.Refusing", settings)


def unreachable(settings: Any) -> Email:
    return delivered_by("tests.backends.Unreachable", settings)


def no_such_route(settings: Any) -> Email:
    return delivered_by("nowhere.Backend", settings)


def broken_template(settings: Any) -> Email:
    email = notice()
    Email.objects.filter(pk=email.pk).update(context={"changed_at": 7})
    delivery.deliver(email.pk)
    return email


def header_injection(settings: Any) -> Email:
    [email] = outbox.queue(EmailKind.UNKNOWN_ACCOUNT, ["a@example.com\nBcc: evil@example.com"])
    delivery.deliver(email.pk)
    return email


def twelve_tries(settings: Any) -> Email:
    email = notice()
    Email.objects.filter(pk=email.pk).update(strike_count=delivery.MOST_TRIES - 1, context={"changed_at": 7})
    delivery.deliver(email.pk)
    return email


def killed_twelve_times(settings: Any) -> Email:
    """Each worker died over it; the thirteenth does not try. It may have left: so it has not failed, but rests."""
    email = notice()
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.SENDING, strike_count=delivery.MOST_TRIES, lease_until=timezone.now() - timedelta(minutes=1)
    )
    moves.free()
    delivery.deliver(email.pk)
    return email


def answering(settings: Any, error: Exception, **facts: Any) -> Email:
    email = notice()
    Email.objects.filter(pk=email.pk).update(**facts)
    with told(settings, raising(error)):
        delivery.deliver(email.pk)
    return email


def too_large(settings: Any) -> Email:
    """For the third time: nobody mended the template."""
    return answering(settings, smtplib.SMTPDataError(552, b"5.3.4 Message too big"), strike_count=2)


def greylisted(settings: Any) -> Email:
    return answering(settings, smtplib.SMTPRecipientsRefused({"amelie@example.com": (451, b"4.7.1 Greylisted")}))


def silent(settings: Any) -> Email:
    return answering(settings, TimeoutError("timed out"))


def died(settings: Any) -> Email:
    email = notice()
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.SENDING, lease_until=timezone.now() - timedelta(minutes=1)
    )
    moves.free()
    Email.objects.filter(pk=email.pk).update(next_try_at=timezone.now() + timedelta(minutes=1))
    return email


def steered(verb: EmailVerb) -> Email:
    email = notice()
    assert outbox.steer(email, verb, actor=StaffFactory.create(), reason="she called")
    return email


def stopped(settings: Any) -> Email:
    return steered(EmailVerb.STOP)


def set_aside(settings: Any) -> Email:
    return steered(EmailVerb.SET_ASIDE)


FAULTS: dict[Callable[[Any], Email], tuple[str, str]] = {
    refused_recipient: (EmailState.FAILED, EmailReason.PROVIDER_REFUSED_RECIPIENT),
    unreachable: (EmailState.DEFERRED, EmailReason.PROVIDER_DOWN),
    no_such_route: (EmailState.DEFERRED, EmailReason.PROVIDER_REFUSED_US),
    broken_template: (EmailState.DEFERRED, EmailReason.RENDER_ERROR),
    header_injection: (EmailState.DEFERRED, EmailReason.RENDER_ERROR),
    twelve_tries: (EmailState.FAILED, EmailReason.POISON),
    killed_twelve_times: (EmailState.UNKNOWN, EmailReason.POISON),
    too_large: (EmailState.FAILED, EmailReason.PROVIDER_REFUSED_MAIL),
    greylisted: (EmailState.DEFERRED, EmailReason.PROVIDER_BUSY),
    silent: (EmailState.UNKNOWN, EmailReason.NO_CLEAR_ANSWER),
    died: (EmailState.UNKNOWN, EmailReason.WORKER_DIED),
    stopped: (EmailState.CANCELLED, EmailReason.STAFF),
    set_aside: (EmailState.WITHHELD, EmailReason.SET_ASIDE),
}
EVENTS = {died: "freed", set_aside: "set_aside"}  # the others are called as the state they lead to
ELSEWHERE = {EmailReason.LEVEL_SYSTEM}  # of the site's other mail alone


@pytest.mark.parametrize("fault", FAULTS)
def test_a_mail_that_could_not_leave_says_why_in_one_word(fault: Callable[[Any], Email], settings: Any) -> None:
    email = fault(settings)
    email.refresh_from_db()
    assert (email.state, email.reason) == FAULTS[fault]
    assert (email.lease_owner, email.lease_until) == (None, None)
    assert email.events.latest("id").kind == EVENTS.get(fault, email.state)
    assert mail.outbox == []
    assert delivery.deliver(email.pk) is None


def test_there_is_a_fault_for_every_reason() -> None:
    assert {reason for _, reason in [*BETWEEN.values(), *FAULTS.values()]} == set(EmailReason) - ELSEWHERE
