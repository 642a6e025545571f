"""Addresses and names that miss what was typed by one slip: a letter too many, missing, wrong, or two swapped.

All of them are made from the typed text and looked up at once, by two statements at most.
"""

import string
from collections.abc import Iterator
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError

from recovery import accounts
from recovery.addresses import likely_domain, normalise

LETTERS: Final = f"{string.ascii_lowercase}{string.digits}.-_+"
SHORTEST, LONGEST = 4, 50  # of shorter ones everything is near; of longer ones there are too many slips
MOST: Final = 3


def misses(typed: str) -> list[AbstractBaseUser]:
    """Accounts whose user name or address is one slip away; at most ``MOST``, the first of them."""
    plain = normalise(typed)
    if not SHORTEST <= len(plain) <= LONGEST or "\0" in plain:
        return []
    wanted = {*_slips(plain)} - {plain}
    if domain := likely_domain(plain):
        wanted.add(f"{plain.rpartition('@')[0]}@{domain}")
    model: Any = get_user_model()
    # One after the other: user names have an index, and addresses need not be read through for what is none.
    fields = [model.USERNAME_FIELD, *([accounts.email_field()] if "@" in plain else [])]
    found: dict[Any, AbstractBaseUser] = {}
    for name in dict.fromkeys(filter(None, fields)):
        try:
            users = model._default_manager.filter(**{f"{name}__in": sorted(wanted)}).order_by("pk")
        except (ValueError, ValidationError):  # a column of numbers or UUIDs
            continue
        found |= {user.pk: user for user in users[:MOST]}
    return list(found.values())[:MOST]


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
