"""Which accounts an identifier means, and which of their addresses are verified.

Works with any user model: swapped, UUID or composite key, no ``username``, e-mail field by another name.
Rows of this app hold a user's key as text, never a foreign key.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import CompositePrimaryKey, Q
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from recovery.addresses import normalise
from recovery.conf import conf
from recovery.models.rows import of_key


@dataclass(frozen=True, slots=True)
class Address:
    """A stored address of an account."""

    text: str
    verified: bool
    primary: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """A user with the addresses it has. ``matched`` is the stored address that the identifier meant."""

    user: AbstractBaseUser
    addresses: tuple[Address, ...]
    matched: Address | None = None

    @property
    def key(self) -> str:
        return key_of(self.user)

    @property
    def reset_address(self) -> Address | None:
        """Where a link goes: the address that was asked for, else the first verified, primary before others."""
        ranked = sorted(self.addresses, key=lambda a: (not a.verified, not a.primary))
        return self.matched or next(iter(ranked), None)

    @property
    def verified_addresses(self) -> list[str]:
        return [address.text for address in self.addresses if address.verified]

    @property
    def public_name(self) -> str:
        """The user name, where it tells no address: what a mail to a backup address may say."""
        name = name_of(self.user)
        own = {normalise(address.text) for address in self.addresses}
        return "" if "@" in name or normalise(name) in own else name


def find(identifier: str = "", *, user: AbstractBaseUser | None = None) -> list[Account]:
    """The accounts that ``identifier`` means, or the one of ``user``. What ``ACCOUNTS`` replaces.

    An exact user name or address wins; otherwise all that are equal when normalised. A stock user's e-mail
    counts as verified; where allauth keeps rows for a user, its word counts.
    """
    if user is not None:
        return [Account(user, _addresses(user))]
    model = _model()
    fields = [name for name in dict.fromkeys([model.USERNAME_FIELD, email_field()]) if name]
    probed = fields if "@" in identifier else fields[:1]  # what has no "@" is no address
    found = _matching(probed, identifier, "exact") if all(map(is_indexed, probed)) else []
    # Without an index, either look reads all users, and this one finds what the other would.
    found = found or _matching(fields, identifier, "iexact")
    exact = [account for account in found if identifier in _names(account, fields)]
    return [_matched(account, identifier) for account in exact or found]


def of_identifier(identifier: str) -> list[Account]:
    """The accounts the site's ``ACCOUNTS`` function finds; an identifier that is blank means nobody."""
    return _finder()(identifier) if identifier.strip() else []


def of_user(user: AbstractBaseUser) -> Account:
    """The account of a user, by the site's ``ACCOUNTS`` function."""
    return next(iter(_finder()(user=user)), Account(user, ()))


@sensitive_variables()  # people type passwords where a name belongs
def called(name: str, fields: Iterable[str]) -> list[AbstractBaseUser]:
    """Ten accounts at most that have this name in one of these fields, however it is spelled; the oldest first. One
    statement, the same for every name. A field may lie behind a relation (``emailaddress__email``)."""
    users, wanted = _model()._default_manager, Q()
    for field in fields:
        # Equations: Django knows of them, and not of IN, that a number may be too large for its column.
        same = Q()
        for spelling in _spellings(name):
            same |= Q(**{field: spelling})
        same |= Q(**{f"{field}__iexact": name})
        wanted |= _held(users, same)
    found = users.filter(wanted).order_by("pk")[:10] if wanted and is_storable(name) else ()
    return list({key_of(user): user for user in found}.values())


@sensitive_variables()
def one_spelling(name: Any) -> str:
    """A user name in the form in which it is counted: as the column holds it, which may take many spellings for one
    value (a number, a UUID, a telephone number), then in lower case. Not case folded: ``ß`` and ``ss`` are two names,
    and whoever has the one must not speak for the other."""
    model = _model()
    field = model._meta.get_field(model.USERNAME_FIELD)
    try:
        stored = field.get_prep_value(field.to_python(name))
    except (ValueError, TypeError, OverflowError, ArithmeticError, ValidationError):
        stored = None
    return _small(str(name if stored in (None, "") else stored))


def _small(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).lower())


def _spellings(name: str) -> list[str]:
    """Beside what a database takes for equal: SQLite knows of no letters but ASCII's that they are large or small."""
    others = [] if name.isascii() else [name.lower(), name.upper(), name.capitalize(), name.title()]
    return list(dict.fromkeys([name, normalise(name), *others]))


def shares_name(user: AbstractBaseUser) -> bool:
    """Whether another account has the same user name, spelled otherwise."""
    return any(key_of(each) != key_of(user) for each in called(name_of(user), [_model().USERNAME_FIELD]))


