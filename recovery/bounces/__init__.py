"""What failures and complaints mean: evidence in, a class out. Who is mailed no more for it, ``suppressions`` knows."""

from recovery.bounces.classes import classify, on_second_sight
from recovery.bounces.evidence import Classified, Evidence
from recovery.bounces.providers import evidence_of

__all__ = ["Classified", "Evidence", "classify", "evidence_of", "on_second_sight"]
