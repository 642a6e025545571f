"""Members of staff: whom they reach (``MAY_ACT_ON``, ``STAFF_AUDIENCES``), and who acts on unusually many people.

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

from recovery import audiences
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


def is_limited() -> bool:
    """Whether there may be people whom a member of staff does not reach."""
    return bool(conf.MAY_ACT_ON or conf.STAFF_AUDIENCES)


def may_act_on(actor: AbstractBaseUser, user: AbstractBaseUser) -> bool:
    """Whether the site lets this member of staff reach this account; yes if it says nothing."""
    return not barred_by(actor, user)


def barred_by(actor: AbstractBaseUser, user: AbstractBaseUser) -> str:
    """The setting by which this member of staff does not reach this account, or ""."""
    if conf.MAY_ACT_ON and not import_string(conf.MAY_ACT_ON)(actor, user):
        return "MAY_ACT_ON"
    doors = audiences_of(actor)
    return "" if doors is None or not doors.isdisjoint(audiences.of_user(user)) else "STAFF_AUDIENCES"


def audiences_of(actor: AbstractBaseUser) -> frozenset[str] | None:
    """The doors whose people and mail this member of staff reaches; None: all."""
    given = import_string(conf.STAFF_AUDIENCES)(actor) if conf.STAFF_AUDIENCES else None
    return None if given is None else frozenset(given)


def may_see(actor: AbstractBaseUser, audience: str) -> bool:
    """Whether what concerns no account, an ask that meant nobody, is of a door that this member of staff reaches."""
    doors = audiences_of(actor)
    return doors is None or audience in doors


def may_see_strangers(actor: AbstractBaseUser, audience: str) -> bool:
    """Whether the site's own mail to an address that is no account's is for this member of staff. With ``MAY_ACT_ON``
    it is for superusers alone: it may be of people whom the site lets nobody else reach."""
    is_asked = bool(conf.MAY_ACT_ON) and not getattr(actor, "is_superuser", False)
    return not is_asked and may_see(actor, audience)


def busy(many: int = MANY) -> dict[str, int]:
    """Those who acted on so many people or more within an hour, by the key of their account, with how many people that
    were. One statement over the hour's rows, found by their keys."""
    since = timezone.now() - WINDOW
    acts = AuditEvent.objects.filter(pk__gte=key_at(since - SKEW), occurred_at__gte=since, action__in=COUNTED).exclude(
        Q(actor_key="") | Q(action=Action.REQUESTED, detail__has_any_keys=_LISTS)
    )
    people = acts.order_by().values_list("actor_key").annotate(people=Count(_SUBJECT, distinct=True))
    return {actor: count for actor, count in people if count >= many}
