"""Asking a provider whether it has a mail whose answer was lost. Only where its search finds mail by our own id."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import requests

from recovery.routes import configured
from recovery.routes.configured import Route
from recovery.routes.sending import METADATA_KEY

PATIENCE: Final = (3, 5)  # seconds to connect, and for the answer


@dataclass(frozen=True, slots=True)
class Asked:
    """What the provider says of a mail. Silent: nothing, or nothing that can be relied upon."""

    has: bool = False
    has_not: bool = False
    esp: str = ""
    message_id: str = ""

    @property
    def silent(self) -> bool:
        return not (self.has or self.has_not)


def can_be_asked(name: str) -> bool:
    """Whether the provider of this route can tell if it has a mail; no for a route that is gone from the settings."""
    route = configured.named(name)
    return bool(route and configured.esp_of(route) in ASKERS)


def ask(name: str, *, email_id: UUID, recipient: str) -> Asked:
    """Ask; never raises. A provider's search lags by seconds: believe ``has_not`` only of a try that is a minute old."""
    route = configured.named(name)
    try:
        if route is not None:
            esp = configured.esp_of(route)
            return ASKERS[esp](route, email_id, recipient)
    except Exception:  # noqa: BLE001 - foreign code, a network, and an answer of any shape
        return Asked()
    return Asked()


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
        return Asked()
    found = response.json()
    if found["TotalCount"] == 0:
        return Asked(has_not=True)
    message: Mapping[str, Any] = found["Messages"][0]
    recipients = [str(address).casefold() for address in message["Recipients"]]
    if recipient.casefold() not in recipients or not message["MessageID"]:
        return Asked()
    return Asked(has=True, esp="postmark", message_id=str(message["MessageID"]))


ASKERS: Final[Mapping[str, Callable[[Route, UUID, str], Asked]]] = {"postmark": _postmark}
