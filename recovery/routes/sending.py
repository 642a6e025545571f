"""One connection to one route. Speaks to the network and to nothing else, so that any thread may hold it.

Nothing is logged here, and nothing raised: a provider's answer may echo the mail, and with it the link.
"""

import contextlib
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailRecipientsRefused, AnymailUnsupportedFeature
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend
from django.views.decorators.debug import sensitive_variables

from recovery.bounces import return_paths
from recovery.reasons import TryOutcome
from recovery.routes import answers, configured, replies
from recovery.routes.configured import Route
from recovery.routes.tried import Tried

METADATA_KEY: Final = "recovery_email_id"
CONNECT_PATIENCE: Final = 5  # seconds until an API is reached
PATIENCE: Final = 20  # seconds for each answer of a mail server or an API; a mail's lease is 90
LAST_MOMENT: Final = 25  # seconds into a talk with a mail server after which the mail is not begun any more
PARTING: Final = 1  # seconds for a mail server's good-bye
LONGEST_ANSWER: Final = 300  # characters of a refusal that are kept
END_OF_DATA: Final = b"\r\n.\r\n"
STREAMS: Final = {"postmark": "MessageStream"}  # where a provider's field for its stream is
_DROPPABLE: Final = ("tags", "track_opens", "track_clicks", "metadata")
# Answers after which a connection is as good as before.
_CLEAR: Final = frozenset({TryOutcome.REFUSED_RECIPIENT, TryOutcome.REFUSED_MAIL, TryOutcome.LATER})


class Line:
    """One connection to one route, open over several mails, used by one thread at a time.

    Never raises; touches no rows. A connection that failed is thrown away: it may be half open, or in clear.
    """

    def __init__(self, route: Route) -> None:
        self.route = route
        self._backend: BaseEmailBackend | None = None
        self._data_begun: bool | None = None  # of the running mail; None: it does not go over SMTP
        self._started = 0.0

    @sensitive_variables()
    def send(self, message: EmailMultiAlternatives, *, key: str, kind: str) -> Tried:
        """Hand one message over. ``key`` is the same for each try of one mail: the email's id."""
        self._started = time.monotonic()
        was_open = isinstance(self._backend, smtp.EmailBackend)
        tried = self._try(message, key, kind)
        if was_open and tried.outcome == TryOutcome.DOWN:  # servers hang up on connections that lie idle
            tried = self._try(message, key, kind)
        return tried

    def close(self) -> None:
        """Let go of the connection. What the other side says to that changes nothing."""
        backend, self._backend = self._backend, None
        with contextlib.suppress(Exception):
            if isinstance(backend, smtp.EmailBackend) and backend.connection and backend.connection.sock:
                backend.connection.sock.settimeout(PARTING)
            if backend is not None:
                backend.close()

    @sensitive_variables()
    def _try(self, message: EmailMultiAlternatives, key: str, kind: str) -> Tried:
        try:
            backend = self._backend = self._backend or _patient(configured.backend_of(self.route))
        except Exception as error:  # noqa: BLE001 - whatever a class says to its options: they are ours
            return self._failed(error, TryOutcome.REFUSED_US)
        is_smtp = isinstance(backend, smtp.EmailBackend)
        try:
            self._open(backend, key)
        except Exception as error:  # noqa: BLE001 - foreign code and a network
            return self._failed(error, *((replies.of_opening(error),) if is_smtp else answers.classify(error)))
        self._data_begun = False if is_smtp else None
        try:
            path = return_paths.address_of(key) if is_smtp else ""
            with _marked(message, key, kind, self.route, configured.esp_name(backend)), _returning(message, path):
                count = _send(message, backend)
        except Exception as error:  # noqa: BLE001 - foreign code and a network
            return self._failed(error, *answers.classify(error, data_begun=self._data_begun))
        return self._answered(message, count)

    def _open(self, backend: BaseEmailBackend, key: str) -> None:
        """Connect if that is not done yet, so that what fails here is known to have come before the mail."""
        backend.open()
        if isinstance(backend, smtp.EmailBackend):
            self._watch(backend.connection)
        header = configured.key_header(self.route, configured.esp_name(backend))
        if header and isinstance(backend, AnymailRequestsBackend) and backend.session:
            backend.session.headers[header] = key

    def _watch(self, connection: Any) -> None:
        """See the mail's last bytes leave; never begin them so late that the mail's lease could end meanwhile."""
        if hasattr(connection, "unwatched_send"):
            return
        connection.unwatched_send = send = connection.send

        def watched(data: Any) -> None:
            if isinstance(data, bytes | bytearray) and data.endswith(END_OF_DATA):
                if time.monotonic() - self._started > LAST_MOMENT:
                    raise TimeoutError("The mail server took too long to get ready.")
                self._data_begun = True
            send(data)

        connection.send = watched

    def _failed(self, error: Exception, outcome: TryOutcome, retry_after: timedelta | None = None) -> Tried:
        tried = self._told(outcome, detail=_said(error), retry_after=retry_after)
        if outcome not in _CLEAR:
            self._drop()
        return tried

    def _drop(self) -> None:
        """Throw the connection away without another word over it: it may hang, or be in clear."""
        backend, self._backend = self._backend, None
        with contextlib.suppress(Exception):
            if isinstance(backend, smtp.EmailBackend):
                for connection in (backend.connection, getattr(backend, "_partial_connection", None)):
                    if connection is not None:
                        connection.close()
            elif backend is not None:
                backend.close()

    def _answered(self, message: EmailMultiAlternatives, count: int | None) -> Tried:
        status = getattr(message, "anymail_status", None)
        if count == 0:  # django-ses and others, for a recipient on their own black list
            return self._told(TryOutcome.REFUSED_RECIPIENT, detail="The mail backend sent nothing.")
        if status is None:
            return self._told(TryOutcome.ACCEPTED)
        outcome = answers.of_status(status)
        words = ", ".join(sorted(map(str, status.status or {"nothing"})))
        detail = "" if outcome == TryOutcome.ACCEPTED else f"The provider answered {words}."
        message_id = status.message_id if isinstance(status.message_id, str) else ""
        return self._told(outcome, esp_message_id=message_id, detail=detail)

    def _told(self, outcome: TryOutcome, **said: Any) -> Tried:
        esp, seconds = configured.esp_name(self._backend), time.monotonic() - self._started
        return Tried(outcome, self.route.name, esp=esp, seconds=seconds, **said)


