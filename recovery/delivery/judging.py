"""What an answer means for the mail's row: every claim ends in one move.

Waits are spread over their whole length (full jitter), so that what failed together does not come back together.
A mail that may have left is never called failed: it rests as unknown instead.
"""

import random
from collections.abc import Container
from typing import Final

from recovery import alarms
from recovery.delivery import doubts
from recovery.delivery.held import Held, Result
from recovery.models import Email
from recovery.models.moves import Move
from recovery.reasons import Alarm, EmailReason, EmailVerb, TryOutcome
from recovery.routes import Tried

MOST_TRIES: Final = 12
MOST_REFUSALS: Final = 3  # of the mail as it is; its template may be mended in between
FIRST_WAIT: Final = 10.0
LONGEST_WAIT: Final = 300.0
GREYLISTED: Final = 60.0  # seconds: greylisting asks for minutes (RFC 6647 section 5)

REASONS: Final = {
    TryOutcome.REFUSED_RECIPIENT: EmailReason.PROVIDER_REFUSED_RECIPIENT,
    TryOutcome.REFUSED_US: EmailReason.PROVIDER_REFUSED_US,
    TryOutcome.REFUSED_MAIL: EmailReason.PROVIDER_REFUSED_MAIL,
    TryOutcome.BUSY: EmailReason.PROVIDER_BUSY,
    TryOutcome.LATER: EmailReason.PROVIDER_BUSY,
    TryOutcome.DOWN: EmailReason.PROVIDER_DOWN,
    TryOutcome.AMBIGUOUS: EmailReason.NO_CLEAR_ANSWER,
    TryOutcome.MALFORMED: EmailReason.RENDER_ERROR,
}
OF_THE_ROUTE: Final = frozenset({TryOutcome.BUSY, TryOutcome.REFUSED_US})


def judge(result: Result, *, shut: Container[str] = ()) -> Move:
    """The move that ends this claim. ``shut`` are the routes whose circuits are open by now."""
    if move := doubts.settled(result):
        return move
    if not result.tries:
        return give_back(result.held)
    outcome, email = result.tries[-1].outcome, result.held.email
    if outcome == TryOutcome.ACCEPTED:
        return _handed_over(result)
    if outcome == TryOutcome.AMBIGUOUS:
        return _doubt(result)
    refuses_mail = outcome == TryOutcome.REFUSED_MAIL and email.strike_count >= MOST_REFUSALS
    if refuses_mail or outcome == TryOutcome.REFUSED_RECIPIENT:
        return _end(result, REASONS[outcome])
    if outcome == TryOutcome.MALFORMED:
        sound_render_error(email, result.tries[-1].detail.partition(":")[0])
    return _wait(result, shut)


def not_rendered(held: Held, *, error: str, detail: str) -> Move:
    """Tried again later all the same: a template may be mended before the mail is too late."""
    sound_render_error(held.email, error)
    return _wait(Result(held, [Tried(TryOutcome.MALFORMED, route="", detail=detail)]), ())


def give_back(held: Held, *, seconds: float = 0.0) -> Move:
    """It was claimed and not tried: neither the try nor a strike counts."""
    return Move(email_id=held.email.pk, verb=EmailVerb.RETURN, wait=seconds, attempts=-1, strikes=-1)


def sound_render_error(email: Email, error: str) -> None:
    alarms.sound(Alarm.RENDER_ERROR, f"{email.kind}/{email.language or '-'}", detail=error[:80])


def _handed_over(result: Result) -> Move:
    last = result.tries[-1]
    return Move(
        email_id=result.held.email.pk,
        verb=EmailVerb.HAND_OVER,
        detail=_told(result, last.esp_message_id),
        route=last.route,
        esp=last.esp,
        esp_message_id=last.esp_message_id,
        doubts=None,
    )


def _wait(result: Result, shut: Container[str]) -> Move:
    """Wait, twice as long each time; at the end of its tries the mail is set aside."""
    email, last = result.held.email, result.tries[-1]
    # While a route is down for everybody, this very mail is not what is wrong.
    is_the_routes = last.outcome in OF_THE_ROUTE or (last.outcome == TryOutcome.DOWN and last.route in shut)
    if not is_the_routes and email.strike_count >= MOST_TRIES:
        alarms.sound(Alarm.POISON, str(email.pk), detail=REASONS[last.outcome])
        return _end(result, EmailReason.POISON)
    at_least = GREYLISTED if last.outcome == TryOutcome.LATER else 1.0
    ceiling = min(FIRST_WAIT * 2 ** min(max(email.attempt_count - 1, 0), MOST_TRIES), LONGEST_WAIT)
    return Move(
        email_id=email.pk,
        verb=EmailVerb.DEFER,
        reason=REASONS[last.outcome],
        detail=_told(result, last.detail),
        wait=between(at_least, max(ceiling, 2 * at_least)),
        route=_route(result),
        strikes=-1 if is_the_routes else 0,
        doubts=_doubts(result),
    )


def _doubt(result: Result) -> Move:
    """It may have left: try again under the same key after a while, but only so often."""
    email, last = result.held.email, result.tries[-1]
    before = 0 if doubts.is_denied(result) else email.doubt_count
    rests = before >= doubts.repeats(last.route)
    longest = min(doubts.SETTLING * 2 ** min(before + 1, 4), doubts.LONGEST)
    return Move(
        email_id=email.pk,
        verb=EmailVerb.REST if rests else EmailVerb.DOUBT,
        reason=EmailReason.NO_CLEAR_ANSWER,
        detail=_told(result, last.detail),
        wait=None if rests else between(doubts.SETTLING, longest),
        route=last.route,
        doubts=before + 1 - email.doubt_count,
    )


def _end(result: Result, reason: str) -> Move:
    """It failed; where an earlier try may have brought it out, it rests instead, unless nobody takes it there."""
    email, last = result.held.email, result.tries[-1]
    rests = reason != EmailReason.PROVIDER_REFUSED_RECIPIENT and email.doubt_count > 0 and not doubts.is_denied(result)
    return Move(
        email_id=email.pk,
        verb=EmailVerb.REST if rests else EmailVerb.FAIL,
        reason=reason,
        detail=_told(result, last.detail),
        route=_route(result),
        doubts=_doubts(result),
    )


def _route(result: Result) -> str:
    """By which it was tried last; of a doubted mail, by which it may have left."""
    return "" if result.held.email.doubt_count and not doubts.is_denied(result) else result.tries[-1].route


def _doubts(result: Result) -> int | None:
    return None if doubts.is_denied(result) else 0


def between(shortest: float, longest: float) -> float:
    return random.uniform(shortest, longest)  # noqa: S311 - spreads load, hides nothing


def _told(result: Result, last_said: str) -> str:
    """What each route said in order, as the timeline shows it; of the routes before the last, what it came to."""
    *before, last = result.tries
    said = [f"{result.asked.route} · it has no such mail"] if result.asked and doubts.is_denied(result) else []
    said += [f"{tried.route} · {tried.outcome.value} · {tried.detail}" for tried in before]
    said.append(" · ".join(filter(None, [last.route, last_said, result.held.said])))
    return "; ".join(said)
