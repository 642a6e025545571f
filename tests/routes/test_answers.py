"""What the answers of providers and mail servers mean: was it taken, and whose fault is it if not?"""

import http.client
import smtplib
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
from anymail.exceptions import (
    AnymailInvalidAddress,
    AnymailRecipientsRefused,
    AnymailSerializationError,
    AnymailUnsupportedFeature,
)
from django.core.exceptions import ImproperlyConfigured
from urllib3 import exceptions as urllib3

from recovery import routes
from recovery.reasons import TryOutcome
from recovery.routes import answers, replies
from recovery.routes.replies import Step
from tests.routes import raised
from tests.routes.raised import amazon, answer, broken, encrypted, new_connection, postmark, unanswered, unreachable

ACCEPTED, REFUSED_RECIPIENT, REFUSED_US = TryOutcome.ACCEPTED, TryOutcome.REFUSED_RECIPIENT, TryOutcome.REFUSED_US
REFUSED_MAIL, BUSY, LATER, DOWN = TryOutcome.REFUSED_MAIL, TryOutcome.BUSY, TryOutcome.LATER, TryOutcome.DOWN
AMBIGUOUS, MALFORMED = TryOutcome.AMBIGUOUS, TryOutcome.MALFORMED

OVER_HTTP = [
    # not reached
    (unanswered(requests.ConnectTimeout("timed out")), DOWN),
    (unanswered(unreachable(new_connection(ConnectionRefusedError(111, "refused")))), DOWN),
    (unanswered(unreachable(new_connection(socket.gaierror(-2, "unknown name")))), DOWN),
    (unanswered(unreachable(urllib3.ConnectTimeoutError("timed out"))), DOWN),
    (unanswered(requests.exceptions.ProxyError("no way through")), DOWN),
    (unanswered(encrypted(ssl.SSLCertVerificationError(1, "certificate verify failed"))), DOWN),
    (unanswered(encrypted(ssl.SSLError(1, "wrong version number"))), DOWN),
    # reached, and lost
    (unanswered(requests.ReadTimeout("timed out")), AMBIGUOUS),
    (unanswered(broken(ConnectionResetError(104, "reset"))), AMBIGUOUS),
    (unanswered(broken(http.client.RemoteDisconnected("closed"))), AMBIGUOUS),
    (unanswered(encrypted(ssl.SSLEOFError(8, "unexpected end"))), AMBIGUOUS),
    (unanswered(requests.exceptions.ChunkedEncodingError("half an answer")), AMBIGUOUS),
    (unanswered(requests.exceptions.ContentDecodingError("no gzip")), AMBIGUOUS),
    # our settings
    (unanswered(requests.exceptions.InvalidURL("no host")), REFUSED_US),
    (unanswered(requests.exceptions.MissingSchema("no scheme")), REFUSED_US),
    (unanswered(requests.exceptions.InvalidHeader("line break in the key")), REFUSED_US),
    (ImproperlyConfigured("no API key"), REFUSED_US),
    (ImportError("no boto3"), REFUSED_US),
    # answered
    *((answer(status), REFUSED_US) for status in (301, 302, 307, 401, 402, 403, 404, 405, 407)),
    *((answer(status), DOWN) for status in (408, 425, 500, 501, 502, 503)),
    *((answer(status), AMBIGUOUS) for status in (409, 504, 520, 524)),
    *((answer(status), REFUSED_MAIL) for status in (400, 410, 413, 415, 422)),
    *((answer(status), AMBIGUOUS) for status in (200, 202, 204)),
    (answer(429), BUSY),
    (answer(503, Retry_After="7"), BUSY),
    (answer(500, Retry_After="nonsense"), BUSY),
    # Postmark says more than its 422
    (postmark(10, status=401), REFUSED_US),
    *((postmark(code), REFUSED_US) for code in (400, 401, 405, 412, 413)),
    (postmark(406, "You tried to send to inactive recipients"), REFUSED_RECIPIENT),
    (postmark(300, "Invalid 'From' address: the sender signature is not confirmed."), REFUSED_US),
    (postmark(300, "Invalid 'To' address: 'a@b'."), REFUSED_RECIPIENT),
    (postmark(300, "Invalid metadata content."), REFUSED_MAIL),
    (postmark(100, "Maintenance", status=503), DOWN),
    (AnymailRecipientsRefused(), REFUSED_RECIPIENT),
    # not sent
    (AnymailInvalidAddress("no domain"), MALFORMED),
    (AnymailSerializationError("a date"), MALFORMED),
    (AnymailUnsupportedFeature("attachments"), MALFORMED),
    (ValueError("Header values can't contain newlines"), MALFORMED),
    # Amazon
    *((amazon(raised.ClientError(code, 429)), BUSY) for code in ("ThrottlingException", "TooManyRequestsException")),
    *(
        (amazon(raised.ClientError(code, 400)), REFUSED_US)
        for code in (
            "MessageRejected",
            "MailFromDomainNotVerifiedException",
            "AccessDeniedException",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "AccountSuspendedException",
        )
    ),
    (amazon(raised.ClientError("BadRequestException", 400)), REFUSED_MAIL),
    (amazon(raised.ClientError("InternalFailure", 500)), DOWN),
    (amazon(raised.EndpointConnectionError("no route")), DOWN),
    (amazon(raised.ReadTimeoutError("timed out")), AMBIGUOUS),
    # any other backend
    (ConnectionRefusedError(111, "refused"), DOWN),
    (socket.gaierror(-2, "unknown name"), DOWN),
    (TimeoutError("timed out"), AMBIGUOUS),
    (ConnectionResetError(104, "reset"), AMBIGUOUS),
    (BrokenPipeError(32, "broken pipe"), AMBIGUOUS),
    (EOFError(), AMBIGUOUS),
    (http.client.BadStatusLine("?"), AMBIGUOUS),
    (ZeroDivisionError(), DOWN),
    (KeyError("a bug"), DOWN),
]


