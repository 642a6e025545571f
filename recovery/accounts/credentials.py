"""What lets somebody in to an account, and where its mail goes: read, replaced, ended, frozen.

Written by conditional UPDATE: ``save()`` would overwrite what was changed elsewhere a moment ago.
"""

import hashlib
import json
import logging
from datetime import datetime
from typing import Any, Final, cast

from django.contrib.auth import password_validation
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.contrib.auth.hashers import check_password as hashers_check
from django.db import router, transaction
from django.db.models import signals
from django.utils import timezone
from django.utils.crypto import get_random_string

from recovery.accounts.finding import email_field, key_of
from recovery.conf import conf
from recovery.exceptions import RecoveryError
from recovery.models import AccountState
from recovery.models.rows import change

logger = logging.getLogger(__name__)

ENDED: Final = f"{UNUSABLE_PASSWORD_PREFIX}recovery-ended-"
"""How the hash begins of a password that a forced rotation ended. For Django it is an unusable one, as of an account
that never had any; but this account signs in with a password, and gets a link for a new one."""


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
    model = user.__class__
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
    except Exception:  # receivers are the site's; the password has ended without them
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
    manager = user.__class__._default_manager
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
    model = user.__class__
    fields = {field.name for field in model._meta.concrete_fields}
    as_read = {name: getattr(user, name) for name in {"is_active", email_field()} & fields}
    as_read["password"] = old_hash
    if not change(model._default_manager, user.pk, to={"password": user.password}, if_still=as_read):
        return False
    _tell_saved(user, "password")
    password_validation.password_changed(password, cast(Any, user))
    return True


def check_password(user: AbstractBaseUser, password: str) -> bool:
    """As the user model's own. A hash that Django renews on the way (another work factor) is written by conditional
    UPDATE: ``save()`` would bring back a password that was ended or changed while this one was judged.

    Raises UnicodeEncodeError for a lone surrogate, which no hasher takes.
    """
    if user.__class__.check_password is not AbstractBaseUser.check_password:
        return bool(user.check_password(password))
    stored = user.password

    def renew(password: str) -> None:
        renewed = make_password(password)
        if change(user.__class__._default_manager, user.pk, to={"password": renewed}, if_still={"password": stored}):
            user.password = renewed
            _tell_saved(user, "password")

    return hashers_check(password, stored, renew)


def replace_address(user: AbstractBaseUser, *, old: str, new: str) -> bool:
    """Store another address; False if it is no longer ``old``. In the caller's transaction. Receivers of ``post_save``
    learn of it as from ``save()``."""
    field = email_field()
    if not change(user.__class__._default_manager, user.pk, to={field: new}, if_still={field: old}):
        return False
    setattr(user, field, new)
    _tell_saved(user, field)
    return True


def _tell_saved(user: AbstractBaseUser, field: str) -> None:
    signals.post_save.send(
        sender=user.__class__, instance=user, created=False, raw=False, using=user._state.db, update_fields={field}
    )
