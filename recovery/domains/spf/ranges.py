"""Sets of addresses, counted: what a record lets send can only be told from "anybody" by adding it up."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Final

Network = IPv4Network | IPv6Network
_FOUR: Final = 2**32
_LAST: Final = _FOUR + 2**128 - 1
MOST_OF_FOUR: Final = 2**24
"""More than one /8 of IPv4 belongs to no sender of mail; the widest records of big providers are below a quarter."""
MOST_OF_SIX: Final = 2**112
"""A /16 of IPv6: 65,536 times what a provider gets for all its customers (RFC 6177, RIPE-738: a /32)."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """First and last of each stretch, in order and apart, on one line: IPv4 first, IPv6 behind it."""

    stretches: tuple[tuple[int, int], ...] = ()

    def __or__(self, other: "Ranges") -> "Ranges":
        joined = list[tuple[int, int]]()
        for first, last in sorted(self.stretches + other.stretches):
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(last, joined[-1][1])
            else:
                joined.append((first, last))
        return Ranges(tuple(joined))

    def __invert__(self) -> "Ranges":
        apart, begins = list[tuple[int, int]](), 0
        for first, last in self.stretches:
            if begins < first:
                apart.append((begins, first - 1))
            begins = last + 1
        return Ranges((*apart, (begins, _LAST)) if begins <= _LAST else tuple(apart))

    def __and__(self, other: "Ranges") -> "Ranges":
        return ~(~self | ~other)

    def __sub__(self, other: "Ranges") -> "Ranges":
        return self & ~other

    def __bool__(self) -> bool:
        return bool(self.stretches)

    def holds(self, other: "Ranges") -> bool:
        return not other - self

    @property
    def is_anybody(self) -> bool:
        """Whether so many addresses are in it that whoever wants to can send from one."""
        four, six = self & EVERY_FOUR, self - EVERY_FOUR
        return four._count() > MOST_OF_FOUR or six._count() >= MOST_OF_SIX

    def _count(self) -> int:
        return sum(last - first + 1 for first, last in self.stretches)


NOBODY: Final = Ranges()
EVERYBODY: Final = Ranges(((0, _LAST),))
EVERY_FOUR: Final = Ranges(((0, _FOUR - 1),))


def ranges_of(networks: Iterable[Network]) -> Ranges:
    found = NOBODY
    for network in networks:
        start = int(network.network_address) + (_FOUR if network.version == 6 else 0)
        found |= Ranges(((start, start + network.num_addresses - 1),))
    return found
