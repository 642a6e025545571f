"""Asking a provider whether it has a mail whose answer was lost. Only where its search finds mail by our own id."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import requests

from recovery.routes import configured
from recovery.routes.configured import Route
from recovery.routes.sending import METADATA_KEY

logger = logging.getLogger(__name__)

PATIENCE: Final = (3, 5)  # seconds to connect, and for the answer


class Answer(StrEnum):
    """What the provider says of a mail."""

    HAS = "has"
    HAS_NOT = "has_not"
    SILENT = "silent"  # it does not say, or nothing that can be relied upon


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer; with HAS, who has the mail and under which id."""

    answer: Answer
    esp: str = ""
    esp_message_id: str = ""


def can_be_asked(name: str) -> bool:
    """Whether the provider of this route can tell if it has a mail; no for a route that is gone from the settings."""
    route = configured.named(name)
    return bool(route and configured.esp_of(route) in ASKERS)


def ask(name: str, *, email_id: UUID, recipient: str) -> Asked:
    """Ask; never raises. A search lags by seconds: believe HAS_NOT only of a try that is a minute old."""
    route = configured.named(name)
    try:
        if route is not None and (asker := ASKERS.get(configured.esp_of(route))):
            return asker(route, email_id, recipient)
    except Exception as error:  # noqa: BLE001 - foreign code, a network, and an answer of any shape
        logger.warning("route %s: could not be asked about email %s (%s)", name, email_id, type(error).__name__)
    return Asked(Answer.SILENT)


def _postmark(route: Route, email_id: UUID, recipient: str) -> Asked:
    """Postmark's search of outbound messages. Raises where the answer is not of the documented shape."""
    backend: Any = configured.backend_of(route)
    response = requests.get(
        f"{backend.api_url}messages/outbound",
        params={
            "count": 1,
            "offset": 0,
            f"metadata_{METADATA_KEY}": str(email_id),
            **({"messagestream": stream} if (stream := route.stream or backend.message_stream) else {}),
        },
        headers={"Accept": "application/json", "X-Postmark-Server-Token": backend.server_token},
        timeout=PATIENCE,
    )
    if response.status_code != 200:
        return Asked(Answer.SILENT)
    found = response.json()
    if found["TotalCount"] == 0:
        return Asked(Answer.HAS_NOT)
    message: Mapping[str, Any] = found["Messages"][0]
    recipients = [str(address).casefold() for address in message["Recipients"]]
    if recipient.casefold() not in recipients or not message["MessageID"]:
        return Asked(Answer.SILENT)
    return Asked(Answer.HAS, "postmark", str(message["MessageID"]))


ASKERS: Final[Mapping[str, Callable[[Route, UUID, str], Asked]]] = {"postmark": _postmark}
