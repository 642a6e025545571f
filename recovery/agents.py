"""Members of staff who act on unusually many people: an alarm (``metrics``), and no limit beside that of links
(``REQUEST_LIMITS``).

A stolen account of an agent sends links, unlocks and corrects addresses as fast as it can; a help desk's busy morning
does not. ``MANY`` people within an hour are more than one every three minutes, which nobody does who asks each caller
who they are. Told from the trail, so acts by the page, by a list action and by a command count alike; a rotation of
many people is one act, for it has a right, a page and a case of its own.
"""

from datetime import timedelta
from typing import Final

from django.db.models import Count
from django.utils import timezone

from recovery.models import AuditEvent
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Action

WINDOW: Final = timedelta(hours=1)
MANY: Final = 20
COUNTED: Final = (
    Action.REQUESTED,
    Action.UNLOCKED,
    Action.LOCKED,
    Action.ADDRESS_CHANGED,
    Action.ACCOUNT_ACTIVATED,
    Action.STAFF_REFUSED,
    Action.ROTATION_STARTED,
    Action.ADDRESSES_FREED,
    Action.DEVICES_FORGOTTEN,
)


def busy(many: int = MANY) -> dict[str, int]:
    """Those who acted on so many people or more within an hour, by the key of their account, with how many people that
    were. One statement over the hour's rows, found by their keys."""
    since = timezone.now() - WINDOW
    acts = AuditEvent.objects.filter(pk__gte=key_at(since - SKEW), occurred_at__gte=since, action__in=COUNTED).exclude(
        actor_key=""
    )
    people = acts.order_by().values_list("actor_key").annotate(people=Count("user_key", distinct=True))
    return {actor: count for actor, count in people if count >= many}
