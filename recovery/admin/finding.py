"""Which rows a search of staff means: by recipient, message id, reference or account key, each by an index."""

import re
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

from recovery.addresses import normalise
from recovery.admin.readonly import MOST_FOUND
from recovery.admin.viewers import Viewer
from recovery.diagnosis.subjects import IS_NAMED, has_message_id
from recovery.models import AuditEvent, Decision, Email, ResetRequest
from recovery.models.requests import begun_reference

SHORTEST_PREFIX: Final = 3
MOST_BEGUN: Final = 200  # rows that begin so: who sees more of them than four pages types a letter more
_LAST: Final = "\U0010ffff"
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def uuid_in(term: str) -> UUID | None:
    """The id in what was pasted: bare, or within a Message-ID of ours."""
    found = _UUID.search(term)
    return UUID(found[0]) if found else None


def mailed_to(term: str, viewer: Viewer) -> "QuerySet[Email]":
    """Emails to an address, newest first; to addresses that begin so, where the viewer may see them anyway."""
    key = normalise(term)
    exact = Email.objects.filter(recipient_key=key).order_by("-queued_at")
    if not viewer.sees_addresses or len(key) < SHORTEST_PREFIX or exact.exists():
        return exact
    if connections[exact.db].vendor == "sqlite":  # its LIKE ignores the index, a range uses it
        begun = Email.objects.filter(recipient_key__gte=key, recipient_key__lt=key + _LAST)
    else:
        begun = Email.objects.filter(recipient_key__startswith=key)
    return _newest(begun)


def referred_to(term: str) -> "QuerySet[ResetRequest]":
    """Requests of this reference, or of those that begin so."""
    reference = begun_reference(term)
    if not reference:
        return ResetRequest.objects.none()
    return _newest(ResetRequest.objects.filter(reference__gte=reference, reference__lt=reference + _LAST))


def _newest(begun: "QuerySet[Any]") -> "QuerySet[Any]":
    """The newest of what an index finds, as far as that is looked through; keys are in the order of time."""
    keys = sorted(begun.order_by().values_list("pk", flat=True)[:MOST_FOUND], reverse=True)
    newest: QuerySet[Any] = begun.model._default_manager.filter(pk__in=keys[:MOST_BEGUN])
    return newest.order_by()


def meant(term: str, viewer: Viewer) -> "list[QuerySet[Email]]":
    """Emails that a search means by recipient, by the provider's message id and by ours; one index each."""
    own, bare = uuid_in(term), term.strip("<>")
    begun = [bare, f"<{bare}"] if len(bare) >= SHORTEST_PREFIX else []  # some are kept in their angle brackets
    named = Email.objects.filter(IS_NAMED)
    return [
        mailed_to(term, viewer),
        Email.objects.filter(has_message_id(term)).order_by("-queued_at"),
        *(_newest(named.filter(esp_message_id__gte=each, esp_message_id__lt=each + _LAST)) for each in begun),
        Email.objects.filter(pk=own) if own else Email.objects.none(),
    ]


def of_accounts(key: str) -> list["QuerySet[Any, Any]"]:
    """Ids of the requests that concern an account: where it was decided on, and where staff asked for it."""
    decided = Decision.objects.filter(user_key=key).order_by("-decided_at").values_list("request_id", flat=True)
    noted = (
        AuditEvent.objects.filter(user_key=key).exclude(user_key="").exclude(request_id=None).order_by("-occurred_at")
    )
    return [decided[:MOST_FOUND], noted.values_list("request_id", flat=True)[:MOST_FOUND]]
