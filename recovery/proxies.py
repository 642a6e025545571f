"""Notices while the site runs that ``TRUSTED_PROXIES`` does not fit: then everybody is one source, with its limits.

What a proxy says is believed or not in ``origin``; what the settings alone tell is a system check.
"""

import ipaddress
from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, Sum
from django.http import HttpRequest
from django.utils import timezone

from recovery import alarms
from recovery.conf import conf
from recovery.models import Lockout
from recovery.models.primary import SKEW, key_at
from recovery.origin import client_address, is_hash, shortened
from recovery.reasons import Alarm

NAMING: Final = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_CF_CONNECTING_IP")
IN_A_ROW: Final = 50  # requests; anybody can send such a header now and then
LOOKED_BACK: Final = timedelta(hours=1)
FEWEST: Final = 3  # lockouts; fewer may be one clumsy person's
_INSIDE: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # RFC 1918
        "100.64.0.0/10",  # RFC 6598
        "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fe80::/10",
        "fc00::/7",  # RFC 4193
    )
)  # fmt: skip


class Heard:
    """What one process heard of proxies that nobody told it to trust."""

    def __init__(self) -> None:
        self.in_a_row = 0
        self.is_told = False

    def request(self, request: HttpRequest) -> None:
        """Sound the alarm, once, when a proxy names the clients and none is trusted.

        From an address that no stranger has, one request will do: a proxy sent it. From any other a whole row of
        requests must name their client.
        """
        if self.is_told or conf.TRUSTED_PROXIES:
            return
        named = next((name for name in NAMING if name in request.META), None)
        self.in_a_row = self.in_a_row + 1 if named else 0
        if named and (self.in_a_row >= IN_A_ROW or is_inside(client_address(request))):
            self.is_told = True
            header = named.removeprefix("HTTP_").replace("_", "-").title()
            alarms.sound(Alarm.PROXY_NOT_TRUSTED, header, detail="set RECOVERY['TRUSTED_PROXIES']")


heard: Final = Heard()


def look() -> bool:
    """Sound the alarm when most failures behind the lockouts of the last hour came from one private address, which is
    a proxy's, or one of your own network. Returns whether it did; one statement where nothing is wrong."""
    since = timezone.now() - LOOKED_BACK
    recent = Lockout.objects.filter(pk__gte=key_at(since - SKEW), since__gte=since, ip__isnull=False).order_by()
    by_address = recent.values("ip").annotate(failed=Sum("failure_count"), times=Count("pk"))
    most: Any = by_address.order_by("-failed").first()
    if most is None or most["times"] < FEWEST or is_hash(most["ip"]) or not is_inside(most["ip"]):
        return False
    if most["failed"] * 2 <= recent.aggregate(failed=Sum("failure_count"))["failed"]:
        return False
    detail = "if a proxy is there, set RECOVERY['TRUSTED_PROXIES']; else somebody guesses there"
    alarms.sound(Alarm.PRIVATE_SOURCE, shortened(most["ip"]), detail=detail)
    return True


def is_inside(ip: str) -> bool:
    """Whether no stranger comes from there: a private address, this machine's, or none at all (a unix socket)."""
    return not ip or any(ipaddress.ip_address(ip) in network for network in _INSIDE)
