"""What an answer means: an exception of a mail backend, and anymail's word for a recipient, as one TryOutcome.

The one question that counts is whether the mail may have been taken. "Down" says that it surely was not, so that the
next route may have it at once; whatever leaves a doubt is "ambiguous".
"""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from anymail.exceptions import AnymailAPIError, AnymailRecipientsRefused, AnymailSerializationError
from django.core.exceptions import ImproperlyConfigured
from urllib3 import exceptions as urllib3

from recovery.reasons import TryOutcome
from recovery.routes import replies

Judged = tuple[TryOutcome, timedelta | None]

PAUSE: Final = timedelta(seconds=30)  # where a provider names none, or none that can be read
LONGEST_PAUSE: Final = timedelta(minutes=15)
LONGEST_CHAIN: Final = 20

NOT_CONNECTED: Final = (
    requests.ConnectTimeout,
    requests.exceptions.ProxyError,
    urllib3.NewConnectionError,
    urllib3.ConnectTimeoutError,
    ConnectionRefusedError,
    socket.gaierror,
)
CONNECTION_LOST: Final = (TimeoutError, ConnectionError, EOFError, http.client.HTTPException)
OUR_SETTINGS: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
    ImproperlyConfigured,
    ImportError,
)
# The end of an encrypted connection may come after the request; other faults of it come while it is being made.
ENDED: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
# Of libraries that this app does not import: botocore, httpx.
NAMED: Final[Mapping[str, TryOutcome]] = {
    "EndpointConnectionError": TryOutcome.DOWN,
    "ConnectTimeoutError": TryOutcome.DOWN,
    "ConnectTimeout": TryOutcome.DOWN,
    "ConnectError": TryOutcome.DOWN,
    "NoCredentialsError": TryOutcome.REFUSED_US,
    "ReadTimeoutError": TryOutcome.AMBIGUOUS,
    "ReadTimeout": TryOutcome.AMBIGUOUS,
    "ReadError": TryOutcome.AMBIGUOUS,
    "RemoteProtocolError": TryOutcome.AMBIGUOUS,
    "ConnectionClosedError": TryOutcome.AMBIGUOUS,
}
OURS_BY_STATUS: Final = frozenset({401, 402, 403, 404, 405, 407})
# A conflict is a repeat whose first was taken; the others are told by a gateway that lost sight of the provider.
DOUBTFUL_BY_STATUS: Final = frozenset({409, 504, 520, 524})
# Postmark's ErrorCode: key, sender signature, credits, approval.
OURS_BY_CODE: Final = frozenset({10, 400, 401, 405, 412, 413})
INACTIVE_RECIPIENT: Final = 406
INVALID_MAIL: Final = 300  # names the field in its message
SES_BUSY: Final = ("Throttling", "TooManyRequests", "LimitExceeded")
SES_OURS: Final = (
    "MessageRejected",
    "NotVerified",
    "AccessDenied",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "AccountSuspended",
    "SendingPaused",
)
REFUSED_WORDS: Final = frozenset({"rejected", "invalid", "failed"})  # anymail's, for one recipient


def classify(error: BaseException, *, data_begun: bool | None = None) -> Judged:
    """What an exception of a mail backend says, and for a busy route how long it asks us to stay away.

    ``data_begun``: over SMTP, whether the mail's last bytes had been on their way; None where nobody saw.
    """
    if isinstance(error, AnymailRecipientsRefused):
        return TryOutcome.REFUSED_RECIPIENT, None
    if judged := replies.of_smtp(error, data_begun):
        return judged, None
    chain = list(_chain(error))
    for link in chain:
        if judged_answer := _answered(link):
            return judged_answer
    return _unanswered(error, chain), None


def of_status(status: Any) -> TryOutcome:
    """What anymail's ``anymail_status`` says of a mail to one recipient."""
    words = set(status.status or ())
    if words and words <= REFUSED_WORDS:
        return TryOutcome.REFUSED_RECIPIENT
    if not words or "unknown" in words or not status.message_id:
        return TryOutcome.AMBIGUOUS
    return TryOutcome.ACCEPTED


def retry_after(text: str | None, *, at: str | None = None) -> timedelta:
    """How long ``Retry-After`` asks us to stay away: seconds, or a date by the provider's own clock (``at``)."""
    seconds = _seconds(text, at)
    if seconds is None:
        return PAUSE
    return timedelta(seconds=min(max(seconds, 1.0), LONGEST_PAUSE.total_seconds()))