@pytest.mark.attack(90, 91, 92, 93)
@pytest.mark.parametrize(("error", "outcome"), OVER_HTTP, ids=lambda value: str(value)[:60].replace("\n", " "))
def test_what_a_backend_raises_is_told_apart(error: Exception, outcome: TryOutcome) -> None:
    judged, pause = routes.classify(error)
    assert judged == outcome
    assert (pause is not None) == (outcome == BUSY)


REPLIES = [
    # at the recipient
    (450, "4.2.0 Greylisted", Step.RECIPIENT, LATER),
    (451, "4.7.1 Greylisted", Step.RECIPIENT, LATER),
    (452, "4.2.2 Mailbox full", Step.RECIPIENT, LATER),
    (450, "try again", Step.RECIPIENT, LATER),
    (451, "4.3.0 Out of order", Step.RECIPIENT, DOWN),
    (452, "4.3.1 Disk full", Step.RECIPIENT, DOWN),
    (421, "4.3.2 Shutting down", Step.RECIPIENT, DOWN),
    (550, "5.1.1 No such user", Step.RECIPIENT, REFUSED_RECIPIENT),
    (553, "5.1.3 That is no address", Step.RECIPIENT, REFUSED_RECIPIENT),
    (550, "no such user", Step.RECIPIENT, REFUSED_RECIPIENT),
    (552, "5.2.2 Mailbox full for good", Step.RECIPIENT, REFUSED_RECIPIENT),
    (550, "5.7.1 Relaying denied", Step.RECIPIENT, REFUSED_US),
    (530, "5.7.0 Authentication required", Step.RECIPIENT, REFUSED_US),
    (503, "bad sequence of commands", Step.RECIPIENT, REFUSED_US),
    (550, "5.1.8 Sender's domain does not exist", Step.RECIPIENT, REFUSED_US),
    # at the sender
    (451, "4.1.8 Sender's domain cannot be looked up", Step.SENDER, DOWN),
    (421, "too many connections", Step.SENDER, DOWN),
    (550, "5.7.1 Sender not allowed", Step.SENDER, REFUSED_US),
    (553, "sender address rejected", Step.SENDER, REFUSED_US),
    (552, "5.3.4 Message too big", Step.SENDER, REFUSED_MAIL),
    (552, "message size exceeds the limit", Step.SENDER, REFUSED_MAIL),
    # at the data
    (451, "4.2.0 try again", Step.DATA, LATER),
    (421, "4.3.2 closing", Step.DATA, DOWN),
    (552, "5.3.4 Message too big", Step.DATA, REFUSED_MAIL),
    (554, "5.6.0 Message malformed", Step.DATA, REFUSED_MAIL),
    (554, "rejected", Step.DATA, REFUSED_MAIL),
    (550, "5.1.1 No such user", Step.DATA, REFUSED_RECIPIENT),
    (554, "5.7.1 Client host blocked", Step.DATA, REFUSED_US),
    # numbers that only look like an enhanced code
    (550, "5.1.1.7 is blocked", Step.DATA, REFUSED_MAIL),
]


