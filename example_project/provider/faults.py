"""The ways in which the provider can misbehave, for tests and benchmarks; one at a time, for so many calls or for good.

A fault says what the caller gets to see and whether the mail was accepted all the same; ``server`` acts it out.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Ending(StrEnum):
    """How a call ends once the fault has decided whether the mail counts as accepted.

    Close and hang never answer; hold answers when the provider is told to let go; drop does not even read the call.
    """

    ANSWER = "answer"
    CLOSE = "close"
    DROP = "drop"
    HANG = "hang"
    HOLD = "hold"


@dataclass(frozen=True)
class Fault:
    """One way to misbehave. ``garbage`` replaces the body of an answer to a mail that was accepted all the same.

    ``seconds`` is how long the answer takes; of "flap", how long each run lasts: it fails every other one.
    """

    name: str
    accepts: bool = True
    status: int = 200
    error_code: int = 0
    message: str = "OK"
    garbage: bytes | None = None
    ending: Ending = Ending.ANSWER
    retry_after: str | None = None
    seconds: float = 0.0

    @property
    def is_error(self) -> bool:
        return not self.accepts and self.ending is Ending.ANSWER


def _refusing(name: str, status: int, error_code: int, message: str) -> Fault:
    return Fault(name, accepts=False, status=status, error_code=error_code, message=message)


OK = Fault("ok")

FAULTS = {
    fault.name: fault
    for fault in (
        OK,
        _refusing("bad_key", 401, 10, "No Account or Server API tokens were supplied in the HTTP headers."),
        _refusing("forbidden", 403, 0, "Forbidden."),
        _refusing("unprocessable", 422, 300, "Invalid 'From' address: the sender signature is not confirmed."),
        _refusing("limited", 429, 0, "Rate limit exceeded."),
        _refusing("broken", 500, 0, "Internal server error."),
        _refusing("unavailable", 503, 100, "Maintenance."),
        replace(_refusing("flap", 503, 100, "Maintenance."), seconds=1.0),
        Fault("slow", seconds=0.05),
        Fault("close", ending=Ending.CLOSE),
        Fault("drop", accepts=False, ending=Ending.DROP),
        Fault("hang", ending=Ending.HANG),
        Fault("hold", ending=Ending.HOLD),
        Fault("garbage", garbage=b"<html>Service under maintenance</html>"),
        Fault("no_id", status=202, garbage=b'{"ErrorCode": 0, "Message": "OK"}'),
    )
}
