"""What a diagnosis says, as values: evidence, findings, the explanation with its forecast. Nothing is read here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Model

from recovery.diagnosis.fixes import FIXES
from recovery.diagnosis.sentences import OVER, OVER_FOR_ADDRESS, OVER_SINCE, SENTENCES
from recovery.diagnosis.subjects import Subject
from recovery.diagnosis.wording import moment
from recovery.reasons import Cause, Confidence, EmailKind, Fix
from recovery.timelines import Step

Target = tuple[str, str]
"""Label of a model and the key of a row, as text: what the button of a fix acts on."""
Left = tuple[Fix, Target | None]
"""What is left to do, and on which row."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that a cause rests on. ``model`` and ``pk`` name its row, "" where there is none to show; ``quote``
    is what the other side said, word for word."""

    text: str
    at: datetime | None = None
    model: str = ""
    pk: str = ""
    quote: str = ""

    def as_json(self) -> dict[str, Any]:
        at = self.at.isoformat() if self.at else None
        return {"text": self.text, "at": at, "model": self.model, "pk": self.pk, "quote": self.quote}


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause. ``sentence`` is for an agent on the phone and says what to do; addresses in it are as stored."""

    code: Cause
    sentence: str
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    fix: Fix
    fix_target: Target | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code.value,
            "sentence": self.sentence,
            "evidence": [each.as_json() for each in self.evidence],
            "confidence": self.confidence.value,
            "fix": self.fix.value,
            "fix_target": list(self.fix_target) if self.fix_target else None,
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """What would become of a reset that was asked for now: ``goes`` is whether the mail would leave at once, ``route``
    by which way. Else ``obstacle`` says why not, and ``free_again_at`` until when, where that is known.

    ``outcome`` is what would be decided for this account (a word of ``Outcome``; "throttled" also where the ask itself
    is refused), ``kind`` the mail and ``address`` where it would go.
    """

    goes: bool
    sentence: str
    outcome: str
    kind: EmailKind = EmailKind.RESET
    address: str = ""
    route: str = ""
    obstacle: Cause | None = None
    free_again_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "goes": self.goes,
            "sentence": self.sentence,
            "outcome": str(self.outcome),
            "kind": self.kind.value,
            "address": self.address,
            "route": self.route,
            "obstacle": self.obstacle.value if self.obstacle else None,
            "free_again_at": self.free_again_at.isoformat() if self.free_again_at else None,
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a person did not get the mail: one leading cause, then the others, what happened, and what would happen."""

    subject: Subject
    leading: Finding
    findings: tuple[Finding, ...]
    timeline: list[Step]
    would: Forecast | None

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject.as_json(),
            "leading": self.leading.as_json(),
            "findings": [each.as_json() for each in self.findings],
            "timeline": [_step_as_json(step) for step in self.timeline],
            "would": self.would.as_json() if self.would else None,
        }


def label_of(row: Model) -> str:
    return row._meta.label_lower


def target_of(row: Model | None) -> Target | None:
    return (label_of(row), str(row.pk)) if row is not None else None


def seen(row: Model, text: Any, at: datetime | None = None, *, quote: str = "") -> Evidence:
    """Evidence that stands in a row."""
    return Evidence(str(text), at, label_of(row), str(row.pk), quote)


NOTHING_SAID: Final[Mapping[str, Any]] = {}


def made(
    code: Cause,
    *evidence: Evidence,
    confidence: Confidence,
    said: Mapping[str, Any] = NOTHING_SAID,
    fix: Fix | None = None,
    target: Target | None = None,
) -> Finding:
    """The finding of this cause, with its own sentence and, unless another is given, its own fix."""
    return Finding(code, str(SENTENCES[code]) % said, evidence, confidence, fix or FIXES[code], target)


def over(
    code: Cause,
    *evidence: Evidence,
    confidence: Confidence,
    left: Left,
    address: str = "",
    since: datetime | None = None,
) -> Finding:
    """The finding of this cause of then, which holds no more: ``left`` is what helps now."""
    fix, target = left
    sentence = OVER_SINCE if since else OVER_FOR_ADDRESS if address else OVER
    said = {"why": code.label, "fix": fix.label, "address": address, "at": moment(since)}
    return Finding(code, str(sentence) % said, evidence, confidence, fix, target)


def _step_as_json(step: Step) -> dict[str, Any]:
    return {
        "at": step.at.isoformat(),
        "what": step.what,
        "label": step.label,
        "detail": step.detail,
        "by": step.by.value,
        "seconds": round(step.seconds, 3),
    }
