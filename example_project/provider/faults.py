"""The ways in which the provider can misbehave, for tests and benchmarks; one at a time, for so many calls or for good.

A fault says what the caller gets to see and whether the mail was accepted all the same; ``server`` acts it out.
"""

from dataclasses import dataclass
from enum import StrEnum


class Ending(StrEnum):
    """How a call ends once the fault has decided whether the mail counts as accepted."""

    ANSWER = "answer"
    CLOSE = "close"
    HANG = "hang"


@dataclass(frozen=True)
class Fault:
    """One way to misbehave. ``garbage`` replaces the body of an answer to a mail that was accepted all the same."""

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
        return not self.accepts


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
        Fault("slow", seconds=0.05),
        Fault("close", ending=Ending.CLOSE),
        Fault("hang", ending=Ending.HANG),
        Fault("garbage", garbage=b"<html>Service under maintenance</html>"),
        Fault("no_id", status=202, garbage=b'{"ErrorCode": 0, "Message": "OK"}'),
    )
}
