"""Notices of what was changed: password, main address, backup addresses, and a password that was ended."""

from collections.abc import Sequence

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import accounts, audiences, objections, outbox
from recovery.conf import conf
from recovery.models import AddressCorrection, BackupAddress, Email, ResetRequest
from recovery.notices.copies import compose, door_of, moment
from recovery.objections import OFFERED
from recovery.origin import Origin, shortened
from recovery.reasons import BackupState, EmailKind


def password_changed(
    user: AbstractBaseUser,
    *,
    request: ResetRequest | None = None,
    origin: Origin,
    backups: Sequence[str] | None = None,
    is_first: bool = False,
    audience: str = "",
) -> list[Email]:
    """Compose a notice to every verified address of ``user`` (NIST SP 800-63B-4 section 4.6) and to its backup
    addresses, for ``outbox.write``. ``is_first``: there was no password before. ``request``: whose link it was;
    ``backups``: for a caller that has read them; ``audience``: the door at which it was done."""
    return compose(
        EmailKind.PASSWORD_CHANGED,
        user,
        origin=origin,
        facts={"changed_at": moment(), "is_first": is_first},
        backups=backups,
        request=request,
        audience=audience,
    )


def backup_code(backup: BackupAddress, *, origin: Origin) -> list[Email]:
    """Queue the mail with the code that proves ``backup``; it leaves while the code works. It may have the language of
    their page: whoever asked reads it."""
    user = accounts.by_key(backup.user_key) if conf.AUDIENCES else None
    return outbox.queue(
        EmailKind.BACKUP_CODE,
        [backup.address],
        send_by=backup.code_until,
        user_key=backup.user_key,
        audience=door_of(user) if user else audiences.DEFAULT,
        language=origin.language,
        context={"backup": str(backup.pk), "code_salt": backup.code_salt},
    )


def backup_changed(user: AbstractBaseUser, *, origin: Origin, removed: BackupAddress | None = None) -> list[Email]:
    """Queue a notice that a backup address was added, or that this one was removed; none names it.

    One that was removed although links could go to it is told, too, and has nothing to object: it says nothing for the
    account any more.
    """
    facts = {"changed_at": moment(), "removed": removed is not None}
    emails = compose(EmailKind.BACKUP_CHANGED, user, origin=origin, facts=facts)
    outbox.write(emails)
    if removed is not None and removed.state == BackupState.USABLE and user.is_active:
        emails += outbox.queue(
            EmailKind.BACKUP_CHANGED,
            [removed.address],
            user_key=removed.user_key,
            audience=door_of(user),
            context={**facts, "was_this": True, "browser": origin.browser, "ip": shortened(origin.ip)},
        )
    return emails


def address_changed(
    user: AbstractBaseUser, *, old: str, new: str, origin: Origin | None = None, audience: str = ""
) -> list[Email]:
    """Queue a notice to the old address, to the new one, and to all others of the account; none shows another.

    The old one may object, for whoever takes an account over changes its address first; the new one may not: it can be
    a stranger's, by a slip. Inactive people get none.
    """
    origin = origin or Origin()
    emails: list[Email] = []
    if not user.is_active:
        return emails
    facts = {"changed_at": moment(), "browser": origin.browser}
    for address, is_old in ((old, True), (new, False)):
        if address:
            emails += outbox.queue(
                EmailKind.ADDRESS_CHANGED,
                [address],
                user_key=accounts.key_of(user),
                audience=door_of(user, audience),
                context={**facts, "old": is_old, "ip": shortened(origin.ip), OFFERED: is_old},
            )
    others = compose(
        EmailKind.ADDRESS_CHANGED,
        user,
        origin=origin,
        facts={**facts, "other": True},
        but_for=[old, new],
        audience=audience,
    )
    outbox.write(others)
    return emails + others


def address_proposed(user: AbstractBaseUser, correction: AddressCorrection) -> list[Email]:
    """Queue a notice that staff want to change the address: to the one that the account has, and to all others of it
    but the new one; none shows another. Whoever reads one may object. Inactive people get none."""
    if not user.is_active:
        return []
    old, new = correction.old_address, correction.new_address
    until = moment(correction.effective_at) if correction.effective_at else None
    facts = {
        "happened_at": moment(correction.proposed_at), "until": until, "correction": str(correction.pk), "browser": ""
    }  # fmt: skip
    emails: list[Email] = []
    if old:
        emails += outbox.queue(
            EmailKind.ADDRESS_PROPOSED,
            [old],
            user_key=correction.user_key,
            audience=door_of(user),
            context={**facts, "username": accounts.name_of(user), OFFERED: True},
        )
    others = compose(EmailKind.ADDRESS_PROPOSED, user, origin=Origin(), facts=facts, but_for=[old, new])
    outbox.write(others)
    return emails + others


def rotation_forced(
    user: AbstractBaseUser, *, mailed: Sequence[str], by_person: bool, audience: str = ""
) -> list[Email]:
    """Compose a notice for ``outbox.write`` that the password of ``user`` was ended and a new one is needed.

    ``mailed``: where the mail with the link goes, which says so itself. Nobody can object to it: what an objection
    leads to has just been done. ``by_person``: somebody had said "this was not me".
    """
    return compose(
        EmailKind.ROTATION_FORCED,
        user,
        origin=Origin(),
        facts={
            "changed_at": moment(),
            "by_person": by_person,
            "is_disputed": objections.is_disputed(accounts.key_of(user)),
        },
        may_object=False,
        but_for=mailed,
        audience=audience,
    )
