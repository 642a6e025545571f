"""Where cases are told, one small module each. A module of a site's own does as well: it needs three names.

``HEARS``: which words of ``CaseNews`` it is told. ``OPTIONS``: the keys of its entry in ``CASE_TARGETS``, each with
whether it must be there. ``send(words, options)``: one try, which returns an ``Answer``, or raises, which counts as no
answer. It is called again with the same ``words.key`` until it is taken, so a lost answer must not make a second
ticket. Instead of ``send``, ``queue(case, news, words, options)`` writes rows in the transaction of the case itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from urllib3.exceptions import HTTPError

TIMEOUT: Final = (5, 15)  # seconds to connect, and between two bytes of the answer
MOST_BYTES: Final = 64 * 1024
OURS: Final = frozenset({401, 403, 404})  # our key or URL is wrong: somebody mends it, and the news must wait for that
LATER: Final = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one try came to. Neither taken nor refused: it is tried again. ``retry_after`` in seconds; ``ours``:
    somebody must mend the settings."""

    taken: bool = False
    refused: bool = False
    ours: bool = False
    retry_after: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an HTTP target said: the answer by its status, its headers, and its body as far as anybody would read it."""

    answer: Answer
    headers: Mapping[str, str]
    body: bytes


def call(method: str, url: str, **more: Any) -> Reply:
    """One HTTP request without redirects, judged by its status. Never raises: whatever happened on the way, it is not
    known whether it was taken."""
    try:
        with requests.request(method, url, timeout=TIMEOUT, allow_redirects=False, stream=True, **more) as response:
            body = response.raw.read(MOST_BYTES, decode_content=True)
            return Reply(_judged(response), response.headers, body)
    except (requests.RequestException, HTTPError, OSError) as error:
        return Reply(Answer(detail=type(error).__name__), {}, b"")


def _judged(response: requests.Response) -> Answer:
    status, said = response.status_code, f"HTTP {response.status_code}"
    if 200 <= status < 300:
        return Answer(taken=True, detail=said)
    wait = _seconds(response.headers.get("Retry-After", ""))
    if status in OURS:
        return Answer(ours=True, retry_after=wait, detail=said)
    if 400 <= status < 500 and status not in LATER:
        return Answer(refused=True, detail=said)
    return Answer(retry_after=wait, detail=said)


def _seconds(text: str) -> float | None:
    """``Retry-After`` (RFC 9110 section 10.2.3): seconds, or a date."""
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
