"""The gates that an ask passes for one account before a link is issued: reads only.

``resets.deciding`` walks them and counts, ``diagnosis`` walks the same ones and only looks: so what is foretold is what
would be decided.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from recovery import accounts, objections, tokens
from recovery.accounts import Account
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.models import ResetRequest, ResetToken
from recovery.reasons import EmailKind, Gate, Kind, Outcome, TokenState

CLOSED: Final = {
    Gate.ACTIVE: Outcome.INACTIVE,
    Gate.HAS_PASSWORD: Outcome.NO_PASSWORD,
    Gate.NOT_JOINED: Outcome.JOINED,
    Gate.HAS_ADDRESS: Outcome.NO_ADDRESS,
    Gate.VERIFIED_ADDRESS: Outcome.UNVERIFIED_ADDRESS,
    Gate.UNDISPUTED: Outcome.DISPUTED,
    Gate.COOLDOWN: Outcome.COOLDOWN,
    Gate.ACCOUNT_LIMIT: Outcome.THROTTLED,
}
PASSED_BY: Final = {
    EmailKind.RESET: Gate.NOT_JOINED,
    EmailKind.FORCED_RESET: Gate.NOT_JOINED,
    EmailKind.ACTIVATION: Gate.HAS_PASSWORD,
}
"""The gate that does not stand in the way of this kind of link."""

Counting = Callable[[Gate, Account, Mapping[str, str]], bool]
"""Whether one of the two gates that count is open: of which account, and the limits with the subject of each."""


@dataclass(slots=True)
class Verdict:
    """One account of a request: the kind of link it is judged for, the gates it passed, and what follows."""

    account: Account
    kind: EmailKind = EmailKind.RESET
    outcome: str = Outcome.SENT
    gates: list[dict[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return self.account.reset_address.text if self.account.reset_address else ""


def walk(account: Account, *, kind: str, is_unlimited: bool, is_within: Counting) -> Verdict:
    """Pass the gates in order; the first closed one decides and ends the walk. ``kind`` is that of the request;
    ``is_unlimited``: neither cool-down nor hourly cap holds for whoever asks."""
    is_first = kind == Kind.ACTIVATION or waits_to_join(account.user)
    again = EmailKind.FORCED_RESET if kind == Kind.FORCED else EmailKind.RESET
    verdict = Verdict(account, EmailKind.ACTIVATION if is_first else again)
    for gate in Gate:
        if gate == PASSED_BY[verdict.kind]:
            continue
        if gate in (Gate.COOLDOWN, Gate.ACCOUNT_LIMIT):
            is_open = is_unlimited or is_within(gate, account, _subjects(account, kind))
        else:
            is_open = _is_open(gate, account, kind)
        verdict.gates.append({"gate": gate.value, "open": is_open})
        if not is_open:
            verdict.outcome = CLOSED[gate]
            break
    return verdict


def has_cooled_down(user_key: str) -> bool:
    """Whether no link was issued moments ago that still lives."""
    newest = tokens.last_issued(user_key)
    return newest is None or newest.issued_at <= timezone.now() - conf.COOLDOWN


def waits_to_join(user: AbstractBaseUser) -> bool:
    """Whether an activation link was asked for and the person has not joined: what tells them from people who sign in
    elsewhere and have no password here, either. One statement for an account without a password, else none."""
    return not accounts.has_joined(user) and invited().filter(user_key=accounts.key_of(user)).exists()


def invited() -> "QuerySet[ResetRequest]":
    """Asks for an activation by which nobody has joined so far."""
    used = ResetToken.objects.filter(user_key=OuterRef("user_key"), purpose=tokens.ACTIVATION, state=TokenState.USED)
    return ResetRequest.objects.filter(~Exists(used), kind=Kind.ACTIVATION)


def _is_open(gate: Gate, account: Account, kind: str) -> bool:
    """Of the gates that count nothing."""
    address = account.reset_address
    match gate:
        case Gate.ACTIVE:
            return bool(account.user.is_active)
        case Gate.HAS_PASSWORD:
            return accounts.has_password(account.user)
        case Gate.NOT_JOINED:
            return not accounts.has_joined(account.user)
        case Gate.UNDISPUTED:  # staff who send a link have decided whose account it is
            return kind == Kind.ADMIN or not objections.is_disputed(account.key)
        case _:
            return address is not None and (gate == Gate.HAS_ADDRESS or address.verified)


def _subjects(account: Account, kind: str) -> dict[str, str]:
    subjects = {"account": account.key}
    if kind == Kind.ACTIVATION and account.reset_address:
        # A sign-up form that anybody may fill in makes many accounts of one address.
        subjects["activation_address"] = normalise(account.reset_address.text)
    return subjects
