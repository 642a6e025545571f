"""anymail's views, one event at a time: a malformed one is set aside, where anymail would lose the batch over it."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from anymail.exceptions import AnymailWebhookValidationFailure
from django.http import HttpRequest

OLDEST: Final = 12 * 3600.0  # seconds; Mailgun tells again for eight hours
AHEAD: Final = 900.0  # seconds that its clock may be before ours


class CannotWork(Exception):
    """Something on our side is missing or out of reach; the same POST may succeed later."""


class EventByEvent:
    """Stands above anymail's views: most of them make all their events by this method, in one comprehension."""

    attempt: Callable[..., Any]

    def esp_to_anymail_event(self, *args: Any) -> Any:
        inherited: Any = super()
        return self.attempt(inherited.esp_to_anymail_event, *args)


class Mandrill(EventByEvent):
    def esp_to_anymail_event(self, *args: Any) -> Any:
        self.signal = None  # an event of inbound mail in the batch is no reason to refuse the others
        return super().esp_to_anymail_event(*args)


class SparkPost(EventByEvent):
    def unwrap_event(self, raw_event: Any) -> Any:
        inherited: Any = super()
        nothing = None, None, raw_event
        return self.attempt(inherited.unwrap_event, raw_event) or nothing


class UnisenderGo(EventByEvent):
    parse_json_body: Callable[[HttpRequest], Any]

    def parse_events(self, request: HttpRequest) -> Any:
        inherited: Any = super()
        for block in self.parse_json_body(request).get("events_by_user", ()):
            block["events"] = [event for event in block["events"] if self.attempt(_has_data, event)]
        return inherited.parse_events(request)


def _has_data(event: Mapping[str, Any]) -> bool:
    return event["event_name"] != "transactional_email_status" or event["event_data"] is not None


def is_young(signed: Mapping[str, Any]) -> bool:
    """Whether a signature of Mailgun's is one of these hours. Raises what a part that is no number raises."""
    return -AHEAD <= time.time() - float(signed["timestamp"]) <= OLDEST


class Mailgun(EventByEvent):
    """Its signature covers a time and a token, not what it says: whoever once saw one could sign anything with it. So
    it must be young, and ``feedback`` remembers what the token came with."""

    def validate_request(self, request: HttpRequest) -> None:
        view: Any = self
        signed = view.parse_json(request)["signature"] if request.content_type == "application/json" else request.POST
        if not is_young(signed):
            raise AnymailWebhookValidationFailure("The signature is too old.")

    def parse_json(self, request: HttpRequest) -> Any:
        return json.loads(request.body)
