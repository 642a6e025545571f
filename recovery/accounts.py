"""Which accounts an identifier means, which of their addresses are verified, and the password itself.

Works with any user model: swapped, UUID or composite key, no ``username``, e-mail field by another name.
Rows of this app hold a user's key as text, never a foreign key.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from django.apps import apps
from django.contrib.auth import get_user_model, password_validation
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import router, transaction
from django.db.models import CompositePrimaryKey, Q, signals
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.module_loading import import_string

from recovery.addresses import normalise
from recovery.conf import conf
from recovery.exceptions import RecoveryError
from recovery.models import AccountState
from recovery.models.rows import change, of_key

logger = logging.getLogger(__name__)

ENDED: Final = f"{UNUSABLE_PASSWORD_PREFIX}recovery-ended-"
"""How the hash begins of a password that a forced rotation ended. For Django it is an unusable one, as of an account
that never had any; but this account signs in with a password, and gets a link for a new one."""


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
        name = self.user.get_username()
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
    users = _matching(fields, identifier, "exact") or _matching(fields, identifier, "iexact")
    return [_matched(found, identifier) for found in users]


def of_identifier(identifier: str) -> list[Account]:
    """The accounts the site's ``ACCOUNTS`` function finds; an identifier that is blank means nobody."""
    return _finder()(identifier) if identifier.strip() else []


def of_user(user: AbstractBaseUser) -> Account:
    """The account of a user, by the site's ``ACCOUNTS`` function."""
    return next(iter(_finder()(user=user)), Account(user, ()))


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


def _allauth_addresses() -> Any:
    app, model = "account", "EmailAddress"
    return apps.get_model(app, model)._default_manager


def _matching(fields: list[str], identifier: str, lookup: str) -> list[AbstractBaseUser]:
    wanted = Q()
    for name in fields:
        wanted |= Q(**{f"{name}__{lookup}": identifier})
    if apps.is_installed("allauth.account"):
        rows = _allauth_addresses().filter(**{f"email__{lookup}": identifier})
        wanted |= Q(pk__in=list(rows.values_list("user_id", flat=True)))
    users = _model()._default_manager.filter(wanted).order_by("pk")
    return [user for user in users if normalise(identifier) in _names(user, fields)]


def _names(user: AbstractBaseUser, fields: list[str]) -> set[str]:
    typed = {str(getattr(user, name) or "") for name in fields} | {a.text for a in _addresses(user)}
    return {normalise(text) for text in typed if text}


def _matched(user: AbstractBaseUser, identifier: str) -> Account:
    addresses = _addresses(user)
    meant = [address for address in addresses if normalise(address.text) == normalise(identifier)]
    return Account(user, addresses, matched=next(iter(meant), None))


def _addresses(user: AbstractBaseUser) -> tuple[Address, ...]:
    own = str(getattr(user, email_field() or "email", "") or "")
    if apps.is_installed("allauth.account"):
        rows = _allauth_addresses().filter(user_id=user.pk).order_by("pk")
        known = tuple(Address(row.email, row.verified, row.primary) for row in rows)
        if known:
            return known
    return (Address(own, verified=True),) if own else ()


def key_of(user: AbstractBaseUser) -> str:
    """The user's key as text; a composite key as a JSON list."""
    return key_as_text(user.pk)


def key_as_text(key: Any) -> str:
    """As ``key_of``, of a key that was read without its user."""
    return json.dumps([str(part) for part in key]) if isinstance(key, tuple) else str(key)


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


def has_password(user: AbstractBaseUser) -> bool:
    """Whether the account signs in with a password of this site, also while a forced rotation has ended it."""
    return user.has_usable_password() or user.password.startswith(ENDED)


def end_password(user: AbstractBaseUser) -> None:
    """Make the password unusable, in the caller's transaction, whatever it has become since ``user`` was read.

    Sessions end with it: each holds a hash of the password that it began with, and without one it counts as none. So
    an account that has no password here gets another unusable one. Receivers of ``post_save`` hear of it; one that
    fails is logged, for its trouble must not leave a thief in. Raises RecoveryError if others keep changing the
    password meanwhile.
    """
    model = type(user)
    for _ in range(3):
        ended = ENDED + get_random_string(40) if has_password(user) else make_password(None)
        if change(model._default_manager, user.pk, to={"password": ended}, if_still={"password": user.password}):
            break
        user.refresh_from_db(fields=["password"])
    else:
        raise RecoveryError("the password keeps changing")
    user.password = ended
    try:
        with transaction.atomic(using=router.db_for_write(model)):
            _tell_saved(user, "password")
    except Exception:
        logger.exception("account %s: a receiver of post_save failed when its password was ended", key_of(user))


