"""What follows when the address of an account was changed: by staff, or by the person on a form of the site's own."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _

from recovery import accounts, audit, notices, outbox, suppressions, tokens
from recovery.exceptions import NotAllowed
from recovery.models import ResetRequest
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action
from recovery.resets.staff import check_scope


def address_changed(
    user: AbstractBaseUser,
    *,
    old: str,
    new: str,
    actor: AbstractBaseUser | None = None,
    reason: str = "",
    origin: Origin | None = None,
    audience: str = "default",
) -> int:
    """Follow up a changed address: open links die, the old and the new address and all others are told, what stopped
    mail to the new one is lifted, the trail has it.

    For a site's own form to call once it has saved the change; without ``actor`` the person did it, and ``origin`` says
    where from. Runs in the caller's transaction if there is one, so that it holds with the change or not at all.
    Returns how many links ended.
    """
    user_key, actor_key = accounts.key_of(user), accounts.key_of(actor) if actor else ""
    with atomic(ResetRequest):
        ended = tokens.revoke(user_key)
        suppressions.address_changed(new, actor_key=actor_key)
        emails = notices.address_changed(user, old=old, new=new, origin=origin, audience=audience)
        audit.record(
            Action.ADDRESS_CHANGED,
            actor_key=actor_key,
            user_key=user_key,
            reason=reason,
            links_ended=ended,
            told=len(emails),
        )
    outbox.ring(emails)
    return ended


def correct_address(user: Any, address: str, *, actor: Any, reason: str) -> int:
    """Store the right address of an account, and follow that up as ``address_changed`` does; returns how many links
    ended. In one commit.

    Raises NotAllowed out of the actor's scope, for a frozen address unless the actor may force rotations, and where the
    address was changed meanwhile.
    """
    check_scope(actor, user, reason=reason)
    field = accounts.email_field()
    old, actor_key = str(getattr(user, field) or ""), accounts.key_of(actor)
    if accounts.addresses_are_frozen(user) and not actor.has_perm("recovery.force_rotation"):
        audit.record(
            Action.STAFF_REFUSED, actor_key=actor_key, user_key=accounts.key_of(user), reason=reason, by="frozen"
        )
        raise NotAllowed(
            _("A new password was forced a short while ago: the address stays. Ask somebody who may force passwords.")
        )
    with atomic(ResetRequest):
        if not accounts.replace_address(user, old=old, new=address):
            raise NotAllowed(_("The address was changed meanwhile. Look at it again."))
        return address_changed(user, old=old, new=address, actor=actor, reason=reason)
