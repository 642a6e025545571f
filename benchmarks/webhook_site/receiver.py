"""What users write: look the mail up, change it, save it, and keep the event."""

import uuid
from typing import Any

from benchmarks.webhook_site.models import MailEvent, MailLog


def look_up_and_save(sender: Any, event: Any, esp_name: str, **kwargs: Any) -> None:
    try:
        log = MailLog.objects.get(message_id=event.message_id)
    except MailLog.DoesNotExist:
        return
    log.status, log.updated_at = event.event_type, event.timestamp
    if event.event_type == "opened":
        log.open_count += 1
    log.save()
    known = {"log": log, "kind": event.event_type, "happened_at": event.timestamp}
    MailEvent.objects.get_or_create(event_id=event.event_id or uuid.uuid4().hex, defaults=known)
