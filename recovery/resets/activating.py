"""The first password: links for people who never joined, and accounts that staff make active.

Somebody has joined as soon as the account has a password or was signed in to. Until then there is nothing to take
over, so their link may live for days; from then on it is dead, and a reset is the way.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import router, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from recovery import accounts, audit, bell, tokens
from recovery.conf import conf
from recovery.gates import invited
from recovery.models import ResetRequest, ResetToken
from recovery.models.emails import FINAL_FAILURES
from recovery.models.primary import atomic
from recovery.origin import Origin
from recovery.reasons import Action, Kind, Outcome, TokenState
from recovery.resets import staff

SEND_BY: Final = timedelta(hours=24)  # nobody sits and waits for it: an outage of the provider must not lose it
BATCH: Final = 500


def activate(
    user: AbstractBaseUser,
    *,
    actor: AbstractBaseUser | None = None,
    reason: str = "",
    origin: Origin | None = None,
    audience: str = "",
) -> ResetRequest:
    """Send ``user``, who has no password yet, a link to choose one. Right after creating somebody, or again later.

    Runs in the caller's transaction if there is one: if that is rolled back, nothing is sent, and a worker is rung for
    after it commits. Where this app's rows are in another database than the users, call it after the commit. The
    worker decides, and its decision says why there was no mail: inactive people are never mailed, and whoever
    has a password or has signed in is not activated. Without ``actor`` it is the site that asks, and the account's
    cool-down and hourly cap hold; staff pass them, and have a cap and a scope of their own: raises NotAllowed.
    ``audience``: a door for the link; without one, that of the account by then. Raises Misconfigured for one that does
    not exist.
    """
    request = staff.request_of(
        user, kind=Kind.ACTIVATION, actor=actor, reason=reason, origin=origin or Origin(), audience=audience
    )
    if actor:
        return staff.write_for(request, user, actor=actor)
    with atomic(ResetRequest):
        request = staff.written(request, at=timezone.now())
    bell.ring("recovery.fulfil_reset", request.pk)
    return request


def never_joined() -> Iterator[AbstractBaseUser]:
    """Active people who were to get an activation link, have not joined, and have no mail whose link still works. Two
    statements for five hundred."""
    came = ResetToken.objects.filter(email__handed_over_at__isnull=False).exclude(email__state__in=FINAL_FAILURES)
    works = came.filter(user_key=OuterRef("user_key"), purpose=tokens.ACTIVATION, state=TokenState.LIVE)
    waiting = invited().exclude(Exists(works.filter(expires_at__gt=Now())))
    keys, last = waiting.order_by("user_key").values_list("user_key", flat=True).distinct(), ""
    while batch := list(keys.filter(user_key__gt=last)[:BATCH]):
        last = batch[-1]
        for user in accounts.by_keys(batch).values():
            if user.is_active and not accounts.has_joined(user):
                yield user


def activate_account(user: AbstractBaseUser, *, actor: AbstractBaseUser, reason: str) -> bool:
    """Make an inactive account active, on the trail, in one commit; False if it is active already. From then on the
    person may be mailed. By itself this sends nothing; with ``ACTIVATE_NEW_USERS``, whoever was created inactive under
    it and never joined gets the link now. Raises NotAllowed out of the actor's scope, and for who may do more than the
    actor."""
    staff.check_scope(actor, user, reason=reason)
    staff.check_rank(actor, user, reason=reason)
    with atomic(ResetRequest):
        if not accounts.make_active(user):
            return False
        audit.record(
            Action.ACCOUNT_ACTIVATED,
            actor_key=accounts.key_of(actor),
            user_key=accounts.key_of(user),
            reason=reason,
        )
    return True


def user_saved(sender: type[Any], instance: Any, created: bool, raw: bool, using: str, **kwargs: Any) -> None:
    """Receiver of ``post_save``: with ``ACTIVATE_NEW_USERS``, activate whoever is created without a password.

    The request is written in the transaction that creates the person, if one runs: neither comes without the other.
    Of somebody inactive it says so and sends nothing; they are activated when they become active, if they were created
    under this setting. Neither ``bulk_create`` nor a fixture comes here.
    """
    if raw or not isinstance(instance, get_user_model()) or not conf.ACTIVATE_NEW_USERS:
        return
    if accounts.has_joined(instance) or not (created or instance.is_active):
        return
    if using == router.db_for_write(ResetRequest):
        _activate_if_due(instance, created=created)
    else:
        transaction.on_commit(partial(_activate_if_due, instance, created=created), using=using, robust=True)


def _activate_if_due(user: AbstractBaseUser, *, created: bool) -> None:
    asked = ResetRequest.objects.filter(kind=Kind.ACTIVATION, user_key=accounts.key_of(user))
    last = asked.order_by("-pk").values_list("outcome", flat=True).first()
    is_due = last is None if created else last == Outcome.INACTIVE
    if is_due:
        activate(user)
