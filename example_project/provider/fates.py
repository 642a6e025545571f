"""What becomes of a mail, chosen by the recipient's own name; any domain will do.

Only the choice lives here: how an event looks on the wire is in ``postmark``, when it is posted in ``callbacks``.
"""

from dataclasses import dataclass
from enum import StrEnum


class Record(StrEnum):
    """One kind of thing that Postmark reports."""

    DELIVERY = "Delivery"
    HARD_BOUNCE = "HardBounce"
    SOFT_BOUNCE = "SoftBounce"
    TRANSIENT = "Transient"
    SPAM_COMPLAINT = "SpamComplaint"
    OPEN = "Open"


@dataclass(frozen=True)
class Step:
    """An event to come, so many seconds after the mail was accepted."""

    after: float
    record: Record


@dataclass(frozen=True)
class Fate:
    """A name, what will be reported, and one sentence for whoever reads the inbox."""

    name: str
    meaning: str
    steps: tuple[Step, ...] = ()
    refused: bool = False
    once: bool = False  # whoever writes a second time is delivered to
    no_marketing: bool = False  # unsubscribed from every stream but the transactional one


DELIVERED = Fate("delivered", "Delivered at once.", (Step(0.2, Record.DELIVERY),))

CHOSEN = {
    fate.name: fate
    for fate in (
        Fate("bounce+hard", "Comes back for good: no such mailbox (550 5.1.1).", (Step(0.3, Record.HARD_BOUNCE),)),
        Fate("bounce+soft", "Comes back this time: the mailbox is full (452 4.2.2).", (Step(0.3, Record.SOFT_BOUNCE),)),
        Fate(
            "full",
            "Comes back the first time: the mailbox is full (452 4.2.2). Then there is room.",
            (Step(0.3, Record.SOFT_BOUNCE),),
            once=True,
        ),
        Fate("slow", "Accepted at once, delivered after some seconds.", (Step(6.0, Record.DELIVERY),)),
        Fate(
            "defer",
            "The other side asks to come back later; delivered on the second try.",
            (Step(0.3, Record.TRANSIENT), Step(5.0, Record.DELIVERY)),
        ),
        Fate(
            "complaint",
            "Delivered, then reported as spam by the person.",
            (Step(0.2, Record.DELIVERY), Step(3.0, Record.SPAM_COMPLAINT)),
        ),
        Fate(
            "optout",
            "Unsubscribed from marketing: the provider refuses it, and delivers what is transactional.",
            (Step(0.2, Record.DELIVERY),),
            no_marketing=True,
        ),
        Fate("silent", "Accepted, and then nothing is heard of it again."),
        Fate("reject", "Refused by the provider: an inactive recipient (error 406).", refused=True),
    )
}


def of(address: str) -> Fate:
    """The fate of an address: ``slow@…`` or, to have many of a kind, ``slow+anything@…``."""
    local = address.rpartition("@")[0].lower()
    for name, fate in CHOSEN.items():
        if local == name or local.startswith(name + "+"):
            return fate
    return DELIVERED
