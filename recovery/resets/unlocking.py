"""What staff may lift: what failures brought by whoever has the right, a lock by staff by nobody whom it is on and by
nobody of lower rank. How a lockout ends stands in ``lockouts``; every page, call and command that lifts asks here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _

from recovery import accounts, lockouts
from recovery.exceptions import NotAllowed
from recovery.models import Lockout
from recovery.reasons import LockKind
from recovery.resets import staff


@dataclass(slots=True)
class Unlocked:
    """What became of some lockouts; what is in neither was over already. ``refused``: each with what to tell."""

    lifted: list[Lockout] = field(default_factory=list)
    refused: list[tuple[Lockout, str]] = field(default_factory=list)


def unlock(rows: Iterable[Lockout], *, actor: AbstractBaseUser | None, reason: str) -> Unlocked:
    """Lift each of them that ``actor`` may lift; a command without one lifts all. Each commits by itself, and so does
    each refusal, which is on the trail. That the actor reaches the people is asked by whoever finds the rows."""
    found, rows = Unlocked(), list(rows)
    people = accounts.by_keys({row.user_key for row in rows if row.kind == LockKind.STAFF} - {""})
    for row in rows:
        try:
            if actor is not None and row.kind == LockKind.STAFF:
                _check(people.get(row.user_key), actor=actor, reason=reason)
        except NotAllowed as refusal:
            found.refused.append((row, str(refusal)))
            continue
        if lockouts.lift(row, actor=actor, reason=reason):
            found.lifted.append(row)
    return found


def _check(user: Any, *, actor: AbstractBaseUser, reason: str) -> None:
    """Raises NotAllowed, with its row of the trail; never for an account that is gone."""
    if user is None:
        return
    if accounts.key_of(user) == accounts.key_of(actor):
        staff.refuse(actor, user, reason, by="own account")
        raise NotAllowed(_("Somebody else must lift a lock of your own account. Ask a colleague."))
    staff.check_rank(actor, user, reason=reason)
