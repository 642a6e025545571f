"""The dashboard as a test opens it: on a day on which everything lives, with mail of the last hours."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from recovery import heartbeats, rollup
from recovery.models import Email
from recovery.reasons import Part
from tests.admin.staff import superuser
from tests.past import Mail

DASHBOARD = "/admin/recovery/rollup/"


def beat() -> None:
    """Signs of life of what the figures need."""
    for part in (Part.BEAT, Part.SWEEP):
        heartbeats.beat(part)


def lately(count: int = 1, *, hours: float = 3, **facts: Any) -> list[Email]:
    """So many mails of one moment about that long ago: of one hour, whichever begins meanwhile."""
    ago = timezone.now() - timedelta(hours=hours)
    return [Mail(at=ago, **facts).write() for _ in range(count)]


def shown(query: str = "", client: Client | None = None) -> Any:
    rollup.roll_up()
    return (client or superuser()).get(f"{DASHBOARD}{query}")