def freeze_addresses(user_key: str) -> datetime:
    """From now on, for ``ADDRESS_FREEZE``, nobody changes where the account's mail goes; returns until when. In the
    caller's transaction."""
    until = timezone.now() + conf.ADDRESS_FREEZE
    state = AccountState(user_key=user_key, addresses_frozen_until=until)
    AccountState.objects.bulk_create(
        [state], update_conflicts=True, unique_fields=["user_key"], update_fields=["addresses_frozen_until"]
    )
    return until


def free_addresses(user_key: str) -> bool:
    """End that before its time, in the caller's transaction; False if it was over."""
    frozen = AccountState.objects.filter(user_key=user_key).frozen()
    return bool(frozen.update(addresses_frozen_until=None))


def addresses_are_frozen(user: AbstractBaseUser) -> bool:
    """Whether the addresses of this account must stay as they are: a new password was forced, and a thief must not
    lead the way back in to a mailbox of his own. For the site's own pages, too."""
    return AccountState.objects.filter(user_key=key_of(user)).frozen().exists()


def has_joined(user: AbstractBaseUser) -> bool:
    """Whether anybody has chosen a password for the account, or signed in to it by any way that Django counts.

    A blank password is none: ``create(username=...)`` leaves it so.
    """
    return bool(user.password and has_password(user)) or getattr(user, "last_login", None) is not None


def fingerprint(user: AbstractBaseUser, selector: str) -> str:
    """SHA-256 over what must not change while a link lives: password, address, active flag.

    Salted with the link's selector and free of SECRET_KEY, so that a rotation of the key leaves links alive.
    """
    address = getattr(user, email_field() or "email", "")
    facts = json.dumps([selector, user.password, str(address), bool(user.is_active)])
    return hashlib.sha256(facts.encode()).hexdigest()


def make_active(user: AbstractBaseUser) -> bool:
    """Set the account's flag in the caller's transaction, if it is not set; False if it is. Receivers of ``post_save``
    learn of it as from ``save()``."""
    manager = type(user)._default_manager
    if not change(manager, user.pk, to={"is_active": True}, if_still={"is_active": False}):
        return False
    user.is_active = True
    _tell_saved(user, "is_active")
    return True


def replace_password(user: AbstractBaseUser, *, old_hash: str, password: str) -> bool:
    """Store the hash that ``user.set_password(password)`` made; False if the account is no longer as ``user`` was read.

    Writes by conditional UPDATE in the caller's transaction: ``save()`` would overwrite a password that was
    changed elsewhere a moment ago. Hashing comes before, outside the transaction: it takes a quarter of a
    second, in which the account may also be deactivated or get another address. Receivers of ``post_save``
    and password validators that keep a history learn of it as from ``save()``. Sessions end with the old hash
    (Django's session auth hash).
    """
    model = type(user)
    fields = {field.name for field in model._meta.concrete_fields}
    as_read = {name: getattr(user, name) for name in {"is_active", email_field()} & fields}
    as_read["password"] = old_hash
    if not change(model._default_manager, user.pk, to={"password": user.password}, if_still=as_read):
        return False
    _tell_saved(user, "password")
    password_validation.password_changed(password, cast(Any, user))
    return True


def replace_address(user: AbstractBaseUser, *, old: str, new: str) -> bool:
    """Store another address; False if it is no longer ``old``. In the caller's transaction. Receivers of ``post_save``
    learn of it as from ``save()``."""
    field = email_field()
    if not change(type(user)._default_manager, user.pk, to={field: new}, if_still={field: old}):
        return False
    setattr(user, field, new)
    _tell_saved(user, field)
    return True


def _tell_saved(user: AbstractBaseUser, field: str) -> None:
    signals.post_save.send(
        sender=type(user), instance=user, created=False, raw=False, using=user._state.db, update_fields={field}
    )
