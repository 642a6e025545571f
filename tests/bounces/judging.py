"""A class for evidence, in one line."""

from recovery import bounces
from recovery.bounces import Classified, Evidence
from recovery.reasons import EventKind


def classified(kind: str = EventKind.BOUNCED, esp: str = "postmark", **facts: object) -> Classified | None:
    return bounces.classify(Evidence(esp=esp, kind=kind, recipient="ada@example.org", **facts))  # type: ignore[arg-type]


def verdict(kind: str = EventKind.BOUNCED, esp: str = "postmark", **facts: object) -> tuple[str, str] | None:
    found = classified(kind, esp, **facts)
    return (found.bounce_class, found.rule) if found else None
