"""Mail is put in with the caller's transaction: a promise or nothing."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from recovery import outbox
from recovery.models import Email, EmailEvent
from recovery.reasons import EmailKind, EmailState
from tests.asking import statements
from tests.following import story

pytestmark = pytest.mark.django_db(transaction=True)


def test_each_recipient_gets_a_mail_of_its_own_in_one_statement() -> None:
    with statements() as found:
        emails = outbox.queue(EmailKind.PASSWORD_CHANGED, ["a@example.com", "b@example.com", "c@example.com"])
    assert (len(found.texts), found.commits) == (1, 1)
    assert {email.recipient for email in Email.objects.all()} == {"a@example.com", "b@example.com", "c@example.com"}
    assert {email.state for email in Email.objects.all()} == {EmailState.QUEUED}
    assert [story(email) for email in emails] == [["queued"]] * 3


def test_an_address_that_is_named_twice_gets_one_mail() -> None:
    assert len(outbox.queue(EmailKind.PASSWORD_CHANGED, ["a@example.com", "a@example.com"])) == 1


def test_no_recipients_are_no_mail_and_no_statement() -> None:
    with statements() as found:
        assert outbox.queue(EmailKind.PASSWORD_CHANGED, []) == []
    assert found.texts == []


def test_a_mail_goes_to_the_address_as_stored_and_is_found_by_it_as_compared() -> None:
    [email] = outbox.queue(EmailKind.RESET, ["Amélie.ＢＬＵＥ@Example.COM"])
    email.refresh_from_db()
    assert email.recipient == "Amélie.ＢＬＵＥ@Example.COM"
    assert email.recipient_key == "amélie.blue@example.com"


def test_mail_that_was_queued_in_a_transaction_that_failed_was_never_queued() -> None:
    with transaction.atomic():
        outbox.queue(EmailKind.RESET, ["a@example.com"])
        transaction.set_rollback(True)
    assert not Email.objects.exists()
    assert not EmailEvent.objects.exists()


def test_a_notice_is_news_for_a_day_and_a_reset_as_long_as_its_caller_says() -> None:
    [notice] = outbox.queue(EmailKind.PASSWORD_CHANGED, ["a@example.com"])
    moment = timezone.now() + timedelta(minutes=30)
    [reset] = outbox.queue(EmailKind.RESET, ["a@example.com"], send_by=moment)
    assert notice.send_by - notice.queued_at == timedelta(hours=24)
    assert reset.send_by == moment


@pytest.mark.parametrize("kind", EmailKind)
def test_resets_go_before_notices_and_a_mail_to_a_stranger_last(kind: str) -> None:
    [email] = outbox.queue(kind, ["a@example.com"])
    waits_for_it = {EmailKind.RESET, EmailKind.NO_PASSWORD, EmailKind.BACKUP_CODE}
    works_on_it = {EmailKind.SUPPORT_CASE, EmailKind.ALARM, EmailKind.TEST}
    urgent = {**dict.fromkeys(waits_for_it | works_on_it, 0), EmailKind.UNKNOWN_ACCOUNT: 2}
    assert email.priority == urgent.get(EmailKind(kind), 1)
