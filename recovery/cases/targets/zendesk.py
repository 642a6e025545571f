"""A ticket in Zendesk (Tickets API v2): ``SUBDOMAIN``, ``EMAIL`` of the agent, ``API_TOKEN``; ``BASE_URL`` for tests.

Zendesk forgets an idempotency key after two hours, and tries may go on for longer: from the second try on, the ticket
is looked for by its external id first.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from django.views.decorators.debug import sensitive_variables

from recovery.cases.targets import Answer, Reply, call
from recovery.cases.wording import URGENCY, Words
from recovery.reasons import CaseNews

HEARS: Final = frozenset(CaseNews)
OPTIONS: Final[Mapping[str, bool]] = {"SUBDOMAIN": True, "EMAIL": True, "API_TOKEN": True, "BASE_URL": False}
DONE: Final = frozenset({"solved", "closed"})


@sensitive_variables("options")
def send(words: Words, options: Mapping[str, Any]) -> Answer:
    """Open a ticket, or solve the one that was opened for this case."""
    if words.news == CaseNews.CLOSED:
        return _solve(words, options)
    if words.attempt > 1:
        answer, ticket = _find(words, options)
        if ticket is not None or not answer.taken:
            return answer
    ticket = {
        "subject": words.subject,
        "comment": {"body": words.text, "public": False},
        "priority": URGENCY,
        "type": "incident",
        "external_id": words.case,
        "tags": ["account_recovery"],
    }
    headers = {"Idempotency-Key": words.key}
    return _call("POST", "/api/v2/tickets.json", options, json={"ticket": ticket}, headers=headers).answer


def _solve(words: Words, options: Mapping[str, Any]) -> Answer:
    answer, ticket = _find(words, options)
    if ticket is None or ticket.get("status") in DONE:
        return answer
    change = {"status": "solved", "comment": {"body": words.text, "public": False}}
    return _call("PUT", f"/api/v2/tickets/{int(ticket['id'])}.json", options, json={"ticket": change}).answer


def _find(words: Words, options: Mapping[str, Any]) -> tuple[Answer, dict[str, Any] | None]:
    reply = _call("GET", "/api/v2/tickets.json", options, params={"external_id": words.case})
    if not reply.answer.taken:
        return reply.answer, None
    tickets = json.loads(reply.body)["tickets"]  # what is no such answer raises, and is tried again
    return reply.answer, next((each for each in tickets if each["external_id"] == words.case), None)


@sensitive_variables("options")
def _call(method: str, path: str, options: Mapping[str, Any], **more: Any) -> Reply:
    base = options.get("BASE_URL") or f"https://{options['SUBDOMAIN']}.zendesk.com"
    return call(method, f"{base}{path}", auth=(f"{options['EMAIL']}/token", str(options["API_TOKEN"])), **more)
