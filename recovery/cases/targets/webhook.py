"""A signed POST, as the Standard Webhooks specification has it (standardwebhooks.com, 1.0.0): any receiver's library
verifies it. ``URL``, and ``SECRET``: ``whsec_`` and 24 to 64 random bytes in base64."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from recovery.cases.targets import Answer, call
from recovery.cases.wording import Words
from recovery.reasons import CaseNews

HEARS: Final = frozenset(CaseNews)
OPTIONS: Final[Mapping[str, bool]] = {"URL": True, "SECRET": True}
PREFIX: Final = "whsec_"


@sensitive_variables("options", "key")
def send(words: Words, options: Mapping[str, Any]) -> Answer:
    """The id is the same for each try, the time of signing is not."""
    key, now = secret(str(options["SECRET"])), int(time.time())
    happened_at = words.facts["opened_at" if words.news == CaseNews.OPENED else "closed_at"]
    payload = {
        "type": f"case.{words.news}",
        "timestamp": happened_at.replace(" UTC", "Z").replace(" ", "T"),
        "data": {**words.facts, "subject": words.subject, "text": list(words.lines), "url": words.url},
    }
    body = json.dumps(payload, separators=(",", ":"), default=str).encode()
    signed = hmac.new(key, f"{words.key}.{now}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": words.key,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    return call("POST", str(options["URL"]), data=body, headers=headers).answer


def wrong(options: Mapping[str, Any]) -> str:
    """What is wrong with the options, "" for nothing; asked by the system checks."""
    try:
        length = len(secret(str(options.get("SECRET", ""))))
    except ValueError:
        length = 0
    return "" if 24 <= length <= 64 else "SECRET must be whsec_ and 24 to 64 random bytes in base64."


def secret(text: str) -> bytes:
    """Raises ValueError for what is none."""
    if not text.startswith(PREFIX):
        raise ValueError("no whsec_")
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
