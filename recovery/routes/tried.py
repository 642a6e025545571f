"""What one try at one route came to, as a value: nothing is raised on the way back from the network."""

from dataclasses import dataclass
from datetime import timedelta

from recovery.reasons import TryOutcome


@dataclass(frozen=True, slots=True)
class Tried:
    """What one try came to. ``detail`` may echo the mail: clean it before it is stored."""

    outcome: TryOutcome
    route: str
    esp: str = ""
    esp_message_id: str = ""
    detail: str = ""
    retry_after: timedelta | None = None
    seconds: float = 0.0
