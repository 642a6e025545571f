"""Members of staff: whom they reach (``MAY_ACT_ON``, ``STAFF_AUDIENCES``), and who acts on unusually many people.

Acting on many is an alarm (``metrics``), and no limit beside that of links (``REQUEST_LIMITS``). A stolen account of an
agent sends links, unlocks and corrects addresses as fast as it can; a help desk's busy morning does not. ``MANY``
people within an hour are more than one every three minutes, which nobody does who asks each caller who they are. To
look people up is quicker, and a caller may be found by the third name: there the bound is ``MANY_LOOKED_AT``. Told
from the trail, so acts by the page, by a list action and by a command count alike; a rotation of many people is one
act, for it has a right, a page and a case of its own.
"""

from datetime import timedelta
from typing import Final, NamedTuple

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Case, CharField, Count, F, Q, When
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.module_loading import import_string

from recovery import audiences, counting
from recovery.conf import conf
from recovery.models import AuditEvent
from recovery.models.primary import SKEW, key_at
from recovery.reasons import Action

WINDOW: Final = timedelta(hours=1)
MANY: Final = 20
MANY_LOOKED_AT: Final = 40
LOOKS: Final = (Action.DIAGNOSED, Action.ADDRESS_REVEALED)
ACTS: Final = (
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
    Action.SUPPRESSION_LIFTED,
    Action.EMAIL_RETRIED,
    Action.EMAIL_RELEASED,
    Action.PERSON_EXPORTED,
    Action.EXPORTED,
)

_SUBJECT: Final = Case(When(user_key="", then=Cast("pk", CharField())), default=F("user_key"))
"""Whom an act was about. Names that nobody has, places and files of many have no key: each act on one counts by
itself."""


class Volume(NamedTuple):
    """How many people somebody acted on, and how many were looked up, within an hour."""

    acted: int
    looked: int

    @property
    def share(self) -> float:
        """Of what is many, by whichever is more; 1 and above is unusual."""
        return max(self.acted / MANY, self.looked / MANY_LOOKED_AT)

    @property
    def is_of_looks(self) -> bool:
        return self.looked / MANY_LOOKED_AT > self.acted / MANY


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
    """Whether what means no account, an ask for a name that nobody has or the site's own mail to a stranger, is for
    this member of staff. With ``MAY_ACT_ON`` it is for superusers alone: others, to whom people out of scope look like
    nobody, would tell the two apart by what they see of nobody."""
    is_asked = bool(conf.MAY_ACT_ON) and not getattr(actor, "is_superuser", False)
    return not is_asked and may_see(actor, audience)


def busy(share: float = 1) -> dict[str, Volume]:
    """Those whose hour was unusual, or of that share of it, by the key of their account. One statement over the hour's
    rows, found by their keys."""
    since = timezone.now() - WINDOW
    acts = AuditEvent.objects.filter(
        pk__gte=key_at(since - SKEW), occurred_at__gte=since, action__in=[*ACTS, *LOOKS]
    ).exclude(Q(actor_key="") | Q(action=Action.REQUESTED, detail__has_any_keys=counting.LISTS))
    people = (
        acts.order_by()
        .values_list("actor_key")
        .annotate(
            acted=Count(_SUBJECT, distinct=True, filter=Q(action__in=ACTS)),
            looked=Count(_SUBJECT, distinct=True, filter=Q(action__in=LOOKS)),
        )
    )
    found = {actor: Volume(acted, looked) for actor, acted, looked in people}
    return {actor: volume for actor, volume in found.items() if volume.share >= share}
