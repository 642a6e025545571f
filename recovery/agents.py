"""Members of staff: whom they reach (``MAY_ACT_ON``), and who acts on unusually many people.

Acting on many is an alarm (``metrics``), and no limit beside that of links (``REQUEST_LIMITS``). A stolen account of an
agent sends links, unlocks and corrects addresses as fast as it can; a help desk's busy morning does not. ``MANY``
people within an hour are more than one every three minutes, which nobody does who asks each caller who they are. Told
from the trail, so acts by the page, by a list action and by a command count alike; a rotation of many people is one
act, for it has a right, a page and a case of its own.
"""

from datetime import timedelta
from typing import Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Case, CharField, Count, F, Q, When
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.module_loading import import_string

from recovery.conf import conf
from recovery.models import AuditEvent
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Action

_LISTS: Final = ("repair", "rotation")  # what a worker asks for on behalf of whoever started one is no act of theirs
WINDOW: Final = timedelta(hours=1)
MANY: Final = 20
COUNTED: Final = (
    Action.REQUESTED,
    Action.UNLOCKED,
    Action.LOCKED,
    Action.ADDRESS_PROPOSED,
    Action.ADDRESS_CHANGED,
    Action.ACCOUNT_ACTIVATED,
    Action.STAFF_REFUSED,
    Action.ROTATION_STARTED,
    Action.ADDRESSES_FREED,
    Action.DEVICES_FORGOTTEN,
)

_SUBJECT: Final = Case(When(user_key="", then=Cast("pk", CharField())), default=F("user_key"))
"""Whom an act was about. Names that nobody has, and places, have no key: each act on one counts by itself."""


def may_act_on(actor: AbstractBaseUser, user: AbstractBaseUser) -> bool:
    """Whether the site lets this member of staff reach this account (``MAY_ACT_ON``); yes if it says nothing."""
    return bool(import_string(conf.MAY_ACT_ON)(actor, user)) if conf.MAY_ACT_ON else True


def busy(many: int = MANY) -> dict[str, int]:
    """Those who acted on so many people or more within an hour, by the key of their account, with how many people that
    were. One statement over the hour's rows, found by their keys."""
    since = timezone.now() - WINDOW
    acts = AuditEvent.objects.filter(pk__gte=key_at(since - SKEW), occurred_at__gte=since, action__in=COUNTED).exclude(
        Q(actor_key="") | Q(action=Action.REQUESTED, detail__has_any_keys=_LISTS)
    )
    people = acts.order_by().values_list("actor_key").annotate(people=Count(_SUBJECT, distinct=True))
    return {actor: count for actor, count in people if count >= many}
