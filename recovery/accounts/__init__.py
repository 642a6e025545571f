"""Accounts of the site, whatever its user model is: who is meant, where mail goes, and what lets them in.

Callers import this package as ``accounts``; ``find`` is what the setting ``ACCOUNTS`` replaces.
"""

from recovery.accounts.credentials import (
    ENDED,
    addresses_are_frozen,
    end_password,
    fingerprint,
    free_addresses,
    freeze_addresses,
    has_joined,
    has_password,
    make_active,
    replace_address,
    replace_password,
)
from recovery.accounts.finding import (
    Account,
    Address,
    by_key,
    by_keys,
    called,
    email_field,
    find,
    is_indexed,
    is_storable,
    key_as_text,
    key_of,
    of_identifier,
    of_user,
    one_spelling,
    shares_name,
)

__all__ = [
    "ENDED",
    "Account",
    "Address",
    "addresses_are_frozen",
    "by_key",
    "by_keys",
    "called",
    "email_field",
    "end_password",
    "find",
    "fingerprint",
    "free_addresses",
    "freeze_addresses",
    "has_joined",
    "has_password",
    "is_indexed",
    "is_storable",
    "key_as_text",
    "key_of",
    "make_active",
    "of_identifier",
    "of_user",
    "one_spelling",
    "replace_address",
    "replace_password",
    "shares_name",
]
