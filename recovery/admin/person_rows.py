"""The newest rows of ours about one account, as far as a viewer may read them and reaches whom they concern.

How they are shown stands in ``persons``. A bounded number of statements, each by an index.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Model, QuerySet

from recovery import accounts, suppressions
from recovery.addresses import normalise
from recovery.admin.finding import of_accounts
from recovery.admin.viewers import Viewer
from recovery.models import (
    AuditEvent,
    BackupAddress,
    Email,
    Lockout,
    ResetRequest,
    RotationMember,
    SupportCase,
    Suppression,
)
from recovery.models.requests import asked_as
from recovery.timelines.people import OF_ACCOUNT

MOST: Final = 20
"""Of each kind: the newest. The lists have the rest."""


@dataclass(slots=True)
class PersonRows:
    """What there is of one account. ``others`` are rows of further models, in the order in which a page shows them."""

    key: str
    user: AbstractBaseUser | None
    requests: list[ResetRequest] = field(default_factory=list)
    emails: list[Email] = field(default_factory=list)
    trail: list[AuditEvent] = field(default_factory=list)
    others: dict[type[Model], list[Any]] = field(default_factory=dict)
    addresses: list[accounts.Address] = field(default_factory=list)

    @property
    def is_nobody(self) -> bool:
        """Neither an account nor a row of one that is gone."""
        return self.user is None and not any([self.requests, self.emails, self.trail, *self.others.values()])


def of_person(key: str, viewer: Viewer, site: admin.AdminSite) -> PersonRows:
    """The rows of an account that the viewer reaches; which of them may be read is asked of the viewer's rights."""
    user = viewer.person(key)
    found = PersonRows(key, user)
    found.addresses = list(accounts.of_user(user).addresses) if user else []
    found.requests = _reached(ResetRequest, _requests(found), viewer, site)
    found.emails = _reached(Email, _emails(found), viewer, site)
    for model, rows in _others(found).items():
        found.others[model] = _reached(model, rows, viewer, site)
    if viewer.may_view("auditevent"):
        told = AuditEvent.objects.filter(user_key=key, action__in=OF_ACCOUNT).exclude(user_key="")
        found.trail = list(told.order_by("-occurred_at")[: 2 * MOST])
    return found


def _reached(model: type[Model], rows: Iterable[Any], viewer: Viewer, site: admin.AdminSite) -> list[Any]:
    """As that model's own list would show them; none where this admin site has no such list."""
    if not (viewer.may_view(str(model._meta.model_name)) and site.is_registered(model)):
        return []
    pages: Any = site.get_model_admin(model)
    reached: list[Any] = pages.reached(list(rows), viewer)
    return reached


def _requests(found: PersonRows) -> "QuerySet[ResetRequest]":
    """Decided on or asked for, and what waits for a decision under one of the person's names."""
    names = {address.text for address in found.addresses}
    names |= {accounts.name_of(found.user)} if found.user else set()
    waiting = ResetRequest.objects.filter(asked_as(names - {""}), decided_at=None).order_by("-pk")
    keys = set(chain(waiting.values_list("pk", flat=True)[:MOST], *of_accounts(found.key)))
    return ResetRequest.objects.filter(pk__in=keys).order_by("-pk").prefetch_related("decisions")[:MOST]


def _emails(found: PersonRows) -> list[Email]:
    """To the account alone, and to several accounts of one address by the same request."""
    log = Email.objects.select_related("request")
    own = log.filter(user_key=found.key).order_by("-queued_at")[:MOST]
    shared = log.filter(request_id__in=[request.pk for request in found.requests], user_key="")
    return sorted(chain(own, shared[:MOST]), key=lambda email: email.queued_at, reverse=True)[:MOST]


def _others(found: PersonRows) -> dict[type[Model], Iterable[Any]]:
    """Suppressions are those that nobody lifted, of the account's addresses and of those that were mailed for it."""
    key = found.key
    mailed = {normalise(address.text) for address in found.addresses} | {one.recipient_key for one in found.emails}
    stopped = suppressions.kept_as(mailed)
    return {
        Lockout: Lockout.objects.filter(user_key=key).exclude(user_key="").order_by("-pk")[:MOST],
        SupportCase: SupportCase.objects.filter(user_key=key).select_related("request").order_by("-opened_at")[:MOST],
        Suppression: Suppression.objects.filter(address_key__in=stopped, lifted_at=None).order_by("-since")[:MOST],
        BackupAddress: BackupAddress.objects.filter(user_key=key)[:MOST],
        RotationMember: RotationMember.objects.placed()
        .filter(user_key=key)
        .select_related("request", "rotation")
        .order_by("-pk")[:MOST],
    }
