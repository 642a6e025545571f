"""A provider's HTTP API, asked with patience: told to wait it is asked again, and once more after an error."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import requests

PATIENCE: Final = (3, 5)  # seconds to connect, and for the answer
TRIES: Final = 3
LONGEST_PAUSE: Final = 2.0  # seconds; whoever waits for the page waits for this


class Unknown(Exception):
    """The provider did not say; the text says why, without addresses and keys."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a provider holds against an address: on which of its lists, why, in its words, and since when."""

    listed: str
    why: str
    since: datetime | None = None
    can_be_lifted: bool = True


class Adapter:
    """One provider's list. All it does can be done again without harm, so a lost answer is asked for once more."""

    url = ""

    def __init__(self, account: Mapping[str, str]) -> None:
        self.account = account
        self.url = account.get("api_url") or self.url

    def show(self, address: str) -> list[Entry]:
        raise NotImplementedError

    def lift(self, address: str, entry: Entry) -> None:
        raise NotImplementedError

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """What proves who asks."""
        raise NotImplementedError

    def call(self, method: str, path: str, *, json: Any = None, fine: tuple[int, ...] = (200,)) -> requests.Response:
        """The answer, which has one of these statuses. Raises Unknown after three tries."""
        why = ""
        for turn in range(TRIES):
            if turn:
                time.sleep(_pause(why))
            try:
                answer = self._ask(method, path, json)
            except requests.RequestException as error:
                why = type(error).__name__
                continue
            if answer.status_code in fine:
                return answer
            why = f"HTTP {answer.status_code}"
            if answer.status_code != 429 and answer.status_code < 500:
                break
        raise Unknown(why)

    def _ask(self, method: str, path: str, json: Any) -> requests.Response:
        request = requests.Request(method, self.url.rstrip("/") + path, json=json).prepare()
        body = request.body or b""
        url, content = str(request.url), body.encode() if isinstance(body, str) else bytes(body)
        request.headers.update({"Accept": "application/json", **self.headers(method, url, content)})
        with requests.Session() as session:
            session.trust_env = False  # no .netrc takes the place of the key
            return session.send(request, timeout=PATIENCE, allow_redirects=False)


def _pause(why: str) -> float:
    return LONGEST_PAUSE if why == "HTTP 429" else LONGEST_PAUSE / 8


def in_path(address: str) -> str:
    return quote(address, safe="")


def moment(value: Any) -> datetime | None:
    """Of seconds since 1970 or a text in one of the two forms that providers use; None where it is neither."""
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    for form in ("%a, %d %b %Y %H:%M:%S %Z",):
        try:
            return datetime.strptime(str(value), form).replace(tzinfo=UTC)
        except ValueError:
            pass
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
