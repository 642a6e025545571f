"""What a mail server's reply means: the code, the enhanced code, and where in the talk it came.

RFC 5321 section 4.2, RFC 3463, RFC 4954.
"""

import re
import smtplib
import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from recovery.reasons import TryOutcome

ENHANCED: Final = re.compile(r"\s*[245]\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
OURS_AT_OPENING: Final = frozenset({530, 534, 535, 538})  # who we are, and how we may say so (RFC 4954)
SERVICE_ENDS: Final = 421
TOO_BIG: Final = 552
OUR_SENDER: Final = frozenset({(1, 7), (1, 8)})  # 5.1.7 and 5.1.8 name the sender's address, not the recipient's


class Step(StrEnum):
    """What the server replied to."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"


def of_opening(error: BaseException) -> TryOutcome:
    """Why no connection came about: nothing of the mail was sent yet."""
    if isinstance(error, smtplib.SMTPResponseException):
        ours = error.smtp_code in OURS_AT_OPENING
        return TryOutcome.REFUSED_US if ours else TryOutcome.DOWN
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError):
        return TryOutcome.REFUSED_US
    return TryOutcome.DOWN


def of_smtp(error: BaseException, data_begun: bool | None) -> TryOutcome | None:
    """What an exception of smtplib, or of a connection that ``data_begun`` describes, says; None for another's."""
    match error:
        case smtplib.SMTPRecipientsRefused(recipients=recipients):
            return _of_recipients(recipients)
        case smtplib.SMTPSenderRefused():
            return of_reply(error.smtp_code, error.smtp_error, Step.SENDER)
        case smtplib.SMTPDataError():
            return of_reply(error.smtp_code, error.smtp_error, Step.DATA)
        case smtplib.SMTPResponseException() | smtplib.SMTPNotSupportedError():
            return of_opening(error)
        case smtplib.SMTPServerDisconnected() | OSError() if data_begun is not None:
            return TryOutcome.AMBIGUOUS if data_begun else TryOutcome.DOWN
        case smtplib.SMTPServerDisconnected():
            return TryOutcome.AMBIGUOUS
        case smtplib.SMTPException():
            return TryOutcome.DOWN
    return None


def of_reply(code: int, said: bytes | str, step: Step) -> TryOutcome:
    """What one reply other than success means."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    found = ENHANCED.match(text)
    subject = (int(found[1]), int(found[2])) if found else (0, 0)
    return _for_now(code, subject, step) if code < 500 else _for_good(code, subject, step)


def _for_now(code: int, subject: tuple[int, int], step: Step) -> TryOutcome:
    """4yz: the server's own trouble (4.3.z), or one with the sender, is the route's; the rest is this recipient's."""
    ours = code == SERVICE_ENDS or code < 400 or subject[0] == 3 or step is Step.SENDER
    return TryOutcome.DOWN if ours else TryOutcome.LATER


def _for_good(code: int, subject: tuple[int, int], step: Step) -> TryOutcome:
    """5yz: the enhanced code first, then where it came."""
    if subject == (3, 4) or (code == TOO_BIG and subject in {(0, 0), (2, 3)}):
        return TryOutcome.REFUSED_MAIL
    if subject[0] == 7 or subject in OUR_SENDER or step is Step.SENDER or code in OURS_AT_OPENING:
        return TryOutcome.REFUSED_US
    if subject[0] == 1 or (step is Step.RECIPIENT and 550 <= code < 560):
        return TryOutcome.REFUSED_RECIPIENT
    return TryOutcome.REFUSED_MAIL if step is Step.DATA else TryOutcome.REFUSED_US


def _of_recipients(recipients: Mapping[str, tuple[int, Any]]) -> TryOutcome:
    """Our mails have one recipient. Of several, one who may still take it keeps the mail alive."""
    judged = [of_reply(code, said, Step.RECIPIENT) for code, said in recipients.values()]
    waiting = [outcome for outcome in judged if outcome != TryOutcome.REFUSED_RECIPIENT]
    return (waiting or judged or [TryOutcome.DOWN])[0]
