"""The dry run: would a reset to this person leave now, by which way, and if not, why not.

Walks the gates and checks that the real run walks, and counts nothing. What only the moment of sending tells, whether
the provider answers, is no part of it; and how often a stranger's client address has asked, nobody knows beforehand.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from recovery import accounts, audiences, backup_addresses, gates, heartbeats, level, limits, routes, suppressions
from recovery.accounts import Account
from recovery.addresses import normalise
from recovery.diagnosis.findings import Forecast
from recovery.diagnosis.of_mail import CIRCUITS
from recovery.diagnosis.subjects import Subject
from recovery.diagnosis.wording import moment
from recovery.gates import Verdict
from recovery.models import RouteState
from recovery.reasons import Cause, EmailKind, EmailReason, Gate, Kind, Outcome, Part, SuppressionReason
from recovery.routes import Route

_OBSTACLES: Final = {
    Outcome.INACTIVE: Cause.INACTIVE_ACCOUNT,
    Outcome.NO_PASSWORD: Cause.NO_PASSWORD,
    Outcome.JOINED: Cause.ALREADY_JOINED,
    Outcome.NO_ADDRESS: Cause.NO_ADDRESS,
    Outcome.UNVERIFIED_ADDRESS: Cause.UNVERIFIED_ADDRESS,
    Outcome.DISPUTED: Cause.DISPUTED_ADDRESS,
    Outcome.COOLDOWN: Cause.COOLDOWN,
    Outcome.THROTTLED: Cause.ACCOUNT_LIMIT,
}
_STOPS: Final = {
    SuppressionReason.BOUNCED: Cause.SUPPRESSED,
    SuppressionReason.COMPLAINED: Cause.COMPLAINED,
    SuppressionReason.STAFF: Cause.SUPPRESSED_BY_STAFF,
}
_WAITS: Final = frozenset(
    {Cause.ROUTE_OFF, Cause.NO_ROUTE, Cause.WORKERS_SILENT, Cause.PROVIDER_DOWN, *CIRCUITS.values()}
)


def would(
    subject: Subject,
    *,
    by_staff: bool = False,
    identifier: str = "",
    audience: str = audiences.CHOSEN_LATER,
    now: datetime | None = None,
) -> Forecast | None:
    """What would become of a reset for this person, asked for now: by themselves over ``identifier`` (their address,
    unless given) at the door ``audience`` (theirs, unless given), or by staff, who pass throttle and cool-down. None
    where nobody is known. Reads only."""
    user = subject.user
    if user is None:
        return None
    account, at = accounts.of_user(user), now or timezone.now()
    typed = identifier or _usual(account)
    if not by_staff:
        taken = limits.look([("address", normalise(typed))])["address", normalise(typed)]
        if taken.is_used_up:
            return _no(Outcome.THROTTLED, Cause.THROTTLED, free=taken.free_again_at)
        meant = [each for each in accounts.of_identifier(typed) if each.key == account.key]
        if not meant:
            return _no(Outcome.NO_ACCOUNT, Cause.UNKNOWN_ACCOUNT)
        account = meant[0]
    kind = Kind.ADMIN if by_staff else Kind.FORGOT
    verdict = gates.walk(account, kind=kind, is_unlimited=by_staff, is_within=_looks)
    if verdict.outcome != Outcome.SENT:
        return _no(verdict.outcome, _OBSTACLES[Outcome(verdict.outcome)], verdict=verdict, free=_free(verdict, at))
    return _on_its_way(verdict, audiences.of(user, asked_at=audience, kind=kind))


def _usual(account: Account) -> str:
    main = account.reset_address
    return main.text if main is not None else accounts.name_of(account.user)


def _looks(gate: Gate, account: Account, subjects: Mapping[str, str]) -> bool:
    """The gates that count, without counting."""
    if gate == Gate.COOLDOWN:
        return gates.has_cooled_down(account.key)
    return not any(standing.is_used_up for standing in limits.look(subjects.items()).values())


def _on_its_way(verdict: Verdict, audience: str) -> Forecast:
    """What the second check, right before it leaves, would say."""
    held = level.holds(verdict.kind)
    if held is not None:
        cause = Cause.LEVEL_NONE if held == EmailReason.LEVEL_NONE else Cause.LEVEL_SYSTEM
        return _no(Outcome.LEVEL_BLOCKED, cause, verdict=verdict)
    main = normalise(verdict.address)[:254]
    address, stopped = verdict.address, suppressions.of([main], kind=verdict.kind)
    if stopped:  # and the ladder sends a fresh link to a backup address, if there is one
        backup = backup_addresses.next_for(verdict.account.key, not_in=[main])
        if backup is None:
            return _no(Outcome.SENT, _STOPS[SuppressionReason(stopped[main])], verdict=verdict)
        address = backup.address
    known = routes.states()
    ways = routes.plan(verdict.kind, audience, known)
    if not ways:
        return _no(Outcome.SENT, _way_out(routes.of(verdict.kind, audience), known), verdict=verdict)
    if all(heartbeats.silent(part, longer_than=heartbeats.SILENT) for part in (Part.WORKER, Part.SWEEP)):
        return _no(Outcome.SENT, Cause.WORKERS_SILENT, verdict=verdict)
    said = _("A reset that is asked for now would leave at once for %(address)s by %(route)s.")
    return Forecast(
        goes=True,
        sentence=said % {"address": address, "route": ways[0].name},
        outcome=Outcome.SENT,
        kind=verdict.kind,
        address=address,
        route=ways[0].name,
    )


def _way_out(ways: Sequence[Route], known: Mapping[str, RouteState]) -> Cause:
    """Why none of these may be taken: there is none, staff switched one off, or they fail."""
    if not ways:
        return Cause.NO_ROUTE
    failing = [known[way.name] for way in ways if not known[way.name].switched_off]
    if len(failing) < len(ways):
        return Cause.ROUTE_OFF
    return CIRCUITS.get(failing[0].reason, Cause.PROVIDER_DOWN)


def _free(verdict: Verdict, at: datetime) -> datetime | None:
    """When the hourly cap of the account is free again."""
    if verdict.outcome != Outcome.THROTTLED:
        return None
    standing = limits.look([("account", verdict.account.key)])["account", verdict.account.key]
    return standing.free_again_at if standing.is_used_up else at


def _no(outcome: str, cause: Cause, *, verdict: Verdict | None = None, free: datetime | None = None) -> Forecast:
    said = _("A reset that is asked for now would bring no mail: %(why)s.") % {"why": cause.label}
    if outcome == Outcome.SENT and cause in _WAITS:
        said = _("A reset that is asked for now would have to wait: %(why)s.") % {"why": cause.label}
    if free is not None:
        said = _("%(said)s It is free again at %(at)s.") % {"said": said, "at": moment(free)}
    return Forecast(
        goes=False,
        sentence=said,
        outcome=outcome,
        kind=verdict.kind if verdict else EmailKind.RESET,
        address=verdict.address if verdict else "",
        obstacle=cause,
        free_again_at=free,
    )
