"""Mail that may have left: its provider is asked where it can be, and what it says decides."""

from typing import Final

from recovery import routes
from recovery.delivery.held import Held, Result, Word
from recovery.models import Email
from recovery.models.moves import Move
from recovery.reasons import EmailReason, EmailVerb, EventKind
from recovery.routes import Answer

SETTLING: Final = 60.0  # seconds; a provider's own search lags behind: neither ask nor repeat sooner
LONGEST: Final = 300.0
LAST_CALL: Final = 120.0  # seconds before send-by: a mail whose provider keeps silent is repeated then
REPEATS: Final = 1  # after an ambiguous answer
REPEATS_UNDER_KEY: Final = 5  # where the provider knows our key, or can be asked: a repeat makes no second mail


def places(email: Email) -> list[str]:
    """The routes by which a doubted mail may have left: of one whose worker died, any of them."""
    if not email.doubt_count:
        return []
    if email.doubt_count == 1 and email.route and email.reason == EmailReason.NO_CLEAR_ANSWER:
        return [email.route]
    names = [route.name for route in routes.of(email.kind, email.audience)]
    return list(dict.fromkeys([*filter(None, [email.route]), *names]))


def ask(held: Held) -> Word | None:
    """Ask one provider after the other, until one has the mail or does not say; None where none can be asked."""
    word = None
    for name in held.ask_at:
        word = Word(name, routes.ask(name, email_id=held.email.pk, recipient=held.email.recipient))
        if word.asked.answer != Answer.HAS_NOT:
            break
    return word


def is_over(held: Held, word: Word | None) -> bool:
    """Whether there is nothing left to try after what the provider said."""
    if held.stop:
        return True
    if word is None or word.asked.answer == Answer.HAS_NOT:
        return False
    return word.asked.answer == Answer.HAS or held.may_wait


def is_denied(result: Result) -> bool:
    """Whether it is sure now that no earlier try brought the mail out."""
    word = result.asked
    return word is not None and word.asked.answer == Answer.HAS_NOT and result.held.is_askable


def settled(result: Result) -> Move | None:
    """What the provider's word alone makes of a doubted mail; None where a try decides."""
    held, word = result.held, result.asked
    if word is None or not is_over(held, word):
        return None
    asked = word.asked
    if asked.answer == Answer.HAS:
        return Move(
            email_id=held.email.pk,
            verb=EmailVerb.HAND_OVER,
            event=EventKind.ASKED,
            detail=" · ".join(filter(None, [word.route, "it has the mail", asked.esp_message_id])),
            route=word.route,
            esp=asked.esp,
            esp_message_id=asked.esp_message_id,
            doubts=None,
        )
    if held.stop:
        return held.stop if is_denied(result) else rest(held.stop)
    return _silent(held, word)


def rest(stop: Move) -> Move:
    """Nobody can say that it never left: it is neither expired nor cancelled, and stays as it is."""
    return Move(email_id=stop.email_id, verb=EmailVerb.REST, reason=stop.reason, detail=stop.detail, wait=None)


def _silent(held: Held, word: Word) -> Move:
    return Move(
        email_id=held.email.pk,
        verb=EmailVerb.DOUBT,
        reason=EmailReason.NO_CLEAR_ANSWER,
        event=EventKind.ASKED,
        detail=f"{word.route} · no answer",
        wait=SETTLING,
        strikes=-1,
    )


def repeats(route: str) -> int:
    """How often a mail is repeated after ambiguous answers of this route."""
    return REPEATS_UNDER_KEY if routes.honours_key(route) or routes.can_be_asked(route) else REPEATS