@pytest.mark.attack(92)
@pytest.mark.parametrize(("code", "said", "step", "outcome"), REPLIES)
def test_a_reply_is_judged_by_its_enhanced_code_and_where_it_came(
    code: int, said: str, step: Step, outcome: TryOutcome
) -> None:
    assert replies.of_reply(code, said, step) == outcome
    errors = {
        Step.SENDER: smtplib.SMTPSenderRefused(code, said.encode(), "accounts@example.org"),
        Step.RECIPIENT: smtplib.SMTPRecipientsRefused({"ada@example.org": (code, said.encode())}),
        Step.DATA: smtplib.SMTPDataError(code, said.encode()),
    }
    assert routes.classify(errors[step], data_begun=step is Step.DATA) == (outcome, None)


def test_of_several_recipients_one_who_may_still_take_it_keeps_the_mail_alive() -> None:
    refused = {"ada@example.org": (550, b"5.1.1 no"), "bob@example.org": (450, b"4.2.0 later")}
    assert routes.classify(smtplib.SMTPRecipientsRefused(refused))[0] == LATER


LOST = [smtplib.SMTPServerDisconnected("gone"), TimeoutError("timed out"), OSError(5, "broken"), ConnectionResetError()]


@pytest.mark.attack(93)
@pytest.mark.parametrize("error", LOST, ids=repr)
@pytest.mark.parametrize(("data_begun", "outcome"), [(True, AMBIGUOUS), (False, DOWN)])
def test_a_lost_mail_server_has_the_mail_only_if_its_end_was_sent(
    error: Exception, data_begun: bool, outcome: TryOutcome
) -> None:
    assert routes.classify(error, data_begun=data_begun)[0] == outcome


def test_a_mail_server_lost_unseen_may_have_the_mail() -> None:
    assert routes.classify(smtplib.SMTPServerDisconnected("gone"))[0] == AMBIGUOUS


AT_OPENING = [
    (smtplib.SMTPAuthenticationError(535, b"5.7.8 wrong password"), REFUSED_US),
    (smtplib.SMTPAuthenticationError(534, b"5.7.9 weak mechanism"), REFUSED_US),
    (smtplib.SMTPAuthenticationError(454, b"4.7.0 temporarily"), DOWN),
    (smtplib.SMTPNotSupportedError("STARTTLS extension not supported by server."), REFUSED_US),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), REFUSED_US),
    (ssl.SSLError(1, "wrong version number"), DOWN),
    (smtplib.SMTPConnectError(421, b"too busy"), DOWN),
    (smtplib.SMTPResponseException(454, b"TLS not available"), DOWN),
    (ConnectionRefusedError(111, "refused"), DOWN),
    (TimeoutError("timed out"), DOWN),
    (socket.gaierror(-2, "unknown name"), DOWN),
]


@pytest.mark.parametrize(("error", "outcome"), AT_OPENING, ids=lambda value: str(value)[:50])
def test_a_mail_server_that_cannot_be_talked_to_has_nothing(error: Exception, outcome: TryOutcome) -> None:
    assert replies.of_opening(error) == outcome


NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.attack(91)
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("-5", 1),
        ("1.5", 1.5),
        ("1e9", 900),
        ("inf", 900),
        ("nan", 30),
        ("soon", 30),
        ("", 30),
        (None, 30),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 1),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), 900),
        ("Sat, 99 Nov 2026 12:00:00 GMT", 30),
    ],
)
def test_retry_after_is_heeded_within_bounds(text: str | None, seconds: float) -> None:
    """A date is one of the provider's clock, however far ours is off."""
    said = format_datetime(NOW, usegmt=True)
    assert answers.retry_after(text, at=said) == timedelta(seconds=seconds)
    headers = {"Date": said} if text is None else {"Date": said, "Retry_After": text}
    assert routes.classify(answer(429, **headers)) == (BUSY, timedelta(seconds=seconds))


def test_a_date_without_the_providers_clock_is_read_by_ours() -> None:
    in_a_minute = datetime.now(UTC) + timedelta(seconds=60)
    assert 50 < answers.retry_after(format_datetime(in_a_minute, usegmt=True)).total_seconds() <= 60


def test_a_chain_of_causes_that_goes_round_ends() -> None:
    error, other = KeyError("one"), KeyError("other")
    error.__cause__, other.__cause__ = other, error
    assert routes.classify(error)[0] == DOWN


def test_every_outcome_but_acceptance_comes_of_some_answer() -> None:
    found = {outcome for _, outcome in OVER_HTTP} | {outcome for *_, outcome in REPLIES}
    assert found == set(TryOutcome) - {ACCEPTED}
