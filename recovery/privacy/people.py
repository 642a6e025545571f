"""Under which names, addresses and client addresses one person's rows are found.

A name that is another account's as well finds nothing by itself: rows are then theirs by their key alone, or one
person's erasure would take what is held about another.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any, Final

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import Q, QuerySet

from recovery import accounts
from recovery.addresses import normalise
from recovery.models import (
    AddressCorrection,
    AuditOrigin,
    BackupAddress,
    Decision,
    Email,
    Lockout,
    ResetRequest,
    ResetToken,
)


@dataclass(frozen=True, slots=True)
class Person:
    """One account, there or gone, by its key; user names and addresses of it alone; client addresses of it alone."""

    key: str
    names: frozenset[str] = frozenset()
    ips: frozenset[str] = frozenset()
    is_gone: bool = False

    @property
    def address_keys(self) -> list[str]:
        """As rows hold addresses to be compared."""
        return sorted({normalise(name)[:254] for name in self.names})

    @property
    def spellings(self) -> list[str]:
        """As people type them, where the database does not compare as we do."""
        forms = (str, str.lower, str.upper, str.title, normalise)
        return sorted({form(name) for name in self.names for form in forms})


def of_user(user: AbstractBaseUser) -> Person:
    """Somebody whose account is there, by all that is known of them; see ``found_again``."""
    return found_again(Person(accounts.key_of(user), _names_of(user)))


def of_key(key: str, names: Iterable[str] = ()) -> Person:
    """Somebody whose account is gone, by its key and the names that are known. An account that is there is found by
    its own names, too."""
    user = accounts.by_key(key)
    known = frozenset(names) | (_names_of(user) if user else frozenset())
    return found_again(Person(key, known, is_gone=user is None))


def key_of_gone(typed: str) -> str | None:
    """The key of an account that is gone: what can be one, and stands as one in a row of ours. None for anything else,
    which may be a name or an address, so that it is not written down as if it were a key."""
    key = accounts.as_key(typed)
    return key if key and any(_bears(model, key) for model in apps.get_app_config("recovery").get_models()) else None


def _bears(model: type[models.Model], key: str) -> bool:
    columns = [field.name for field in model._meta.concrete_fields if field.name in _WHO]
    either = reduce(or_, (Q(**{column: key}) for column in columns), Q(pk__in=[]))
    return bool(columns) and model._base_manager.filter(either).exists()


_WHO: Final = frozenset({"user_key", "actor_key", "person_key"})


def found_again(person: Person) -> Person:
    """With the addresses that rows of theirs name, and the client addresses that no other account's rows do."""
    key = person.key
    mailed = Email.objects.filter(user_key=key).values_list("recipient", flat=True)
    found = {
        *person.names,
        *mailed.distinct(),
        *BackupAddress.objects.filter(user_key=key).values_list("address", flat=True),
        *Decision.objects.filter(user_key=key).values_list("address", flat=True).distinct(),
        *ResetToken.objects.filter(user_key=key).values_list("address", flat=True).distinct(),
        *AddressCorrection.objects.filter(user_key=key).values_list("old_address", flat=True),
        *AddressCorrection.objects.filter(user_key=key).values_list("new_address", flat=True),
    }
    names = frozenset(name for name in found if name and not _is_anothers(name, key))
    person = replace(person, names=names)
    return replace(person, ips=_places(person))


def _names_of(user: AbstractBaseUser) -> frozenset[str]:
    own = [accounts.name_of(user), *(address.text for address in accounts.of_user(user).addresses)]
    return frozenset(str(name) for name in own if name)


def _is_anothers(name: str, key: str) -> bool:
    return any(account.key != key for account in accounts.of_identifier(name))


def _places(person: Person) -> frozenset[str]:
    """An attacker's address that met several accounts says nothing of one of them, and stays with the others' rows."""
    key, about = person.key, Decision.objects.exclude(user_key="")
    own = Q(user_key=key) | Q(pk__in=about.filter(user_key=key).values("request")) | Q(identifier__in=person.spellings)
    ips = _places_in(own, Q(user_key=key), Q(person_key=key))
    if not ips:
        return frozenset()
    others = Q(pk__in=about.exclude(user_key=key).values("request")) | ~Q(user_key__in=["", key])
    not_own = ~Q(user_key__in=["", key])
    return frozenset(ips - _places_in(others, not_own, ~Q(person_key__in=["", key]), among=ips))


def _places_in(asked: Q, accounts_own: Q, acted: Q, *, among: Collection[str] | None = None) -> set[str]:
    """From where these requests were asked and answered, these accounts locked and their links opened, and these people
    acted; of these places alone, if any are given. Reads the tables then, which have no index for it."""
    columns: Sequence[tuple[QuerySet[Any], str]] = (
        (ResetRequest.objects.filter(asked), "ip"),
        (ResetRequest.objects.filter(asked), "completed_ip"),
        (Lockout.objects.filter(accounts_own), "ip"),
        (ResetToken.objects.filter(accounts_own), "opened_ip"),
        (AuditOrigin.objects.filter(acted), "ip"),
    )
    found: set[str] = set()
    for rows, column in columns:
        wanted = ~Q(**{column: None}) if among is None else Q(**{f"{column}__in": among})
        found.update(map(str, rows.filter(wanted).order_by().values_list(column, flat=True).distinct()))
    locked = Lockout.objects.filter(accounts_own)
    locked = locked if among is None else locked.filter(sources__has_any_keys=sorted(among))
    return found.union(*locked.values_list("sources", flat=True))
