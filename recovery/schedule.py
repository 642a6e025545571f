"""What runs when. Imports no models and reads no settings, so that a settings file may call it."""

from datetime import timedelta
from typing import Any


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Beat's dict: ``CELERY_BEAT_SCHEDULE = {**beat_schedule(), ...}``. Running a task twice harms nothing."""
    return {
        "recovery.sweep": {
            "task": "recovery.sweep",
            "kwargs": {"by": "beat"},  # it is beat's sign of life, too
            "schedule": timedelta(seconds=15),
            "options": {"expires": 15},
        },
        "recovery.roll_up": {
            "task": "recovery.roll_up",
            "schedule": timedelta(minutes=1),
            "options": {"expires": 60},
        },
        "recovery.check_domains": {
            "task": "recovery.check_domains",
            "schedule": timedelta(minutes=5),  # a look at a row, and once an hour at the DNS
            "options": {"expires": 300},
        },
        "recovery.purge": {
            "task": "recovery.purge",
            "schedule": timedelta(minutes=10),
            "options": {"expires": 600},
        },
    }
