"""A way out that fails the site's other mail: the error is the site's, and the log says what became of each."""

import smtplib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import mail
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.locmem import EmailBackend as Locmem

from recovery import site_mail
from recovery.models import Email
from recovery.reasons import EmailReason, EmailState, TryOutcome
from tests.attacks.searching import tables
from tests.wrapping import SECRET, invite, log, told, wrap

pytestmark = pytest.mark.django_db(transaction=True)


class Failing(BaseEmailBackend):
    """Raises what a test gave it for every recipient of that name; the others get their mail."""

    errors: dict[str, Exception] = {}

    def send_messages(self, email_messages: Any) -> int:
        for message in email_messages:
            for name, error in self.errors.items():
                if message.to[0].startswith(name):
                    raise error
        return Locmem().send_messages(email_messages)


class Nothing(BaseEmailBackend):
    """Keeps an own list of addresses that it does not mail, and says so by a count alone."""

    def send_messages(self, email_messages: Any) -> int:
        return 0


class Puzzling(BaseEmailBackend):
    """Has sent it, and says so in a shape that nobody knows."""

    def send_messages(self, email_messages: Any) -> int:
        for message in email_messages:
            message.anymail_status = SimpleNamespace(recipients={message.to[0]: object()})
        return Locmem().send_messages(email_messages)


FAULTS: dict[str, tuple[Exception, str, str]] = {
    "recipient": (
        smtplib.SMTPRecipientsRefused({"ada@example.com": (550, b"5.1.1 No such user")}),
        EmailState.FAILED,
        EmailReason.PROVIDER_REFUSED_RECIPIENT,
    ),
    "us": (
        smtplib.SMTPAuthenticationError(535, b"5.7.8 Bad credentials"),
        EmailState.FAILED,
        EmailReason.PROVIDER_REFUSED_US,
    ),
    "down": (ConnectionRefusedError(111, "Connection refused"), EmailState.FAILED, EmailReason.PROVIDER_DOWN),
    "lost": (TimeoutError("timed out"), EmailState.UNKNOWN, EmailReason.NO_CLEAR_ANSWER),
    "malformed": (ValueError("Header values can't contain newlines"), EmailState.FAILED, EmailReason.RENDER_ERROR),
    "echo": (smtplib.SMTPDataError(554, SECRET.encode()), EmailState.FAILED, EmailReason.PROVIDER_REFUSED_MAIL),
}


@pytest.fixture
def fails(settings: Any) -> Iterator[dict[str, Exception]]:
    wrap(settings, Failing)
    yield Failing.errors
    Failing.errors.clear()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_is_noted_without_its_text_and_raised_as_it_was(fault: str, fails: dict[str, Exception]) -> None:
    error, state, reason = FAULTS[fault]
    fails["ada"] = error
    with pytest.raises(type(error)) as raised:
        invite("ada@example.com").send()
    assert raised.value is error
    assert log() == [("ada@example.com", state, reason)]
    email = Email.objects.get()
    assert type(error).__name__ in told(email)[-1][1]
    assert SECRET not in tables()
    if state == EmailState.UNKNOWN:
        assert email.next_try_at is None, "we have no text to try it again with"


def test_every_outcome_of_a_try_ends_a_mail_somewhere() -> None:
    assert set(site_mail.ENDS) == set(TryOutcome)


def test_of_several_messages_the_error_of_one_ends_the_call_and_the_log_says_which_were_not_tried(
    fails: dict[str, Exception],
) -> None:
    fails["bob"] = ConnectionRefusedError(111, "Connection refused")
    messages = [invite(f"{name}@example.com") for name in ("ada", "bob", "eve")]
    with pytest.raises(ConnectionRefusedError):
        get_connection().send_messages(messages)
    assert [(name.split("@")[0], state) for name, state, _ in log()] == [
        ("ada", EmailState.HANDED_OVER),
        ("bob", EmailState.FAILED),
        ("eve", EmailState.FAILED),
    ]
    assert "not tried" in told(Email.objects.get(recipient="eve@example.com"))[-1][1]


def test_silent_errors_stay_silent_and_the_others_leave(fails: dict[str, Exception]) -> None:
    fails["bob"] = ConnectionRefusedError(111, "Connection refused")
    messages = [invite(f"{name}@example.com") for name in ("ada", "bob", "eve")]
    assert get_connection(fail_silently=True).send_messages(messages) == 2
    assert [state for _, state, _ in log()] == [EmailState.HANDED_OVER, EmailState.FAILED, EmailState.HANDED_OVER]


def test_a_backend_that_says_it_sent_nothing_has_refused(settings: Any) -> None:
    wrap(settings, Nothing)
    assert invite("ada@example.com").send() == 0
    assert log() == [("ada@example.com", EmailState.FAILED, EmailReason.PROVIDER_REFUSED_RECIPIENT)]


def test_an_answer_that_cannot_be_read_is_no_error_of_a_mail_that_left(settings: Any) -> None:
    wrap(settings, Puzzling)
    assert invite("ada@example.com").send() == 1
    assert len(mail.outbox) == 1
    assert log() == [("ada@example.com", EmailState.UNKNOWN, EmailReason.NO_CLEAR_ANSWER)]
