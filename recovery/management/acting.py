"""The member of staff in whose name a command acts, and whether they may; the account of the machine under which it
runs; the one person whom it is about."""

import os
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.management.base import CommandError

from recovery import accounts, privacy
from recovery.viewers import Viewer


def actor_named(name: str | None, right: str = "") -> AbstractBaseUser | None:
    """The account with exactly this user name; None for no name. Raises CommandError, exit code 2, for one that is not
    there, and for one that is no active member of staff with the right, if one is asked for."""
    if not name:
        return None
    found = [account.user for account in accounts.of_identifier(name) if accounts.name_of(account.user) == name]
    if len(found) != 1:
        raise CommandError(f"There is no account {name!r} that could be the --actor.", returncode=2)
    actor: Any = found[0]
    if not (actor.is_active and getattr(actor, "is_staff", False) and (not right or actor.has_perm(right))):
        needed = f" with the right {right}" if right else ""
        raise CommandError(f"{name!r} is no active member of staff{needed}.", returncode=2)
    return found[0]


def system_user() -> str:
    """Under which account of the machine this process runs, for the trail: whoever names no ``--actor`` was that one.
    Not as the environment says, which anybody may write."""
    try:
        from pwd import getpwuid
    except ImportError:  # Windows
        return os.getlogin()
    try:
        return getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's number without a name
        return str(os.geteuid())


def key_meant(identifier: str, actor: AbstractBaseUser | None = None) -> str:
    """The key of the one account that a user name, an address or a key means, there or gone. Raises CommandError, exit
    code 1 for nobody, as is somebody whom ``actor`` does not reach, and 2 for several: what was typed may be a person's
    name, and goes no further."""
    viewer = Viewer(actor) if actor else None
    keys = {account.key for account in accounts.of_identifier(identifier)}
    found = {key for key in keys if viewer is None or viewer.reaches([key])}
    if len(found) > 1:
        raise CommandError("That means several accounts: give the key of one.", returncode=2)
    user = accounts.by_key(identifier)
    key = found.pop() if found else accounts.key_of(user) if user else privacy.key_of_gone(identifier)
    if not key or (viewer and not viewer.reaches([key])):
        raise CommandError("That means no account: give its key.", returncode=1)
    return key


def person_meant(
    identifier: str, names: Iterable[str] = (), *, actor: AbstractBaseUser | None = None
) -> privacy.Person:
    """Whom ``key_meant`` finds, with all that is known of them; ``names``: further ones of an account that is gone."""
    key = key_meant(identifier, actor)
    user = accounts.by_key(key)
    return privacy.of_user(user) if user else privacy.of_key(key, names)
