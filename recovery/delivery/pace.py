"""How fast mail leaves: what is claimed ahead, and whether a thread is worth its while."""

from collections import deque
from statistics import fmean
from typing import Final

AHEAD: Final = 0.25  # seconds' worth of mail that is claimed before a connection is free for it
MOST_AHEAD: Final = 100
QUICK: Final = 0.003  # seconds: below this, handing a mail to another thread costs more than sending it
NOT_QUICK: Final = 0.02  # seconds
SAMPLE: Final = 8  # mails


class Pace:
    """Seconds that the last few mails took to send."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=SAMPLE)

    def learn(self, seconds: float) -> None:
        if self.is_quick and seconds > NOT_QUICK:
            self._recent.clear()  # it was sent in the thread that does the SQL, and must not be again
        self._recent.append(seconds)

    @property
    def is_quick(self) -> bool:
        """By the quickest of them: threads that compute at the same time make each other look slow."""
        return len(self._recent) == SAMPLE and min(self._recent) < QUICK

    def ahead(self, senders: int) -> int:
        """How many mails leave within the time that claims reach ahead; none while that is not known."""
        if not self._recent:
            return 0
        return min(MOST_AHEAD, int(AHEAD * senders / max(fmean(self._recent), 1e-6)))
