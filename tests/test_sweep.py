"""What a lost ring or a dead worker left is found, the urgent first, and one bad row keeps no other waiting."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.db.models.functions import Now

from recovery import accounts, outbox, resets, sweep
from recovery.models import AuditEvent, Email, EmailEvent, ResetRequest
from recovery.reasons import Action, EmailKind, EmailState, EventKind, Outcome
from tests.asking import ask, asked, browser
from tests.factories import UserFactory
from tests.following import failing, held_back, let_pass, make_due, notice
from tests.ways_out import LOCMEM, routes

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_request_whose_ring_was_lost_is_decided_after_a_few_seconds() -> None:
    ask(browser(), UserFactory.create().email)
    assert sweep.sweep().decided == 0
    let_pass(timedelta(seconds=6))
    assert sweep.sweep().decided == 1
    assert asked().outcome == Outcome.SENT
    assert len(mail.outbox) == 1


def test_a_request_whose_worker_died_while_deciding_is_decided_by_another_after_its_lease() -> None:
    ask(browser(), UserFactory.create().email)
    with failing('INSERT INTO "recovery_decision"'), pytest.raises(OperationalError):
        resets.fulfil(asked().pk)
    assert (asked().outcome, asked().attempt_count) == (Outcome.RECEIVED, 1)
    assert not Email.objects.exists()
    let_pass(timedelta(seconds=40))
    assert sweep.sweep().decided == 0
    let_pass(timedelta(seconds=21))
    assert sweep.sweep().decided == 1
    assert len(mail.outbox) == 1


def test_mail_whose_worker_died_after_deciding_leaves_by_the_sweep() -> None:
    ask(browser(), UserFactory.create().email)
    with failing(r"attempt_count = attempt_count \+ 1"), pytest.raises(OperationalError):
        resets.fulfil(asked().pk)
    assert Email.objects.get().state == EmailState.QUEUED
    assert mail.outbox == []
    let_pass(timedelta(seconds=91))
    assert sweep.sweep().tried == 1
    assert len(mail.outbox) == 1


def test_mail_that_was_deferred_leaves_when_it_is_due(settings: Any) -> None:
    email = held_back(UserFactory.create(), settings)
    Email.objects.update(next_try_at=email.next_try_at + timedelta(minutes=3))
    assert sweep.sweep().tried == 0
    make_due(email)
    assert sweep.sweep().tried == 1
    assert Email.objects.get().state == EmailState.HANDED_OVER


def test_resets_leave_before_notices_and_the_oldest_first(settings: Any) -> None:
    outbox.queue(EmailKind.UNKNOWN_ACCOUNT, ["stranger@example.com"])
    context = {"username": "amelie", "changed_at": "2026-11-21T09:00Z"}
    outbox.queue(EmailKind.PASSWORD_CHANGED, ["notice@example.com"], context=context)
    outbox.queue(EmailKind.NO_PASSWORD, ["older@example.com"])
    outbox.queue(EmailKind.NO_PASSWORD, ["newer@example.com"])
    with routes(settings, {"NAME": "main", "BACKEND": LOCMEM, "CONNECTIONS": 1}):
        sweep.sweep()
    order = [message.to[0].partition("@")[0] for message in mail.outbox]
    assert order == ["older", "newer", "notice", "stranger"]


def test_a_request_that_nobody_decided_in_time_ends_as_expired_and_sends_nothing() -> None:
    ask(browser(), UserFactory.create().email)
    let_pass(timedelta(minutes=31))
    assert sweep.sweep().expired == 1
    assert asked().outcome == Outcome.EXPIRED
    assert AuditEvent.objects.get(action=Action.DECIDED).detail["outcome"] == Outcome.EXPIRED
    assert mail.outbox == []
    assert sweep.sweep().expired == 0


def site_finder(identifier: str = "", *, user: Any = None) -> list[accounts.Account]:
    """A site's own ``ACCOUNTS``, which stumbles over one name."""
    if identifier.startswith("poison"):
        raise LookupError("the directory does not like this name")
    return accounts.find(identifier, user=user)