def _seconds(text: str | None, at: str | None) -> float | None:
    """None where the text says nothing; dates may lie in the past, numbers may be infinite."""
    try:
        seconds = float(text or "")
        return None if seconds != seconds else seconds  # noqa: PLR0124 - "nan" is a number to Python
    except ValueError:
        until = _date(text)
        return (until - (_date(at) or datetime.now(UTC))).total_seconds() if until else None


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and those it was raised for: as cause, and as ``reason`` or argument (requests, urllib)."""
    waiting, seen = [error], 0
    while waiting and seen < LONGEST_CHAIN:
        link = waiting.pop(0)
        seen += 1
        yield link
        inner = [link.__cause__, getattr(link, "reason", None), *getattr(link, "args", ())]
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _answered(link: BaseException) -> Judged | None:
    """What the provider answered, where it did."""
    response = getattr(link, "response", None)
    if isinstance(response, Mapping):
        return _of_amazon(response)
    if response is None or not isinstance(getattr(response, "status_code", None), int):
        return None
    status, headers = int(response.status_code), response.headers
    if 200 <= status < 300:
        return TryOutcome.AMBIGUOUS, None  # it was taken, by all that we know: only its answer makes no sense
    if status == 429 or (status >= 500 and status not in DOUBTFUL_BY_STATUS and "Retry-After" in headers):
        return TryOutcome.BUSY, retry_after(headers.get("Retry-After"), at=headers.get("Date"))
    return _of_code(response) or _of_http_status(status), None


def _of_http_status(status: int) -> TryOutcome:
    if status in DOUBTFUL_BY_STATUS:
        return TryOutcome.AMBIGUOUS
    if status in OURS_BY_STATUS or 300 <= status < 400:
        return TryOutcome.REFUSED_US
    if status in (408, 425) or status >= 500:
        return TryOutcome.DOWN
    return TryOutcome.REFUSED_MAIL


def _of_code(response: Any) -> TryOutcome | None:
    """Postmark's own error code, which says more than the 422 that carries it."""
    try:
        body = response.json()
    except ValueError:
        return None
    if response.status_code >= 500 or not isinstance(body, Mapping) or "ErrorCode" not in body:
        return None
    code, message = body["ErrorCode"], str(body.get("Message", ""))
    if code in OURS_BY_CODE or (code == INVALID_MAIL and "'From'" in message):
        return TryOutcome.REFUSED_US
    if code == INACTIVE_RECIPIENT or (code == INVALID_MAIL and "'To'" in message):
        return TryOutcome.REFUSED_RECIPIENT
    return None


def _of_amazon(response: Mapping[str, Any]) -> Judged | None:
    error = response.get("Error")
    code = str(error.get("Code", "")) if isinstance(error, Mapping) else ""
    if not code:
        return None
    if any(word in code for word in SES_BUSY):
        return TryOutcome.BUSY, PAUSE
    if any(word in code for word in SES_OURS):
        return TryOutcome.REFUSED_US, None
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return (TryOutcome.REFUSED_MAIL if 400 <= status < 500 else TryOutcome.DOWN), None


def _unanswered(error: BaseException, chain: list[BaseException]) -> TryOutcome:
    """The provider did not answer: was it reached at all?"""
    if any(isinstance(link, OUR_SETTINGS) for link in chain):
        return TryOutcome.REFUSED_US
    if any(isinstance(link, NOT_CONNECTED) for link in chain):
        return TryOutcome.DOWN
    faults = [link for link in chain if isinstance(link, ssl.SSLError)]
    if faults and not any(isinstance(fault, ENDED) for fault in faults):
        return TryOutcome.DOWN
    if faults or isinstance(error, requests.RequestException):
        return TryOutcome.AMBIGUOUS
    for link in chain:
        for kind in type(link).__mro__:
            if kind.__name__ in NAMED:
                return NAMED[kind.__name__]
    if any(isinstance(link, CONNECTION_LOST) for link in chain):
        return TryOutcome.AMBIGUOUS
    return _of_our_making(error)


def _of_our_making(error: BaseException) -> TryOutcome:
    """Raised before anything was sent, by all that we know. A bug of a backend must not make mail doubtful."""
    if isinstance(error, ValueError | AnymailSerializationError):
        return TryOutcome.MALFORMED
    if isinstance(error, AnymailAPIError):  # raised over an answer alone
        return TryOutcome.AMBIGUOUS
    return TryOutcome.DOWN
