"""From evidence to a class: enhanced status, SMTP code, the provider's sub-type and type, anymail's reason, then text.

The first that says something decides, and names its rule. Codes that servers use for everything have the text read
before the provider's words: "550" and a sentence say more than one word for both. What nothing explains stays
undetermined. Hard is only what nothing contradicts: relays make 5.1.1 of every 550, and some servers too.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from recovery.bounces import statuses, texts, words
from recovery.bounces.evidence import LONGEST_TEXT, Classified, Evidence
from recovery.models import Bounce, NewBounce
from recovery.reasons import EXCUSED_RULE, BounceClass, EventKind

FAILURES: Final = frozenset({EventKind.BOUNCED, EventKind.REJECTED, EventKind.FAILED, EventKind.DEFERRED})
AFTER: Final = timedelta(hours=24)
"""How long a failure that is excused once must last to be excused no more."""


_SPEAKS_AGAINST: Final = frozenset({"mailbox_full", "too_big", "refused_for_us"})
"""Text rules for which a code that means a dead address is not believed."""
_SPEAKS_AGAINST_A_RELAY: Final = _SPEAKS_AGAINST | {"disabled", "not_for_now"}
"""The same for a code that no server said: what passed the mail on made it of a bare reply."""


class Verdict(NamedTuple):
    bounce_class: BounceClass | None
    rule: str


def classify(evidence: Evidence) -> Classified | None:
    """What it is; None for what is neither failure nor complaint. Asks nobody and writes nothing.

    A delay is a failure that may pass: soft, whatever the codes say, or refused for policy.
    """
    verdict = _judged(evidence)
    if verdict is None or verdict.bounce_class is None:
        return None
    return Classified(
        bounce_class=verdict.bounce_class, rule=verdict.rule[:80], evidence=_one_line(evidence)[:LONGEST_TEXT]
    )


def _judged(evidence: Evidence) -> Verdict | None:
    if evidence.kind == EventKind.COMPLAINED:
        return next(_by_words(evidence), Verdict(BounceClass.COMPLAINT, "kind:complained"))
    if evidence.kind not in FAILURES:
        # "Unknown" is anymail's word where a provider's own may say more.
        return next(_by_words(evidence), None) if evidence.kind == EventKind.UNKNOWN else None
    verdict = next(_verdicts(evidence), Verdict(BounceClass.UNDETERMINED, "none"))
    if verdict.bounce_class == BounceClass.HARD:
        verdict = _unless_contradicted(evidence, verdict)
    if evidence.kind == EventKind.DEFERRED and verdict.bounce_class in (BounceClass.HARD, BounceClass.UNDETERMINED):
        return Verdict(BounceClass.SOFT, "kind:deferred")
    return verdict


def _unless_contradicted(evidence: Evidence, hard: Verdict) -> Verdict:
    """What else was said, where it shows that it is not the address: who was refused before the recipient was named,
    or a reason of another kind beside a code. A text that speaks of the recipient, too, is left as it is."""
    if texts.before_recipient(evidence.text):
        return Verdict(BounceClass.POLICY, f"{hard.rule}+before_recipient")
    said = texts.rule_for(evidence.text)
    by_relay = hard.rule == f"enhanced:{evidence.status}" and evidence.status not in evidence.text
    against = _SPEAKS_AGAINST_A_RELAY if by_relay else _SPEAKS_AGAINST
    if said is None or said.name not in against or texts.of_recipient(evidence.text):
        return hard
    return Verdict(said.bounce_class, f"{hard.rule}+text:{said.name}")


def _verdicts(evidence: Evidence) -> Iterator[Verdict]:
    """What each kind of evidence says, the strongest first."""
    status = _status(evidence)
    if by_status := statuses.of_status(status):
        yield Verdict(by_status, f"enhanced:{status}")
    said = texts.rule_for(evidence.text)
    if statuses.asks_for_text(status) and said:
        yield Verdict(said.bounce_class, f"enhanced:{status}+text:{said.name}")
    code = evidence.code or statuses.code_in(evidence.text)
    if code in statuses.PROTOCOL and said:
        yield Verdict(said.bounce_class, f"smtp:{code}+text:{said.name}")
    if by_code := statuses.of_code(code):
        yield Verdict(by_code, f"smtp:{code}")
    if said and (status or code):
        yield Verdict(said.bounce_class, f"{f'enhanced:{status}' if status else f'smtp:{code}'}+text:{said.name}")
    if by_vague := statuses.vague(status):
        yield Verdict(by_vague, f"enhanced:{status}")
    yield from _by_words(evidence)
    if evidence.reject_reason in words.REASONS:
        yield Verdict(words.REASONS[evidence.reject_reason], f"reason:{evidence.reject_reason}")
    if said:
        yield Verdict(said.bounce_class, f"text:{said.name}")


def _status(evidence: Evidence) -> str:
    """The reply that a server gave says more than the code that a relay made of it: some make 5.1.1 of everything."""
    said = statuses.reply_in(evidence.text)
    if statuses.of_status(said) or statuses.vague(said):
        return said
    if statuses.of_status(evidence.status):
        return evidence.status
    return said or statuses.status_in(evidence.text) or evidence.status


def _by_words(evidence: Evidence) -> Iterator[Verdict]:
    esp, kind, special = evidence.esp, evidence.provider_type, evidence.provider_subtype
    if special in words.SUBTYPES.get(esp, {}):
        yield Verdict(words.SUBTYPES[esp][special], f"{esp}:{kind}/{special}")
    if kind in words.TYPES.get(esp, {}):
        yield Verdict(words.TYPES[esp][kind], f"{esp}:{kind}")


def _one_line(evidence: Evidence) -> str:
    """What was said, else the provider's words; no line breaks, NUL or invisible signs of strangers."""
    text = evidence.text or " ".join(filter(None, [evidence.provider_type, evidence.provider_subtype]))
    return " ".join((text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)).split())


def on_second_sight(found: Sequence[Bounce | NewBounce], first: Mapping[str, datetime]) -> None:
    """Make hard, before they are written, those that a first time excuses and that were seen a day before.

    ``first``: when they were first seen of an address.
    """
    for bounce in found:
        seen = first.get(bounce.recipient_key) if bounce.rule == EXCUSED_RULE else None
        if seen and bounce.occurred_at - seen >= AFTER:
            bounce.bounce_class, bounce.rule = BounceClass.HARD, f"{EXCUSED_RULE}:again"
