"""Everything that is held about one person, as JSON: the copy that GDPR Article 15(3) gives them.

No secret is in it, nor what opens or names one; of staff only that it was staff. What others said of the person, in
reasons and notes, is about the person, and is in it.
"""

import re
from datetime import date, timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Field, Model
from django.utils import timezone

from recovery import accounts, audit
from recovery.conf import conf
from recovery.models import CaseNote, Email, EmailEvent, ResetRequest
from recovery.privacy import rows
from recovery.privacy.people import Person
from recovery.reasons import Action

SECRET: Final = frozenset(
    {
        "selector", "digest", "fingerprint", "code_salt", "salt", "hashed_as", "known_as", "dedupe_key", "lease_owner",
        "counter_key", "address_key", "recipient_key",
    }
)  # fmt: skip
"""What stands for a secret, or only for us."""
STAFF: Final = frozenset(
    {"actor_key", "proposed_by", "proposer_key", "decider_key", "lifter_key", "assigned_to", "closed_by", "switched_by"}
)
_INNER: Final = re.compile(r"lease_|next_try_at|attempt_count|strike_count|doubt_count|claimed_at|priority")
"""How work is shared among workers: about no person."""


def export(person: Person) -> dict[str, Any]:
    """One JSON document: whose, made when, what is kept how long, and every row. Reads only."""
    user = accounts.by_key(person.key)
    return {
        "account": {
            "key": person.key,
            "user_name": accounts.name_of(user) if user else None,
            "names": sorted(person.names),
        },
        "made_at": timezone.now().isoformat(),
        "kept_for_days": {kind: age / timedelta(days=1) if age else None for kind, age in conf.RETENTION.items()},
        "held": {
            **{kind: [_told(row, person) for row in of(person)] for kind, of in rows.KINDS.items()},
            "left_suppressions": [_told(row, person) for row in rows.left_suppressed(person)],
            "events": _events(person),
            "notes": [_told(row, person) for row in CaseNote.objects.filter(case__in=rows.cases(person))],
            "trail": [_told(row, person) for row in rows.trail(person)],
        },
    }


def take_out(
    person: Person, *, actor: AbstractBaseUser | None = None, reason: str = "", **facts: Any
) -> dict[str, Any]:
    """As ``export``, on the trail, which commits first: whoever takes it out is on record. ``facts`` go into the
    record: as whom a command ran."""
    actor_key = accounts.key_of(actor) if actor else ""
    audit.record(Action.PERSON_EXPORTED, actor_key=actor_key, user_key=person.key, reason=reason, **facts)
    return export(person)


def _events(person: Person) -> list[dict[str, Any]]:
    found = EmailEvent.objects.filter(email__in=rows.emails(person)).order_by("email", "pk")
    return [_told(row, person) for row in found]


def _told(row: Model, person: Person) -> dict[str, Any]:
    fields = [field for field in row._meta.concrete_fields if field.name not in SECRET and not _INNER.match(field.name)]
    told = {field.name: _value(row, field, person) for field in fields}
    if isinstance(row, EmailEvent) and row.email_id is None and row.error:
        told.pop("content")  # what was posted and not understood may be about several people
    if isinstance(row, ResetRequest | Email) and _is_anothers(row, person):
        told = {name: told[name] for name in ("id", "kind", "requested_at", "queued_at", "outcome") if name in told}
    return told


def _is_anothers(row: ResetRequest | Email, person: Person) -> bool:
    shared: Any = rows.shared_requests if isinstance(row, ResetRequest) else rows.shared_emails
    return bool(shared([row.pk], person))


def _value(row: Model, field: "Field[Any, Any]", person: Person) -> Any:
    value = getattr(row, field.attname)
    if value and (field.name in STAFF or (field.name == "lifted_by" and not field.choices)):
        return value if value == person.key else "staff"
    if isinstance(value, dict):
        return {key: "staff" if key in STAFF and inner else inner for key, inner in value.items() if key not in SECRET}
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool | list) else str(value)
