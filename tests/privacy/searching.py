"""Searches every column of every table for what tells of a person, and plants it in every column that could
hold it: so whoever adds a table or a column with people in it hears of it here."""

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from recovery import accounts
from recovery.addresses import normalise
from recovery.models import EmailEvent

OF_NOBODY: Final = {
    "ApiCall": "keyed hashes, and the reference that a call was answered with",
    "AuditAnchor": "hashes of the trail",
    "AuditEvent": "the trail stays, and whoever writes to it puts no personal data in",
    "AuditSeal": "keys and hashes of the trail",
    "Heartbeat": "processes",
    "LevelSwitch": "what staff did to all mail; their reasons are masked as they are written",
    "LimitCounter": "keyed hashes",
    "LinkLife": "figures",
    "LoginCounter": "keyed hashes; the client addresses in it have a test of their own",
    "RollUp": "figures",
    "RollUpDay": "figures",
    "RollUpProgress": "figures",
    "RouteState": "ways out for mail, as the level",
    "SendingDomain": "the site's own senders",
    "StandingAlarm": "what operators look at",
}
"""Tables in which no person stands, and why. A new table is not among them, so that its columns are planted."""
KEYS: Final = frozenset({"user_key", "counter_key", "key", "dedupe_key", "digest", "revoker"})
"""Columns of keys and hashes, and of dotted paths."""


SITES_OWN: Final = frozenset({"auth_user", "account_emailaddress"})
"""The account itself, which is the site's, and stays where it is not deleted."""


def tables(*, of_site: bool = False) -> list[str]:
    """Ours, or all that there are but those of accounts."""
    with connection.cursor() as cursor:
        names = connection.introspection.table_names(cursor)
    return [name for name in names if name.startswith("recovery_") or (of_site and name not in SITES_OWN)]


def cells() -> Iterator[tuple[str, str]]:
    """Every value there is in the database but for accounts, as text, under ``table.column``."""
    with connection.cursor() as cursor:
        for table in tables(of_site=True):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [each[0] for each in cursor.description]
            for row in cursor.fetchall():
                yield from ((f"{table}.{name}", str(value)) for name, value in zip(columns, row, strict=True))


def spellings(text: str) -> set[str]:
    return {form.casefold() for form in (text, json.dumps(text)[1:-1], quote(text), normalise(text))}


def where(*texts: str) -> list[str]:
    """In which columns any of these stands, however it is written."""
    wanted = set().union(*map(spellings, texts))
    return sorted({column for column, value in cells() if any(each in value.casefold() for each in wanted)})


def planted(user: Any, texts: "tuple[str, str, str]") -> list[str]:
    """A row in every table that could hold a person, with address, name or client address of ``user`` in every column
    that has room for it, all hanging together. Returns the names of the models."""
    made: dict[type[models.Model], models.Model] = {}
    for model in _in_order():
        row = model(**{field.name: _value(field, user, texts, made) for field in _fields(model)})
        row.save(force_insert=True)
        made[model] = row
    return [model.__name__ for model in made]


def _in_order() -> list[type[models.Model]]:
    """Rows before those that point to them."""
    found = [
        model
        for model in apps.get_app_config("recovery").get_models()
        if not model._meta.proxy and model.__name__ not in OF_NOBODY and model.__name__ != "Erasure"
    ]
    done: list[type[models.Model]] = []
    while len(done) < len(found):
        done += [each for each in found if each not in done and not _needs(each) & (set(found) - set(done))]
    return done


def _needs(model: type[models.Model]) -> set[Any]:
    own = [field for field in model._meta.concrete_fields if field.is_relation]
    return {field.related_model for field in own} - {model}


def _fields(model: type[models.Model]) -> list[Any]:
    keys = ("user_key", "email")
    return [field for field in model._meta.concrete_fields if field.name in keys or not field.primary_key]


def _value(field: Any, user: Any, texts: "tuple[str, str, str]", made: dict[type[models.Model], models.Model]) -> Any:
    address, name, ip = texts
    if field.is_relation:
        return made.get(field.related_model)
    if field.choices:
        return field.choices[0][0]
    match field:
        case models.CharField() | models.TextField():
            return accounts.key_of(user) if field.name == "user_key" else _text(field, address, name, ip)
        case models.JSONField():
            return {ip: 1} if field.name == "sources" else {"told": address, "usernames": {"7": name}, "ip": ip}
        case models.GenericIPAddressField():
            return ip
        case models.DateTimeField():
            return timezone.now()
        case models.IntegerField():
            return 1
        case _:
            return field.get_default()


def _text(field: Any, address: str, name: str, ip: str) -> Any:
    if field.name in KEYS or (field.name.endswith("_key") and not field.name.startswith(("address", "recipient"))):
        return field.get_default()
    if field.name == "error" and field.model is EmailEvent:
        return ""  # else it is a report that was not understood, of no mail
    text = f"{address} {name} {ip}"
    if field.name in ("address", "address_key", "recipient", "recipient_key", "identifier"):
        text = normalise(address)
    return text if (field.max_length or 1000) >= len(text) else field.get_default()
