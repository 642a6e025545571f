"""A mail on its way through one claim: what was found out about it, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from recovery.models import Email, ResetToken
from recovery.models.moves import Move
from recovery.rendering import Message
from recovery.routes import Asked, Route, Tried


@dataclass(slots=True)
class Held:
    """One mail under our lease. Its message holds the links: it is shown nowhere."""

    email: Email
    deadline: float  # by time.monotonic(): when the lease ends at the latest
    may_wait: bool = True  # for a provider that does not say whether it has the mail
    links: Sequence[ResetToken] = ()
    stop: Move | None = None  # of a doubted mail: how it ends once its provider says that it has it not
    ask_at: Sequence[str] = ()  # of a doubted mail: routes whose providers can say whether they have it
    is_askable: bool = False  # no other route can have it: if these have it not, it never left
    may_probe: bool = False  # it is the least urgent of its claim: with it, a route that failed may be tried
    probe: str = ""  # the route that is being tried with it
    plan: Sequence[Route] = ()
    message: Message | None = field(default=None, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)
    said: str = ""  # what people must know of how it was made


@dataclass(frozen=True, slots=True)
class Word:
    """What the provider of a route said when it was asked for a mail."""

    route: str
    asked: Asked


@dataclass(frozen=True, slots=True)
class Result:
    """What the providers said to one mail: when they were asked for it, and to each try in order."""

    held: Held
    tries: Sequence[Tried] = ()
    asked: Word | None = None
    seconds: float = 0.0
