"""Whose the rows are that a cause rests on."""

from collections.abc import Callable, Mapping
from typing import Any

from recovery import resets
from recovery.addresses import normalise
from tests.asking import asked
from tests.diagnosis.calling import Call
from tests.diagnosis.stage import Stage

SITES = ("recovery.routestate", "recovery.levelswitch")
"""Whose rows are of nobody: they hold for all mail."""


def somebody_else_asks(stage: Stage) -> None:
    """So that there are rows of another case, decided and not worked on."""
    stage.only_asks(stage.reader(username="bystander"))
    resets.decide(asked().pk)


def _of_request(request: Any) -> set[str]:
    decided = request.decisions.values_list("user_key", flat=True)
    return {request.user_key, normalise(request.identifier), request.shown_reference, *decided}


def _of_email(email: Any) -> set[str]:
    return {email.user_key, str(email.pk), *email.tokens.values_list("user_key", flat=True)}


_WHOSE: Mapping[str, Callable[[Any], set[str]]] = {
    "auth.user": lambda row: {str(row.pk)},
    "recovery.accountstate": lambda row: {row.user_key},
    "recovery.addresscorrection": lambda row: {row.user_key},
    "recovery.auditevent": lambda row: {row.user_key},
    "recovery.bounce": lambda row: _of_email(row.email),
    "recovery.decision": lambda row: {row.user_key, row.request.shown_reference},
    "recovery.email": _of_email,
    "recovery.emailevent": lambda row: _of_email(row.email),
    "recovery.lockout": lambda row: {row.user_key},
    "recovery.resetrequest": _of_request,
    "recovery.resettoken": lambda row: _of_email(row.email),
    "recovery.supportcase": lambda row: {row.user_key},
    "recovery.suppression": lambda row: {row.address_key},
}


def is_of(call: Call, row: Any) -> bool:
    """Whether a row is of whoever calls, or of what they named."""
    if row._meta.label_lower in SITES:
        return True
    own = {call.who} if isinstance(call.who, str) else set()
    if call.user is not None:
        own |= {str(call.user.pk), normalise(call.user.email), call.user.username}
    return bool(_WHOSE[row._meta.label_lower](row) & (own - {""}))
