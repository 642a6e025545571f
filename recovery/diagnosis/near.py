"""Addresses and names that miss what was typed by one slip: a letter too many, missing, wrong, or two swapped. Upper
and lower case are alike.

All of them are made from the typed text and looked up by one statement. Where the site has the indexes that
``recovery.W015`` names, it probes them. Django's own user table has none on addresses: there it reads all accounts
once, and weighs each text by its length before it compares it, which keeps that cheap: about 50 ms of processor time
at 200 000 accounts, on PostgreSQL and on SQLite, and so much more with more of them.
"""

import string
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import CharField, Func, IntegerField, Q, TextField
from django.db.models.functions import Upper

from recovery import accounts
from recovery.addresses import capitals, likely_domain, normalise
from recovery.diagnosis.subjects import within

LETTERS: Final = f"{string.ascii_lowercase}{string.digits}.-_+"
SHORTEST, LONGEST = 4, 50  # of shorter ones everything is near; of longer ones there are too many slips
MOST: Final = 3
LOOKED_AT: Final = 100  # of numbered names dozens are near; the site's own function is asked of no more than these


class _Size(Func):
    """How long a text is, by what its database counts fastest: letters or bytes."""

    function = "LENGTH"
    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, function="OCTET_LENGTH", **more)


def misses(typed: str, *, viewer: AbstractBaseUser | None = None) -> list[AbstractBaseUser]:
    """Accounts within the viewer's reach whose user name or address is one slip away; at most ``MOST``, the first of
    them. One statement, none for what is too short or too long."""
    plain = normalise(typed)
    if not SHORTEST <= len(plain) <= LONGEST or "\0" in plain:
        return []
    wanted = {*_slips(plain)} - {plain}
    if domain := likely_domain(plain):
        wanted.add(f"{plain.rpartition('@')[0]}@{domain}")
    near = sorted(_spelled_as(wanted, plain), key=lambda user: user.pk)[:LOOKED_AT]
    return list(islice((user for user in near if within(viewer, [user])), MOST))


def _spelled_as(wanted: set[str], plain: str) -> list[AbstractBaseUser]:
    """Whoever has one of these as user name or, if it may be one, as address."""
    model: Any = get_user_model()
    spelled = capitals(wanted)
    sizes = len(plain) - 1, len(plain.encode()) + 1
    users, either = model._default_manager.all(), Q()
    for name in dict.fromkeys([model.USERNAME_FIELD, *([accounts.email_field()] if "@" in plain else [])]):
        if name and isinstance(model._meta.get_field(name), CharField | TextField):
            users = users.alias(**{f"size_of_{name}": _Size(name), f"capitals_of_{name}": Upper(name)})
            # In this order, which SQLite keeps: most are of another length.
            either |= Q((f"size_of_{name}__range", sizes)) & Q((f"capitals_of_{name}__in", spelled))
    return list(users.filter(either)) if either else []


def _slips(text: str) -> Iterator[str]:
    for place in range(len(text)):
        before, letter, after = text[:place], text[place], text[place + 1 :]
        yield before + after
        yield from (f"{before}{other}{letter}{after}" for other in LETTERS)
        if letter != "@":
            yield from (before + other + after for other in LETTERS)
        if after:
            yield before + after[0] + letter + after[1:]
    yield from (text + other for other in LETTERS)
