"""From evidence to a class, by the first rule that speaks."""

from collections.abc import Sequence

from recovery.bounces.evidence import Classified, Evidence
from recovery.models import Bounce
from recovery.reasons import BounceClass, EventKind


def classify(evidence: Evidence) -> Classified | None:
    """What it is; None for what is neither failure nor complaint. Asks nobody and writes nothing."""
    if evidence.kind == EventKind.COMPLAINED:
        return Classified(bounce_class=BounceClass.COMPLAINT, rule="kind:complained", evidence=evidence.text[:500])
    if evidence.kind in (EventKind.BOUNCED, EventKind.REJECTED, EventKind.FAILED):
        return Classified(bounce_class=BounceClass.UNDETERMINED, rule="none", evidence=evidence.text[:500])
    return None


def on_second_sight(found: Sequence[Bounce]) -> None:
    """Make hard, before they are written, those that a first time excuses and that were seen a day before.

    One statement, and none where there is nothing to look up.
    """
