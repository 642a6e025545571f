"""To which doors the links of one mail lead, and who signs it. Decided with the mail, once: what becomes of a
membership afterwards changes nothing in a mail that waits. Its link works all the same: all doors have one password.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import accounts, audiences
from recovery.conf import conf
from recovery.models import ResetRequest


@dataclass(frozen=True, slots=True)
class Places:
    """The door whose mail it is, and for its context the doors of each account, where they are not that one alone."""

    audience: str
    context: dict[str, Any] = field(default_factory=dict)


def placed(request: ResetRequest, owners: Sequence[AbstractBaseUser]) -> Places:
    """Where mail for these accounts, which share an address, leads. No statements but those of the site's functions.

    It is the mail of the door that was asked at, where that is the door of one of them; else of the first door of
    theirs in the order of ``AUDIENCES``.
    """
    if not conf.AUDIENCES:
        return Places(audiences.DEFAULT)
    asked_at, kind = request.audience, request.kind
    doors = {accounts.key_of(user): audiences.doors_of(user, asked_at=asked_at, kind=kind) for user in owners}
    leading = {own[0] for own in doors.values()} or {asked_at}
    order = [name for name in (asked_at, *conf.AUDIENCES) if name in audiences.names()]
    audience = next((name for name in order if name in leading), audiences.DEFAULT)
    is_plain = all(own == [audience] for own in doors.values())
    return Places(audience, {} if is_plain else {audiences.DOORS: doors})
