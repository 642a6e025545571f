"""What a person and the site may be like before an ask: each value of whatever decides whether a mail leaves."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from recovery.reasons import EmailKind, MailLevel

PORTAL = {
    "portal": {"BASE_URL": "https://portal.example", "ROUTES": ["spare"], "MEMBERS": f"{__name__}.is_of_the_portal"}
}
HOSTS = {"default": "testserver", "portal": "portal.example"}


def is_of_the_portal(user: Any) -> bool:
    return bool(user.last_name == "of the portal")


@dataclass(frozen=True)
class State:
    """Of one person and of the site, before the ask."""

    is_active: bool
    password: str | None
    has_joined: bool
    is_invited: bool
    address: str
    is_verified: bool
    asks: int
    is_rested: bool
    stop: str
    stop_of: str
    level: str
    off: tuple[str, ...]
    failing: tuple[str, ...]
    kinds: bool
    lock: str
    backup: str
    is_frozen: bool
    is_member: bool
    door: str
    by_staff: bool


states = st.builds(
    State,
    is_active=st.sampled_from([True, True, True, False]),
    password=st.sampled_from(["a heron in the reeds", "a heron in the reeds", None]),
    has_joined=st.booleans(),
    is_invited=st.booleans(),
    address=st.sampled_from(["own", "own", "own", ""]),
    is_verified=st.sampled_from([True, True, True, False]),
    asks=st.integers(0, 4),
    is_rested=st.booleans(),
    stop=st.sampled_from(["", "", "", "bounced", "complained", "staff"]),
    stop_of=st.sampled_from(["", "", EmailKind.RESET, EmailKind.ACTIVATION, EmailKind.SITE]),
    level=st.sampled_from([MailLevel.ALL, MailLevel.ALL, MailLevel.ALL, MailLevel.SYSTEM, MailLevel.NONE]),
    off=st.sampled_from([(), (), (), ("main",), ("main", "spare")]),
    failing=st.sampled_from([(), (), ("main",), ("spare",), ("main", "spare")]),
    kinds=st.sampled_from([True, True, True, False]),
    lock=st.sampled_from(["", "staff", "guesses"]),
    backup=st.sampled_from(["", "unconfirmed", "waiting", "usable", "usable", "stopped"]),
    is_frozen=st.booleans(),
    is_member=st.booleans(),
    door=st.sampled_from(["default", "portal"]),
    by_staff=st.sampled_from([False, False, True]),
)


OPEN = State(
    is_active=True, password="a heron in the reeds", has_joined=True, is_invited=False, address="own", is_verified=True,
    asks=0, is_rested=True, stop="", stop_of="", level=MailLevel.ALL, off=(), failing=(), kinds=True, lock="",
    backup="", is_frozen=False, is_member=False, door="default", by_staff=False,
)  # fmt: skip
"""Nothing stands in the way of a mail."""
