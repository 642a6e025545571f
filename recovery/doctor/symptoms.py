"""What the doctor found of one thing: how it is, in one sentence, and what to do next."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from recovery.reasons import Examined, Judgement


@dataclass(frozen=True, slots=True)
class Symptom:
    """``what_next`` is "" where nothing is to be done."""

    examined: Examined
    judgement: Judgement
    said: str
    what_next: str = ""
    subject: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "examined": self.examined.value, "judgement": self.judgement.value}


def is_healthy(symptoms: Iterable[Symptom]) -> bool:
    """Nothing must be mended; what nobody knows is no proof that anything is wrong."""
    return all(symptom.judgement != Judgement.PROBLEM for symptom in symptoms)