def test_one_request_that_cannot_be_decided_keeps_no_other_request_and_no_mail_waiting(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACCOUNTS": f"{__name__}.site_finder"}
    ask(browser(), "poison@example.com")
    ask(browser(), UserFactory.create().email)
    outbox.queue(EmailKind.NO_PASSWORD, ["waiting@example.com"])
    let_pass(timedelta(seconds=6))
    sweep.sweep()
    assert len(mail.outbox) == 2
    poison = ResetRequest.objects.get(identifier="poison@example.com")
    assert poison.outcome == Outcome.RECEIVED
    let_pass(timedelta(minutes=31))
    sweep.sweep()
    poison.refresh_from_db()
    assert poison.outcome == Outcome.EXPIRED


def test_the_outlook_tells_what_the_sweep_will_do_and_does_nothing() -> None:
    for name in ("too late", "in time"):
        ask(browser(), f"{name.replace(' ', '.')}@example.com")
        let_pass(timedelta(minutes=31 if name == "too late" else 1))
    notice()
    Email.objects.filter(pk=notice().pk).update(send_by=Now())
    Email.objects.filter(pk=notice().pk).update(send_by=Now(), next_try_at=None)  # rests: nothing is done by itself
    Email.objects.filter(pk=notice().pk).update(state=EmailState.SENDING, lease_until=Now())
    for number, state in enumerate((EmailState.HANDED_OVER, EmailState.HANDED_OVER)):
        [email] = outbox.queue(EmailKind.NO_PASSWORD, [f"reported{number}@example.com"])
        Email.objects.filter(pk=email.pk).update(
            state=state, esp="postmark", esp_message_id=f"m{number}", handed_over_at=Now()
        )
    for message, recipient in (("m0", "Reported0@example.com"), ("m1", "other@example.com"), ("m2", "x@example.com")):
        EmailEvent.objects.create(
            kind=EventKind.DELIVERED, esp="postmark", esp_message_id=message, recipient=recipient, dedupe_key=message
        )
    before = list(EmailEvent.objects.values()), list(Email.objects.values()), list(ResetRequest.objects.values())
    told = sweep.outlook()
    after = list(EmailEvent.objects.values()), list(Email.objects.values()), list(ResetRequest.objects.values())
    assert before == after
    assert told == sweep.Swept(decided=1, expired=1, freed=1, late=1, tried=2, matched=1, followed_up=0, told=0)
    assert sweep.sweep() == told
    assert sweep.outlook() == sweep.Swept(
        decided=0, expired=0, freed=0, late=0, tried=0, matched=0, followed_up=0, told=0
    )


@pytest.mark.parametrize("error", [DataError("a number too large"), IntegrityError("there is one already")])
def test_one_row_that_the_database_does_not_take_keeps_no_other_waiting(error: Exception) -> None:
    ask(browser(), UserFactory.create().email)
    outbox.queue(EmailKind.NO_PASSWORD, ["waiting@example.com"])
    let_pass(timedelta(seconds=6))
    with failing('INSERT INTO "recovery_decision"', error):
        assert sweep.sweep().tried == 1
    assert [message.to for message in mail.outbox] == [["waiting@example.com"]]
    assert asked().outcome == Outcome.RECEIVED


@pytest.mark.parametrize("error", [OperationalError("the server went away"), InterfaceError("connection is closed")])
def test_without_the_database_a_sweep_ends_and_says_so(error: Exception) -> None:
    for _ in range(2):
        ask(browser(), UserFactory.create().email)
    let_pass(timedelta(seconds=6))
    with failing('INSERT INTO "recovery_decision"', error) as refused, pytest.raises(type(error)):
        sweep.sweep()
    assert len(refused) == 1


def test_a_sweep_with_nothing_to_do_does_nothing_and_two_do_no_more_than_one() -> None:
    ask(browser(), UserFactory.create().email)
    let_pass(timedelta(seconds=6))
    assert sweep.outlook().decided == 1
    sweep.sweep()
    before = list(Email.objects.values()), AuditEvent.objects.count()
    assert sum(sweep.sweep().as_dict().values()) == 0
    assert (list(Email.objects.values()), AuditEvent.objects.count()) == before
    assert len(mail.outbox) == 1