def is_storable(name: str) -> bool:
    """PostgreSQL stores neither NUL nor surrogates."""
    return "\0" not in name and name == name.encode(errors="ignore").decode()


def _finder() -> Callable[..., list[Account]]:
    return cast(Callable[..., list[Account]], import_string(conf.ACCOUNTS))


def _model() -> Any:
    return get_user_model()


def email_field() -> str:
    """Name of the user model's e-mail field, "" if it has none."""
    name = str(_model().get_email_field_name())
    try:
        _model()._meta.get_field(name)
    except FieldDoesNotExist:
        return ""
    return name


def is_indexed(name: str) -> bool:
    """Whether the user model says that this field has an index, or one on an expression."""
    field = _model()._meta.get_field(name)
    is_own = getattr(field, "db_index", False) or getattr(field, "unique", False)
    return bool(is_own or any(index.expressions for index in _model()._meta.indexes))


def _allauth_addresses() -> Any:
    app, model = "account", "EmailAddress"
    return apps.get_model(app, model)._default_manager


def _matching(fields: list[str], identifier: str, lookup: str) -> list[Account]:
    users, wanted = _model()._default_manager, Q()
    for name in fields:
        if _held(users, Q(**{name: identifier})):
            wanted |= Q(**{f"{name}__{lookup}": identifier})
    if apps.is_installed("allauth.account"):
        rows = _allauth_addresses().filter(**{f"email__{lookup}": identifier})
        wanted |= Q(pk__in=list(rows.values_list("user_id", flat=True)))
    found = [Account(user, _addresses(user)) for user in (users.filter(wanted).order_by("pk") if wanted else ())]
    return [account for account in found if normalise(identifier) in map(normalise, _names(account, fields))]


def _held(users: Any, condition: Q) -> Q:
    """It, or none where the column never holds such a value: a number's, and no number."""
    try:
        users.filter(condition)
    except (ValueError, TypeError, OverflowError, ValidationError):
        return Q()
    return condition


def _names(account: Account, fields: list[str]) -> set[str]:
    """What somebody may call it by, as it is stored."""
    own = {str(getattr(account.user, name) or "") for name in fields}
    return {*own, *(address.text for address in account.addresses)} - {""}


def _matched(account: Account, identifier: str) -> Account:
    meant = [address for address in account.addresses if normalise(address.text) == normalise(identifier)]
    return replace(account, matched=next(iter(meant), None))


def _addresses(user: AbstractBaseUser) -> tuple[Address, ...]:
    own = str(getattr(user, email_field() or "email", "") or "")
    if apps.is_installed("allauth.account"):
        rows = _allauth_addresses().filter(user_id=user.pk).order_by("pk")
        known = tuple(Address(row.email, row.verified, row.primary) for row in rows)
        if known:
            return known
    return (Address(own, verified=True),) if own else ()


def name_of(user: AbstractBaseUser) -> str:
    """The user name as text, though its column may hold a number or a UUID."""
    return str(user.get_username())


def key_of(user: AbstractBaseUser) -> str:
    """The user's key as text; a composite key as a JSON list."""
    return key_as_text(user.pk)


def key_as_text(key: Any) -> str:
    """As ``key_of``, of a key that was read without its user."""
    return json.dumps([str(part) for part in key]) if isinstance(key, tuple) else str(key)


def as_key(typed: str) -> str | None:
    """What was typed, as ``key_of`` writes it; None for what cannot be a key of the user model. Reads no account."""
    model = _model()
    fields = model._meta.pk_fields
    composite = isinstance(model._meta.pk, CompositePrimaryKey)
    try:
        parts = json.loads(typed) if composite else [typed]
        values = tuple(field.to_python(part) for field, part in zip(fields, parts, strict=True))
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None
    return key_as_text(values if composite else values[0]) if is_storable(typed) else None


def by_key(key: str) -> AbstractBaseUser | None:
    """The user of a key, or None if there is none any more."""
    model = _model()
    composite = isinstance(model._meta.pk, CompositePrimaryKey)
    try:
        return cast("AbstractBaseUser | None", of_key(model._default_manager, json.loads(key) if composite else key))
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None


def by_keys(keys: Iterable[str]) -> dict[str, AbstractBaseUser]:
    """The users of several keys, in one statement where keys are plain; those that are missing are missing."""
    wanted = set(keys)
    if not wanted:
        return {}
    found: list[AbstractBaseUser]
    try:
        if len(wanted) == 1:
            return {key: user for key in wanted if (user := by_key(key))}
        found = list(_model()._default_manager.filter(pk__in=wanted))
    except (TypeError, ValueError, OverflowError, ValidationError):  # composite keys, or those of another user model
        found = [user for user in map(by_key, wanted) if user]
    return {key_of(user): user for user in found}
