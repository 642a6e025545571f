"""What a person does at a browser and what a worker does behind it: the public doors, in a test's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core import mail
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recovery import resets
from recovery.models import ResetRequest
from recovery.reasons import Outcome

FORGOT = "/recovery/forgot/"
SITE = "https://library.example"
NEW_PASSWORD = "seven quiet herons at dusk"
FIREFOX = {
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "HTTP_ACCEPT_LANGUAGE": "en",
    "HTTP_SEC_FETCH_MODE": "navigate",
}
CONTROL = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET CONSTRAINTS)\b")
VOLATILE = (
    (re.compile(r'name="csrfmiddlewaretoken" value="\w+"'), "[csrf]"),
    (re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b"), "[reference]"),
    (re.compile(r'data-wait="\d+"|ask again in \d+ seconds?'), "[wait]"),
)


def browser(**more: Any) -> Client:
    """A browser of its own, at an address of its own if ``REMOTE_ADDR`` says so."""
    return Client(**{**FIREFOX, **more})


def ask(client: Client, identifier: Any, **more: Any) -> HttpResponse:
    return client.post(FORGOT, {"identifier": identifier}, **more)


def asked() -> ResetRequest:
    """The newest request."""
    return ResetRequest.objects.latest("requested_at")


def work() -> list[str | None]:
    """What workers do once they were woken: decide every request that was received, and deliver."""
    received = ResetRequest.objects.filter(outcome=Outcome.RECEIVED).order_by("requested_at")
    return [resets.fulfil(request.pk) for request in received]


def links(message: Any) -> list[str]:
    """The paths of the links in a mail."""
    return re.findall(rf"{SITE}(/recovery/(?:reset|activate)/\S+)", str(message.body))


def recipients() -> list[str]:
    """Everybody who was mailed, in order; every message has exactly one reader."""
    assert all(len(message.recipients()) == 1 for message in mail.outbox)
    return [message.recipients()[0] for message in mail.outbox]


def follow(client: Client, link: str) -> str:
    """Click on a link; returns the path of its form."""
    response = client.get(link)
    assert response.status_code == 302
    return response.url


def set_password(client: Client, form: str, password: str = NEW_PASSWORD) -> HttpResponse:
    return client.post(form, {"new_password1": password})


def masked(text: str) -> str:
    """Without what differs from one answer to the next for everybody."""
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return text


def seen(response: Any) -> dict[str, Any]:
    """All that a visitor can see of an answer, masked."""
    cookies = {
        name: {key: masked(str(value)) for key, value in morsel.items() if key != "expires"}
        for name, morsel in response.cookies.items()
    }
    return {
        "status": response.status_code,
        "headers": {name: masked(value) for name, value in response.headers.items() if name != "Expires"},
        "body": masked(response.content.decode()),
        "cookies": cookies,
    }


@dataclass
class Statements:
    """SQL texts without their values, without what opens and ends transactions; and how many were committed."""

    texts: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def statements() -> Iterator[Statements]:
    found = Statements()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not CONTROL.match(sql):
            found.texts.append(sql)
            found.commits += not connection.in_atomic_block and "INSERT INTO" in sql  # on its own
        return execute(sql, params, many, context)

    with CaptureQueriesContext(connection) as captured, connection.execute_wrapper(note):
        yield found
    found.commits += sum(query["sql"].startswith("COMMIT") for query in captured.captured_queries)


def asked_for(client: Client, identifier: str) -> dict[str, Any]:
    """Everything an asker can see, and everything the database is told, for one ask and the page it leads to."""
    with statements() as posted:
        answer = ask(client, identifier)
    with statements() as shown:
        page = client.get(answer.url)
    return {
        "answer": seen(answer),
        "page": seen(page),
        "statements": posted.texts,
        "commits": posted.commits,
        "statements of the page": shown.texts,
    }
