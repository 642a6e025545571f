"""Codes that a person types to prove that they read a mail: derived when it is rendered, compared, and forgotten.

Like a link's secret, a code stands in no row: it is an HMAC of the row's key under SECRET_KEY. Eight digits, five tries
and half an hour leave a guess at an address one chance in twenty million.
"""

from datetime import timedelta
from typing import Final

from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from recovery.conf import secret_keys
from recovery.models import BackupAddress

DIGITS: Final = 8
LIFE: Final = timedelta(minutes=30)


@sensitive_variables()
def of(backup: BackupAddress) -> str:
    """The newest code of this address, to be put into a mail and forgotten."""
    return derived("recovery.codes", _facts(backup))


@sensitive_variables()
def is_right(backup: BackupAddress, typed: str) -> bool:
    """Whether this is the newest code; also after SECRET_KEY was changed, as long as the old one is a fallback."""
    return is_derived("recovery.codes", _facts(backup), typed)


@sensitive_variables()
def derived(purpose: str, facts: str) -> str:
    """The code of this purpose and of what ``facts`` names."""
    return _derive(purpose, facts, secret_keys()[0])


@sensitive_variables()
def is_derived(purpose: str, facts: str, typed: str) -> bool:
    """Whether this is that code, under today's key or a fallback. Whoever asks counts the tries."""
    digits = digits_of(typed)
    return any(constant_time_compare(_derive(purpose, facts, key), digits) for key in secret_keys())


@sensitive_variables()
def digits_of(typed: str) -> str:
    """What counts of a typed code: people write blanks and dashes between its digits."""
    return "".join(letter for letter in typed if letter.isdecimal())


def _facts(backup: BackupAddress) -> str:
    return f"{backup.pk}:{backup.user_key}:{backup.address_key}:{backup.code_salt}"


@sensitive_variables()
def _derive(purpose: str, facts: str, key: str) -> str:
    mac = salted_hmac(purpose, facts, secret=key, algorithm="sha256")
    return f"{int.from_bytes(mac.digest()) % 10**DIGITS:0{DIGITS}}"