def _patient(backend: BaseEmailBackend) -> BaseEmailBackend:
    """With timeouts that end well before a mail's lease; without any, a worker would hang for good."""
    if vars(backend).get("fail_silently"):
        vars(backend)["fail_silently"] = False  # silence would pass for an answer
    if isinstance(backend, smtp.EmailBackend):
        backend.timeout = min(backend.timeout or PATIENCE, PATIENCE)
    elif isinstance(backend, AnymailRequestsBackend):
        given = backend.timeout if isinstance(backend.timeout, tuple) else (backend.timeout, backend.timeout)
        longest = (CONNECT_PATIENCE, PATIENCE)
        backend.timeout = tuple(min(one or most, most) for one, most in zip(given, longest, strict=True))
    elif config := getattr(backend, "client_params", {}).get("config"):
        # Amazon's client waits for a minute and then repeats by itself, under no key.
        once = {"connect_timeout": CONNECT_PATIENCE, "read_timeout": PATIENCE, "retries": {"total_max_attempts": 1}}
        backend.client_params["config"] = type(config)(**once).merge(config)  # type: ignore[attr-defined]
    return backend


@contextlib.contextmanager
def _marked(message: EmailMultiAlternatives, key: str, kind: str, route: Route, esp: str) -> Iterator[None]:
    """Our id travels with the mail; the provider's tracking, which rewrites links, is off.

    Another route may have the message next: what is meant for this one alone goes again.
    """
    facts = vars(message)
    facts.pop("anymail_status", None)  # of another route's try
    facts |= {"metadata": {METADATA_KEY: key}, "tags": [f"recovery-{kind}"]}
    facts |= {"track_opens": False, "track_clicks": False}
    extra = facts.get("esp_extra")
    if route.stream and esp in STREAMS:
        facts["esp_extra"] = {**(extra or {}), STREAMS[esp]: route.stream}
    try:
        yield
    finally:
        facts.pop("esp_extra", None)
        if extra is not None:
            facts["esp_extra"] = extra


@contextlib.contextmanager
def _returning(message: EmailMultiAlternatives, path: str) -> Iterator[None]:
    """Bounces of this try go to ``path``: the envelope's sender, which nobody sees who reads the mail."""
    sender, headers = message.from_email, message.extra_headers
    if path:
        message.from_email, message.extra_headers = path, {"From": sender, **headers}
    try:
        yield
    finally:
        message.from_email, message.extra_headers = sender, headers


def _send(message: EmailMultiAlternatives, backend: BaseEmailBackend) -> int | None:
    """Send; what this provider has no switch for is left out (anymail tells before it calls the provider)."""
    droppable = list(_DROPPABLE)
    while True:
        try:
            return backend.send_messages([message])
        except AnymailUnsupportedFeature as error:
            if not droppable:
                raise
            named = next((feature for feature in droppable if feature in str(error)), droppable[0])
            droppable.remove(named)
            delattr(message, named)


def _said(error: Exception) -> str:
    try:
        said = f"{type(error).__name__}: {error}"
        answer = getattr(getattr(error, "response", None), "text", "")
        if isinstance(error, AnymailRecipientsRefused) and isinstance(answer, str):
            # anymail says that nobody was taken; why, says only the provider.
            said = " · ".join(filter(None, [said, " ".join(answer.split())[:LONGEST_ANSWER]]))
        return said
    except Exception:  # noqa: BLE001 - an exception of foreign code that cannot even be shown
        return type(error).__name__
