"""What a site may write about the domains that it sends from: the shapes of addresses, networks and DNS servers."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any, Final

SENDER_KEYS: Final = ("RETURN_PATH", "DKIM_SELECTORS", "IPS")
"""What a route may say of its own sender."""
DOMAIN: Final = re.compile(r"(?=.{1,190}$)[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)  # a path has 256 octets
_SERVER: Final = re.compile(
    r"\[(?P<six>[0-9a-f:.]+)\](?::\d+)?|(?P<four>[0-9.]+)(?::\d+)?|(?P<bare>[0-9a-f:.]+)", re.IGNORECASE
)


def is_network(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ip_network(value, strict=False))
    except ValueError:
        return False


def is_server(value: Any) -> bool:
    """An address, with a port or without."""
    found = _SERVER.fullmatch(value) if isinstance(value, str) else None
    return found is not None and is_network(found["six"] or found["four"] or found["bare"])


def is_sender(route: Mapping[str, Any]) -> bool:
    """Whether what a route says of its own sender can be used."""
    selectors, networks = route.get("DKIM_SELECTORS", ()), route.get("IPS", ())
    are_lists = isinstance(selectors, list | tuple) and isinstance(networks, list | tuple)
    is_domain = "RETURN_PATH" not in route or bool(DOMAIN.fullmatch(str(route["RETURN_PATH"])))
    return (
        are_lists and is_domain and all(isinstance(each, str) for each in selectors) and all(map(is_network, networks))
    )
