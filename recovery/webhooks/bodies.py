"""What the body of a provider's post may be: so large, not packed, and JSON or a form in UTF-8 as the standards say.

Asked before anything is parsed, so that a hostile body costs no memory.
"""

import json
from typing import Any, Final, NoReturn

from django.http import HttpRequest

MOST_BYTES: Final = 12 * 2**20
"""Ten thousand events of a kilobyte; no provider comes near it."""
EMPTY: Final = b"[]"
"""A batch with nothing in it, of any provider: proof of a secret, and nothing to store."""
_NOT_NUMBERS: Final = (b"NaN", b"Infinity")


class Refused(Exception):
    """The body is not one that is read; the answer's status says why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def take(request: HttpRequest) -> None:
    """Read the body, which Django's own limit for uploads does not concern. Raises Refused."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise Refused(415, "a packed body")
    if _length(request) > MOST_BYTES:
        raise Refused(413, "a body that is too large")
    known: Any = request
    if not hasattr(request, "_body"):
        known._body = request.read(MOST_BYTES + 1)
    if len(known._body) > MOST_BYTES:
        raise Refused(413, "a body that is too large")
    try:
        known._body.decode()
        if any(word in known._body for word in _NOT_NUMBERS):
            _read_strictly(request)
    except (ValueError, RecursionError) as error:
        raise Refused(400, type(error).__name__) from error


def is_empty(request: HttpRequest) -> bool:
    return request.body == EMPTY


def _length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not str(length).isdigit():
        raise Refused(400, "a length that is none")
    return int(length)


def _read_strictly(request: HttpRequest) -> None:
    """Python reads NaN and Infinity as numbers, which JSON does not know and no database stores."""
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        texts = [str(value) for values in dict(request.POST.lists()).values() for value in values]
        for text in texts:
            if text.lstrip().startswith(("[", "{")):
                _loads(text)
        return
    content = _loads(request.body.decode())
    within = content.get("Message") if isinstance(content, dict) else None
    if isinstance(within, str) and within.lstrip().startswith("{"):  # Amazon's notices hold JSON within JSON
        _loads(within)


def _loads(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)
