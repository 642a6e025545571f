"""What tests of notices and their answers begin with."""

from typing import Any

from recovery import accounts, notices
from recovery.models import Rotation
from recovery.origin import Origin
from tests.objecting import THIEF, code_in, link_in, newest_to, opened

SPARE = "spare@example.net"


def told(user: Any, address: str = "") -> Any:
    """Somebody signed in from elsewhere; the mail about it."""
    notices.new_device(user, origin=THIEF)
    return newest_to(address or user.email)


def rotated(user: Any) -> bool:
    return Rotation.objects.filter(members__user_key=accounts.key_of(user)).exists()


def says_so_again(message: Any) -> Any:
    client, form = opened(link_in(message))
    return client.post(form, {"code": code_in(message)})


def told_elsewhere(user: Any) -> Any:
    notices.new_device(user, origin=Origin(ip="198.51.100.9"))
    return newest_to(user.email)
