"""Which rows a search of staff means: by recipient, message id, reference or account key, each by an index."""

import re
from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

from recovery.addresses import normalise
from recovery.admin.readonly import MOST_FOUND
from recovery.admin.viewers import Viewer
from recovery.models import AuditEvent, Decision, Email

SHORTEST_PREFIX: Final = 3
MOST_BEGUN: Final = 200  # mails to addresses that begin so: who sees more of them than four pages types a letter more
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
        begun = Email.objects.filter(recipient_key__gte=key, recipient_key__lt=key + "\U0010ffff")
    else:
        begun = Email.objects.filter(recipient_key__startswith=key)
    return Email.objects.filter(pk__in=begun.order_by().values("pk")[:MOST_BEGUN]).order_by()


def meant(term: str, viewer: Viewer) -> "list[QuerySet[Email]]":
    """Emails that a search means by recipient, by the provider's message id and by ours; one index each."""
    by_provider = Email.objects.filter(esp_message_id=term.strip("<>")).exclude(esp_message_id="")
    own = uuid_in(term)
    return [
        mailed_to(term, viewer),
        by_provider.order_by("-queued_at"),
        Email.objects.filter(pk=own) if own else Email.objects.none(),
    ]


def of_accounts(key: str) -> list["QuerySet[Any, Any]"]:
    """Ids of the requests that concern an account: where it was decided on, and where staff asked for it."""
    decided = Decision.objects.filter(user_key=key).order_by("-decided_at").values_list("request_id", flat=True)
    noted = (
        AuditEvent.objects.filter(user_key=key).exclude(user_key="").exclude(request_id=None).order_by("-occurred_at")
    )
    return [decided[:MOST_FOUND], noted.values_list("request_id", flat=True)[:MOST_FOUND]]
