"""The site's other mail is in the log, obeys the level, and leaves whatever our own rows stumble over."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import django
import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection, mail_admins, send_mail
from django.core.mail.backends.locmem import EmailBackend as Locmem
from django.db import connection, transaction

from example_project import provider as providers
from example_project.provider import Provider
from recovery import feedback, level, site_mail, sweep
from recovery.models import Email
from recovery.reasons import EmailKind, EmailReason, EmailState, EventKind, MailLevel
from tests.attacks.searching import tables
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, let_pass, mailed_link, story
from tests.reporting import report
from tests.wrapping import SECRET, Counting, invite, log, told, wrap

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def wrapped(settings: Any) -> None:
    wrap(settings, Counting)
    Counting.opened = Counting.closed = 0


def test_each_recipient_is_in_the_log_with_the_subject_and_no_text() -> None:
    message = invite("Ada <Ada@example.com>", "bob@example.com", cc=["eve@example.com"], bcc=["dan@example.com"])
    assert message.send() == 1
    assert [row[:2] for row in log()] == [
        (address, EmailState.HANDED_OVER)
        for address in ("Ada@example.com", "bob@example.com", "dan@example.com", "eve@example.com")
    ]
    email = Email.objects.get(recipient_key="ada@example.com")
    assert (email.subject, email.route, email.user_key, email.lease_until) == ("An invitation", "site", "", None)
    assert story(email) == ["sending", "handed_over"]
    assert SECRET not in tables()
    [sent] = mail.outbox
    assert sent.body == SECRET
    assert (Counting.opened, Counting.closed) == (1, 1)


def test_it_is_never_due_for_a_worker_whatever_became_of_it(settings: Any) -> None:
    invite("ada@example.com").send()
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="flood")
    invite("bob@example.com").send()
    let_pass(timedelta(hours=2))
    swept = sweep.sweep()
    assert (swept.tried, swept.freed, swept.late) == (0, 0, 0)
    assert [state for _, state, _ in log()] == [EmailState.HANDED_OVER, EmailState.WITHHELD]
    assert len(mail.outbox) == 1


HELD = {
    MailLevel.ALL: (1, EmailState.HANDED_OVER, ""),
    MailLevel.SYSTEM: (0, EmailState.WITHHELD, EmailReason.LEVEL_SYSTEM),
    MailLevel.NONE: (0, EmailState.WITHHELD, EmailReason.LEVEL_NONE),
}


@pytest.mark.parametrize("to", MailLevel)
def test_it_obeys_the_level_and_the_row_says_so(to: MailLevel) -> None:
    count, state, reason = HELD[to]
    level.switch(to, actor=StaffFactory.create(), reason="relay is being moved")
    assert invite("ada@example.com").send() == count
    assert log() == [("ada@example.com", state, reason)]
    assert len(mail.outbox) == count
    if not count:
        assert told(Email.objects.get()) == [(EventKind.WITHHELD, reason)]


def test_our_own_mail_does_not_go_through_it_and_leaves_at_the_level_system() -> None:
    level.switch(MailLevel.SYSTEM, actor=StaffFactory.create(), reason="only what is needed")
    assert mailed_link(UserFactory.create())
    assert set(Email.objects.values_list("kind", "state")) == {(EmailKind.RESET, EmailState.HANDED_OVER)}
    assert len(mail.outbox) == 1


def test_a_connection_that_the_site_holds_open_is_used_for_all_its_mail() -> None:
    with get_connection() as connection:
        for name in ("ada", "bob"):
            assert connection.send_messages([invite(f"{name}@example.com")]) == 1
    assert Counting.closed <= Counting.opened <= 3
    assert len(log()) == len(mail.outbox) == 2


@pytest.mark.parametrize("statement", ['INSERT INTO "recovery_email"', r"told\.from_states", "SELECT"])
def test_a_database_that_fails_stops_no_mail(statement: str, caplog: pytest.LogCaptureFixture) -> None:
    with failing(statement) as refused:
        assert invite("ada@example.com").send() == 1
    assert refused
    assert len(mail.outbox) == 1
    assert "not in the log" in caplog.text


def test_a_level_that_was_read_holds_even_where_its_rows_cannot_be_written() -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory.create(), reason="flood")
    with failing('INSERT INTO "recovery_email"'):
        assert invite("ada@example.com").send() == 0
    assert mail.outbox == []


def test_a_failing_log_leaves_the_sites_own_transaction_as_it_was() -> None:
    with transaction.atomic():
        with connection.execute_wrapper(broken):
            assert invite("ada@example.com").send() == 1
        user = UserFactory.create()
    user.refresh_from_db()


def broken(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    """As if the table of levels were not there: PostgreSQL ends a transaction for it."""
    if "recovery_levelswitch" in sql:
        sql, params = "SELECT nothing FROM nowhere", ()
    return execute(sql, params, many, context)


def test_rows_live_and_die_with_the_sites_transaction_and_the_mail_has_left() -> None:
    with transaction.atomic():
        invite("ada@example.com").send()
        transaction.set_rollback(True)
    assert log() == []
    assert len(mail.outbox) == 1


def test_mail_whose_process_died_rests_as_unknown_after_an_hour() -> None:
    with failing(r"told\.from_states"):
        invite("ada@example.com").send()
    assert log() == [("ada@example.com", EmailState.SENDING, "")]
    let_pass(timedelta(minutes=59))
    assert site_mail.rest_lost() == 0
    let_pass(timedelta(minutes=2))
    assert site_mail.rest_lost() == 1
    assert log() == [("ada@example.com", EmailState.UNKNOWN, EmailReason.WORKER_DIED)]
    assert sweep.sweep().tried == 0


def test_what_a_database_cannot_hold_is_left_out_of_the_log_and_the_mail_leaves() -> None:
    message = invite("ada@example.com")
    message.subject = f"Caf\N{LATIN SMALL LETTER E WITH ACUTE}\x00\ud800 {'x' * 300}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Locmem, "send_messages", lambda self, messages: len(messages))
        assert message.send() == 1
    assert Email.objects.get().subject == f"Café   {'x' * 300}"[:255]


def test_without_a_way_out_the_wrapper_says_what_it_needs(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "SITE_MAIL": None}
    with pytest.raises(ImproperlyConfigured, match="SITE_MAIL"):
        invite("ada@example.com").send()


def test_the_usual_doors_of_django_lead_through_it(settings: Any) -> None:
    settings.ADMINS = ["ops@library.example"] if django.VERSION >= (6, 0) else [("Ops", "ops@library.example")]
    assert send_mail("Hello", "there", None, ["ada@example.com"]) == 1
    mail_admins("Error", "in the log")
    assert [recipient for recipient, _, _ in log()] == ["ada@example.com", "ops@library.example"]
    assert send_mail("Hello", "there", None, []) == 0


@pytest.fixture
def postmark(settings: Any) -> Iterator[Provider]:
    provider = providers.start()
    options = {"server_token": provider.token, "api_url": provider.url}
    wrap(settings, "anymail.backends.postmark.EmailBackend", **options)
    yield provider
    provider.stop()


def test_a_providers_reports_find_their_mail_recipient_by_recipient(postmark: Provider) -> None:
    assert invite("ada@example.com", "bob@example.com").send() == 1
    ada, bob = Email.objects.order_by("recipient")
    assert (ada.state, ada.esp) == (EmailState.HANDED_OVER, "postmark")
    assert ada.esp_message_id
    named = {"esp": "postmark", "message_id": ada.esp_message_id, "email_id": None}
    feedback.ingest([report(ada, "delivered", **named), report(bob, "bounced", minutes=1, **named)])
    assert [state for _, state, _ in log()] == [EmailState.DELIVERED, EmailState.BOUNCED]
