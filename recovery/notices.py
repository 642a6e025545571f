"""Mail that follows a security event. Goes to verified addresses; carries no link that changes anything."""

from collections.abc import Sequence

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from recovery import accounts, outbox
from recovery.models import Email, ResetRequest
from recovery.origin import Origin
from recovery.reasons import EmailKind


def password_changed(user: AbstractBaseUser, *, request: ResetRequest, origin: Origin) -> list[Email]:
    """Compose a notice to every verified address of ``user`` (NIST SP 800-63B-4 section 4.6), for ``outbox.write``."""
    return outbox.compose(
        EmailKind.PASSWORD_CHANGED,
        accounts.of_user(user).verified_addresses,
        user_key=accounts.key_of(user),
        request=request,
        audience=request.audience,
        language=request.language,
        context={
            "username": user.get_username(),
            "changed_at": timezone.now().isoformat(),
            "browser": origin.browser,
            "asked_at": None,
        },
    )


def address_changed(user: AbstractBaseUser, *, old: str, new: str) -> list[Email]:
    """Queue a notice to the old and to the new address; neither shows the other. Inactive people get none."""
    emails: list[Email] = []
    if not user.is_active:
        return emails
    copies: Sequence[tuple[str, bool]] = ((old, True), (new, False))
    for address, is_old in copies:
        if address:
            emails += outbox.queue(
                EmailKind.ADDRESS_CHANGED,
                [address],
                user_key=accounts.key_of(user),
                context={"changed_at": timezone.now().isoformat(), "old": is_old},
            )
    return emails
