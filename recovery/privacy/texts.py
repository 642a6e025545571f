"""What staff and mail servers wrote in rows that are others', or several people's: the row stays, and the address of
whoever is erased leaves its text. How an address is written stands in ``mentions``.

A user name stays there: too many are words. What is written of no person at all (the level, a route) is masked as it
is written, as in the trail.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Model, Q, QuerySet

from recovery.models import (
    AddressCorrection,
    Bounce,
    CaseNote,
    CaseTelling,
    Email,
    EmailEvent,
    Lockout,
    Repair,
    ResetRequest,
    Rotation,
    SupportCase,
    Suppression,
)
from recovery.models.primary import atomic
from recovery.privacy import mentions
from recovery.privacy.people import Person

_WRITTEN: Final[Mapping[type[Model], tuple[str, ...]]] = {
    AddressCorrection: ("reason", "decision"),
    Bounce: ("evidence",),
    CaseNote: ("text",),
    CaseTelling: ("detail",),
    Email: ("subject",),
    EmailEvent: ("detail", "content"),
    Lockout: ("reason", "lift_reason"),
    Repair: ("reason",),
    ResetRequest: ("reason",),
    Rotation: ("reason", "evidence"),
    SupportCase: ("end_reason",),
    Suppression: ("lift_reason",),
}


def leave_out(person: Person) -> None:
    """Take the person's addresses and client addresses out of all that is left; commits row by row. Reads the tables,
    which have no index for it."""
    for model, columns in _WRITTEN.items():
        found = _that_may(model, columns, person).values_list("pk", *columns).iterator()
        for pk in [pk for pk, *texts in found if _without(texts, person) != texts]:
            with atomic(model):
                _shorten(model._base_manager.filter(pk=pk), columns, person)


def _that_may(model: type[Model], columns: tuple[str, ...], person: Person) -> "QuerySet[Any]":
    """Name one of them. Most of these texts are blank, and are not looked at further."""
    addresses = [name for name in person.names if "@" in name]
    found = Q(pk__in=[])
    for column in columns:
        placed = (Q(**{f"{column}__icontains": ip}) for ip in sorted(person.ips))
        found |= ~Q(**{column: ""}) & reduce(or_, placed, mentions.may_name([column], addresses))
    return model._base_manager.filter(found).order_by("pk")


def _shorten(rows: "QuerySet[Any]", columns: tuple[str, ...], person: Person) -> None:
    for texts in rows.select_for_update().values_list(*columns):
        rows.update(**dict(zip(columns, _without(texts, person), strict=True)))


def _without(texts: Iterable[str], person: Person) -> list[str]:
    return [mentions.cut(text, person.names, person.ips) for text in texts]
