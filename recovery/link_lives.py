"""How long a link lives: what the site says, or what was measured of its audience."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from recovery import limits
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.models import LinkLife, ResetToken
from recovery.reasons import EmailKind, TokenState

CEILING: Final = timedelta(hours=24)  # NIST SP 800-63B-4 section 4.2.1.2: recovery codes sent by mail
ACTIVATION_CEILING: Final = timedelta(days=7)  # not of a recovery: there is nothing yet that could be taken over
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(minutes=60)
FEWEST: Final = 200  # deliveries, and openings, below which a 95th percentile says little
MEASURED: Final = timedelta(days=7)


def lifetime(audience: str = "default") -> timedelta:
    """Life of a link of that audience from hand-over, at most 24 hours. "auto": as ``rollup`` measured it last, which
    is one row; an hour while it has not."""
    return lifetimes([audience])[audience]


def lifetimes(audiences: Iterable[str]) -> dict[str, timedelta]:
    """The same of several at once; one statement at most."""
    lives = {audience: fixed_lifetime(audience) or LONGEST for audience in audiences}
    measured = [audience for audience in lives if fixed_lifetime(audience) is None]
    if measured:
        known = LinkLife.objects.filter(audience__in=measured).values_list("audience", "seconds")
        lives |= {audience: timedelta(seconds=seconds) for audience, seconds in known}
    return lives


def outlast_cap(links: "QuerySet[ResetToken]", *, asked: str = "") -> None:
    """Where nobody may ask for an account within the hour any more, let its newest link live until somebody may, if a
    measured life would end before: whoever asks for somebody else all the time must not leave them without a link that
    works. An hour at most, as all lives that are measured; what a site says is left as it is.

    ``asked``: what was typed a moment ago, beside what the links were asked by. In the caller's transaction or its own;
    no statement where no measured life is shorter than that hour.
    """
    doors = [door for door in ("default", *conf.AUDIENCES) if fixed_lifetime(door) is None]
    short = [door for door, life in lifetimes(doors).items() if life < LONGEST] if doors else []
    if not short:
        return
    live = links.filter(state=TokenState.LIVE, email__kind=EmailKind.RESET, email__audience__in=short)
    subjects = {
        pk: {("account", user_key), *(("address", normalise(text)) for text in (*typed, asked) if text)}
        for pk, user_key, *typed in live.values_list("pk", "user_key", "address", "request__identifier")
    }
    standing = limits.look(set().union(*subjects.values())) if subjects else {}
    longest = timezone.now() + LONGEST
    for pk, its in subjects.items():
        if caps := [standing[each].free_again_at for each in its if standing[each].is_used_up]:
            until = min(max(caps), longest)
            ResetToken.objects.filter(pk=pk, expires_at__lt=until).update(expires_at=until)


def fixed_lifetime(audience: str = "default") -> timedelta | None:
    """What the site says, or a function of its own, at most 24 hours; None where the life follows what is measured.
    Reads no row."""
    given = conf.AUDIENCES.get(audience, {}).get("TOKEN_LIFETIME", conf.TOKEN_LIFETIME)
    if isinstance(given, str) and given != "auto":
        given = import_string(given)(audience)
    return min(given, CEILING) if isinstance(given, timedelta) else None


def forced_lifetime() -> timedelta:
    """Life of a link after a forced rotation, at most 24 hours."""
    return min(conf.FORCED_LIFETIME, CEILING)


def first_lifetime() -> timedelta:
    """Life of a link to the first password, at most 7 days."""
    return min(conf.ACTIVATION_LIFETIME, ACTIVATION_CEILING)
