"""What follows when the address of an account was changed: by staff, or by the person on a form of the site's own.

How staff come to change one stands in ``correcting``.
"""

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import accounts, audit, notices, outbox, suppressions, tokens
from recovery.models import ResetRequest
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action


def address_changed(
    user: AbstractBaseUser,
    *,
    old: str,
    new: str,
    actor: AbstractBaseUser | None = None,
    reason: str = "",
    origin: Origin | None = None,
    audience: str = "",
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
        suppressions.address_changed(new, user_key=user_key, actor_key=actor_key)
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
