"""Who is told, and what each copy may say: one for each verified address, one for each backup address that has waited.

What goes to a backup address tells neither the main address, nor a user name that is an address, nor a full client
address: who reads that mailbox need not be the person. None has the language of the page at which it happened: that
may have been somebody else's page.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from recovery import accounts, audiences, outbox
from recovery.addresses import normalise
from recovery.models import BackupAddress, Email, ResetRequest
from recovery.objections import OFFERED
from recovery.origin import Origin, shortened
from recovery.reasons import EmailKind


def compose(
    kind: EmailKind,
    user: AbstractBaseUser,
    *,
    origin: Origin,
    facts: Mapping[str, Any],
    may_object: bool = True,
    backups: Sequence[str] | None = None,
    but_for: Sequence[str] = (),
    request: ResetRequest | None = None,
    audience: str = "",
) -> list[Email]:
    """A notice to everybody but ``but_for``, for ``outbox.write``; nobody where the account is inactive.

    ``backups``: usable ones, for a caller that has read them. ``may_object``: whether the copies bring link and code to
    say "this was not me". ``audience``: the door at which it happened; without one, that of the account.
    """
    if not user.is_active:
        return []
    account = accounts.of_user(user)
    if backups is None:
        usable = BackupAddress.objects.filter(user_key=account.key).usable()
        backups = list(usable.values_list("address", flat=True))
    told = {normalise(address) for address in but_for}
    copies: Sequence[tuple[Sequence[str], dict[str, Any]]] = (
        (account.verified_addresses, {"username": accounts.name_of(user), "ip": origin.place}),
        (backups, {"username": account.public_name, "ip": shortened(origin.ip), "to_backup": True}),
    )
    emails: list[Email] = []
    for addresses, own in copies:
        new = [address for address in addresses if normalise(address) not in told]
        told |= {normalise(address) for address in new}
        emails += outbox.compose(
            kind,
            new,
            user_key=account.key,
            request=request,
            audience=door_of(user, audience),
            context={"browser": origin.browser, "asked_at": None, OFFERED: may_object, **facts, **own},
        )
    return emails


def door_of(user: AbstractBaseUser, happened_at: str = "") -> str:
    """The door whose mail a notice to this account is: where it happened, if there still is such a one."""
    return happened_at if happened_at in audiences.names() else audiences.of(user)


def moment(at: datetime | None = None) -> str:
    """A moment as a mail's context holds it; now, unless it is given."""
    return (at or timezone.now()).isoformat()
