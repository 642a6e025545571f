"""A check for django-health-check, for sites whose monitor reads that. Optional: the site names it among its checks.

The judgement is that of our own health view; it only speaks here in the other project's words.
"""

import dataclasses

from asgiref.sync import sync_to_async

from recovery import metrics
from recovery.exceptions import Misconfigured

try:
    from health_check.base import HealthCheck
    from health_check.exceptions import ServiceUnavailable
except ImportError as error:
    raise Misconfigured(
        "This check needs django-health-check 4 or newer: pip install 'django-account-recovery[health]'."
    ) from error


@dataclasses.dataclass
class Recovery(HealthCheck):
    """Whether everything that recovery's mail needs is alive, and no alarm about mail stands."""

    async def run(self) -> None:
        """Reads only. Raises ServiceUnavailable with the parts and alarms that are red; no address or user is named."""
        # In the thread of the request, whose connection to the database it is.
        condition = await sync_to_async(metrics.health)()
        if condition.healthy:
            return
        dead = [":".join(filter(None, (part.part, part.name))) for part in condition.signs.parts if not part.healthy]
        red = [trouble.alarm.value for trouble in condition.troubles if trouble.alarm not in metrics.TOLD]
        raise ServiceUnavailable(", ".join(dict.fromkeys([*dead, *red])))
