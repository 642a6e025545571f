"""Mail that follows a security event. Goes to verified addresses; carries no link that changes anything."""

from collections.abc import Sequence

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils import timezone

from recovery import accounts, outbox
from recovery.models import BackupAddress, Email, ResetRequest
from recovery.origin import Origin
from recovery.reasons import EmailKind


def password_changed(
    user: AbstractBaseUser,
    *,
    request: ResetRequest,
    origin: Origin,
    backups: Sequence[str] = (),
    is_first: bool = False,
) -> list[Email]:
    """Compose a notice to every verified address of ``user`` (NIST SP 800-63B-4 section 4.6) and to those of its
    ``backups``, for ``outbox.write``. What goes to a backup address does not tell the main one. ``is_first``: there was
    no password before."""
    account = accounts.of_user(user)
    copies = ((account.verified_addresses, user.get_username()), (backups, account.public_name))
    return [
        email
        for addresses, username in copies
        for email in outbox.compose(
            EmailKind.PASSWORD_CHANGED,
            addresses,
            user_key=account.key,
            request=request,
            audience=request.audience,
            language=request.language,
            context={
                "username": username,
                "changed_at": timezone.now().isoformat(),
                "browser": origin.browser,
                "asked_at": None,
                "is_first": is_first,
            },
        )
    ]


def backup_code(backup: BackupAddress, *, origin: Origin) -> list[Email]:
    """Queue the mail with the code that proves ``backup``; it leaves while the code works."""
    return outbox.queue(
        EmailKind.BACKUP_CODE,
        [backup.address],
        send_by=backup.code_until,
        user_key=backup.user_key,
        language=origin.language,
        context={"backup": str(backup.pk), "code_salt": backup.code_salt},
    )


def backup_changed(user: AbstractBaseUser, *, removed: bool, origin: Origin) -> list[Email]:
    """Queue a notice to every verified address that a backup address was added or removed; it does not name it."""
    return outbox.queue(
        EmailKind.BACKUP_CHANGED,
        accounts.of_user(user).verified_addresses,
        user_key=accounts.key_of(user),
        language=origin.language,
        context={"changed_at": timezone.now().isoformat(), "removed": removed, "browser": origin.browser},
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
