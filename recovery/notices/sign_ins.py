"""Notices of sign-ins: from a device that is not known, or one that the site itself found suspicious."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.base_user import AbstractBaseUser

from recovery import accounts, audit, limits, outbox
from recovery.models import Email
from recovery.models.primary import atomic
from recovery.notices.copies import compose, moment
from recovery.origin import Origin, shortened
from recovery.reasons import Action, EmailKind

DAY: Final = timedelta(days=1)
MOST_A_DAY: Final = 10  # of one account and kind: whoever has read ten knows
LONGEST_DETAIL: Final = 200


def new_device(user: AbstractBaseUser, *, origin: Origin, audience: str = "") -> list[Email]:
    """Tell the owner that somebody signed in with a device that the account is not known to have.

    One commit, or in the caller's transaction, and a ring. The same browser at the same place is told once a day, so
    that a browser which keeps no cookies does not bring a mail at each sign-in. Returns what was queued.
    """
    return _tell(EmailKind.NEW_DEVICE, user, origin=origin, audience=audience)


def suspicious_sign_in(user: AbstractBaseUser, *, origin: Origin, detail: str = "", audience: str = "") -> list[Email]:
    """For the site to call: tell the owner of a sign-in, or a try at one, that looked suspicious.

    ``detail`` says in the person's language what did, in at most 200 characters, and goes into the mail: it must be the
    site's own words and hold no address. Commits, and is told again, as ``new_device``. Sign-in itself goes on; a site
    that wants to end the password at once calls ``resets.force_rotation``.
    """
    return _tell(
        EmailKind.SUSPICIOUS_SIGN_IN,
        user,
        origin=origin,
        audience=audience,
        facts={"detail": detail[:LONGEST_DETAIL]},
    )


def _tell(
    kind: EmailKind, user: AbstractBaseUser, *, origin: Origin, audience: str, facts: Mapping[str, Any] | None = None
) -> list[Email]:
    with atomic(Email):
        facts = {"happened_at": moment(), **(facts or {})}
        emails = compose(kind, user, origin=origin, facts=facts, audience=audience)
        if not emails or not _is_news(kind, accounts.key_of(user), origin, str(facts.get("detail", ""))):
            return []
        outbox.write(
            emails,
            audit.event(
                Action.NOTICE_QUEUED,
                user_key=accounts.key_of(user),
                what=kind.value,
                told=len(emails),
                browser=origin.browser,
            ),
        )
    outbox.ring(emails)
    return emails


def _is_news(kind: EmailKind, user_key: str, origin: Origin, detail: str) -> bool:
    same = "\n".join([user_key, origin.browser or origin.user_agent, shortened(origin.ip) or origin.ip, detail])
    return (
        limits.tally(f"notice.{kind}", same, within=DAY) == 1
        and limits.tally(f"notices.{kind}", user_key, within=DAY) <= MOST_A_DAY
    )
