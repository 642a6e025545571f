"""The return path of each mail (VERP): an address of its own, so that a bounce names the mail whatever else it says.

``bounces+<token>@<RETURN_PATH_DOMAIN>``. The token is the email's id, the hour when it expires, and an HMAC of both; in
base32, because servers change the case of a local part (64 octets at most: RFC 5321 section 4.5.3.1.1).
"""

import base64
import binascii
import time
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from recovery.conf import conf, secret_keys

PREFIX: Final = "bounces+"
LIFE: Final = timedelta(days=14)
"""Longer than the five days for which servers keep trying (RFC 5321 section 4.5.4.1), and the bounce's own way back."""

_HOUR: Final = 3600
_PARTS: Final = (16, 3, 11)  # octets of id, hour and HMAC: 48 letters together


def address_of(email_id: UUID | str) -> str:
    """The return path of a mail that leaves now; "" where the site has no domain for them."""
    domain = conf.RETURN_PATH_DOMAIN
    if not domain:
        return ""
    expires = int(time.time() + LIFE.total_seconds()) // _HOUR
    named = UUID(str(email_id)).bytes + expires.to_bytes(_PARTS[1], "big")
    token = base64.b32encode(named + _signed(named, secret_keys()[0])).decode().lower()
    return f"{PREFIX}{token}@{domain}"


def is_one(address: str) -> bool:
    """Whether an address claims to be a return path of this site, true or forged."""
    local, _, domain = address.lower().rpartition("@")
    own = conf.RETURN_PATH_DOMAIN
    return own is not None and domain == own.lower() and local.startswith(PREFIX)


def email_id_of(address: str) -> UUID | None:
    """The mail whose return path this is; None for one that is forged, expired or no return path of ours."""
    if not is_one(address):
        return None
    try:
        token = base64.b32decode(address.rpartition("@")[0][len(PREFIX) :].upper())
    except (binascii.Error, ValueError):
        return None
    named, signature = token[: _PARTS[0] + _PARTS[1]], token[_PARTS[0] + _PARTS[1] :]
    if len(token) != sum(_PARTS) or not any(
        constant_time_compare(signature, _signed(named, key)) for key in secret_keys()
    ):
        return None
    expired = int.from_bytes(named[_PARTS[0] :], "big") * _HOUR <= time.time()
    return None if expired else UUID(bytes=named[: _PARTS[0]])


def _signed(named: bytes, key: str) -> bytes:
    mac = salted_hmac("recovery.bounces.return_paths", named, secret=key, algorithm="sha256")
    return mac.digest()[: _PARTS[2]]
