"""Codes that a person types to prove an address: derived when a mail is rendered, compared, and forgotten.

Like a link's secret, a code stands in no row: it is an HMAC of the row's key and salt under SECRET_KEY. Eight digits,
five tries and half an hour leave a guess one chance in twenty million.
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
    return _derive(backup, secret_keys()[0])


@sensitive_variables()
def is_right(backup: BackupAddress, typed: str) -> bool:
    """Whether this is the newest code; also after SECRET_KEY was changed, as long as the old one is a fallback."""
    digits = "".join(letter for letter in typed if letter.isdecimal())
    return any(constant_time_compare(_derive(backup, key), digits) for key in secret_keys())


@sensitive_variables()
def _derive(backup: BackupAddress, key: str) -> str:
    facts = f"{backup.pk}:{backup.user_key}:{backup.address_key}:{backup.code_salt}"
    mac = salted_hmac("recovery.codes", facts, secret=key, algorithm="sha256")
    return f"{int.from_bytes(mac.digest()) % 10**DIGITS:0{DIGITS}}"
