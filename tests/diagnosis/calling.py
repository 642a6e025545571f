"""One caller for each cause: what happened to them by the public doors, and how whoever mends it shows that it is."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from recovery.diagnosis import Explanation
from recovery.reasons import Cause
from tests.diagnosis.stage import Stage


@dataclass
class Call:
    """Who is looked up (a text or a user), whose access the fix brings back, and where the way there is not the usual
    one: what is done instead of a button (``mend``), and how the flow is run again (``again``). ``fixed`` is False
    where nothing here mends it; ``seen`` is what was said in the midst of it."""

    who: Any
    user: Any = None
    mend: Callable[[Explanation], object] | None = None
    again: Callable[[], object] | None = None
    then: Cause = Cause.COMPLETED
    fixed: bool = True
    seen: Explanation | None = None
    while_called: ExitStack = field(default_factory=ExitStack)


Caller = Callable[[Stage], Call]
CALLERS: dict[Cause, Caller] = {}


def calls(cause: Cause) -> Callable[[Caller], Caller]:
    def register(caller: Caller) -> Caller:
        assert cause not in CALLERS
        CALLERS[cause] = caller
        return caller

    return register
