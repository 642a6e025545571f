"""The link and the code with which a person says over a notice that it was not them: made, found, judged, counted.

Both are HMACs of the notice's key under SECRET_KEY, each of its own purpose, derived when the mail is rendered; no row,
log or task has them. The link alone changes nothing, for mail scanners open links and submit forms: the code stands in
the mail beside it, and a person types it. What follows is decided in ``resets.objecting``.
"""

import base64
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, codes
from recovery.addresses import normalise
from recovery.conf import secret_keys
from recovery.models import AccountState, AddressCorrection, BackupAddress, Email, Objection, ResetToken
from recovery.models.rows import columns, read
from recovery.reasons import CorrectionState, EmailKind, Refusal, TokenState

LIFE: Final = timedelta(days=7)  # from the notice on; who is away for a week must still be able to say so
MOST_TRIES: Final = 5  # at the code of one notice
DISPUTE: Final = timedelta(days=30)  # for support to find out whose account it is
MOST_OPENINGS: Final = 100  # past this a scanner's openings are no longer written down
OFFERED: Final = "may_object"
"""In the context of a mail that has link and code: not of a copy for whom there is nothing to object to."""

_LINK: Final = "recovery.objections.link"
_CODE: Final = "recovery.objections.code"


def is_offered(email: Email) -> bool:
    """Whether this mail brings link and code."""
    return bool(email.user_key and email.context.get(OFFERED))


@sensitive_variables()
def verifier_of(email: Email) -> str:
    """The link's secret, 256 bits, to be put into the mail and forgotten."""
    return _derive(email, secret_keys()[0])


@sensitive_variables()
def code_of(email: Email) -> str:
    """The code, to be put into the mail and forgotten."""
    return codes.derived(_CODE, str(email.pk))


@sensitive_variables("verifier")
def find(key: UUID, verifier: str) -> Email | None:
    """The notice of this link, whether it can still be answered or not; None when key or secret is wrong. Links of
    before a change of SECRET_KEY count as long as the old one is a fallback."""
    email = Email.objects.select_related("request").filter(pk=key).first()
    if email is None or not is_offered(email):
        return None
    given = verifier.encode("utf-8", "surrogatepass")
    return email if any(constant_time_compare(_derive(email, each), given) for each in secret_keys()) else None


def refusal(email: Email, user: AbstractBaseUser | None) -> Refusal | None:
    """Why nothing follows from this notice's link now, or None. Four statements at most."""
    answered = Objection.objects.filter(email=email).first()
    if answered and answered.confirmed_at:
        return Refusal.USED
    if email.queued_at + LIFE <= timezone.now():
        return Refusal.EXPIRED
    if user is None or not user.is_active:
        return Refusal.INACTIVE
    if answered and answered.try_count >= MOST_TRIES:
        return Refusal.TOO_OFTEN
    if _was_reset_since(email):
        return Refusal.CREDENTIALS_CHANGED
    return None if _reaches(email, user) else Refusal.REVOKED


@sensitive_variables("typed")
def is_right(email: Email, typed: str) -> bool:
    """Whether this is the notice's code. Asked only after ``take_try``."""
    return codes.is_derived(_CODE, str(email.pk), typed)


def take_try(email: Email) -> bool:
    """Count a try at the code in the caller's transaction, before it is judged: guesses at the same moment cannot share
    one. False when there is none left, or somebody else confirmed it meanwhile."""
    left = _row(email).filter(confirmed_at=None, try_count__lt=MOST_TRIES)
    return bool(left.update(try_count=F("try_count") + 1))


def take_opening(email: Email) -> bool:
    """Count an opening in the caller's transaction; False past as many as are written down."""
    return bool(_row(email).filter(open_count__lt=MOST_OPENINGS).update(open_count=F("open_count") + 1))


def confirm(email: Email) -> bool:
    """Note in the caller's transaction, which holds the account, that the person said so. False where another notice
    of what had happened by then was confirmed after this one was queued: what follows has followed. One over an address
    that was proposed ended no password, so it does not count."""
    same = Objection.objects.filter(user_key=email.user_key, confirmed_at__gte=email.queued_at).exclude(
        email__kind=EmailKind.ADDRESS_PROPOSED
    )
    is_first = not same.exists()
    _row(email).update(confirmed_at=timezone.now())
    return is_first


def stops_a_change(email: Email) -> bool:
    """Whether this notice tells of an address that staff proposed, and the account does not have it: then its code ends
    the proposal and no password."""
    if email.kind != EmailKind.ADDRESS_PROPOSED:
        return False
    done = AddressCorrection.objects.filter(pk=email.context["correction"], state=CorrectionState.DONE)
    return not done.exists()


def dispute(user_key: str) -> None:
    """Note in the caller's transaction that a change of the address is said not to be the person's."""
    AccountState.objects.bulk_create(
        [AccountState(user_key=user_key, disputed_at=timezone.now())],
        update_conflicts=True,
        unique_fields=["user_key"],
        update_fields=["disputed_at"],
    )


def disputed() -> "models.QuerySet[AccountState]":
    """The accounts of which ``is_disputed`` is true, to be asked about by many at once."""
    used = ResetToken.objects.filter(
        user_key=OuterRef("user_key"), state=TokenState.USED, ended_at__gte=OuterRef("disputed_at")
    )
    return AccountState.objects.filter(~Exists(used), disputed_at__gt=timezone.now() - DISPUTE)


def is_disputed(user_key: str) -> bool:
    """Whether no link is mailed on the account's own ask: it would go to the address in question. Over when a new
    password was set over a link that staff sent."""
    sql = f"SELECT {columns(AccountState)} FROM {AccountState._meta.db_table} WHERE user_key = %s"
    disputed_at = next((state.disputed_at for state in read(AccountState, sql, [user_key])), None)
    if disputed_at is None or disputed_at + DISPUTE <= timezone.now():
        return False
    used = ResetToken.objects.filter(user_key=user_key, state=TokenState.USED, ended_at__gte=disputed_at)
    return not used.exists()


def _row(email: Email) -> "models.QuerySet[Objection]":
    Objection.objects.get_or_create(email=email, defaults={"user_key": email.user_key})
    return Objection.objects.filter(email=email)


def _was_reset_since(email: Email) -> bool:
    """Whether the person chose a new password over a link after this notice: the link that it tells of ended before. A
    password that was changed otherwise ends no notice: the thief could have changed it. Nor does a link that went to a
    changed address end what the former one has to say of the change, and a proposed one no password at all."""
    if email.kind == EmailKind.ADDRESS_PROPOSED:
        return False
    used = ResetToken.objects.filter(user_key=email.user_key, state=TokenState.USED, ended_at__gt=email.queued_at)
    if email.kind == EmailKind.ADDRESS_CHANGED:
        return email.recipient_key in {normalise(address)[:254] for address in used.values_list("address", flat=True)}
    return used.exists()


def _reaches(email: Email, user: AbstractBaseUser) -> bool:
    """A backup address that was removed says nothing any more. A former main one does: who takes an account over may
    change it first."""
    if not email.context.get("to_backup"):
        return True
    own = {normalise(address)[:254] for address in accounts.of_user(user).verified_addresses}
    same = BackupAddress.objects.filter(user_key=email.user_key, address_key=email.recipient_key)
    return email.recipient_key in own or same.usable().exists()


@sensitive_variables()
def _derive(email: Email, key: str) -> str:
    mac = salted_hmac(_LINK, str(email.pk), secret=key, algorithm="sha256")
    return base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()
