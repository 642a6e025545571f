"""Where somebody comes from: what a client writes into a header moves it nowhere, and one network is one place."""

import ipaddress
import random
from typing import Any

import pytest
from django.test import RequestFactory, override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from recovery.models import LimitCounter, ResetRequest
from recovery.origin import Origin, client_address
from tests.asking import ask, browser

pytestmark = pytest.mark.django_db

PROXY = "10.0.0.1"
HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_REAL_IP",
    "HTTP_FORWARDED",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_X_FORWARDED",
    "HTTP_FORWARDED_FOR",
)
GARBAGE = (
    "", " ", ",", ",,,", "unknown", "_hidden", "for=1.2.3.4", 'for="[2001:db8::1]:80"', "1.2.3", "1.2.3.4.5",
    "256.1.1.1", "1.2.3.4:", "1.2.3.4:80:90", "[::1", "::1]", "[]", "[:]:80", "::ffff:1.2.3.999", "fe80::1%", "%eth0",
    "1.2.3.4/8", "01.02.03.04", "٣.٣.٣.٣", "٣.٣.٣.٣:80", "0x7f.1", "2130706433", "-1", "\x00", "\udcff",
    "' OR 1=1 --", "<script>",
    "127.0.0.1, 127.0.0.1", "1" * 4000, "1.1.1.1," * 500, "\r\nX-Real-IP: 1.1.1.1",
)  # fmt: skip


def forged(number: int) -> dict[str, str]:
    """Headers as an attacker makes them up: an address of its own each time, or what is none."""
    drawn = random.Random(number)
    address = str(ipaddress.ip_address(drawn.getrandbits(32 if number % 2 else 128)))
    hop = drawn.choice([address, f"{address}:80", f"[{address}]:80", f"{address}%eth0", drawn.choice(GARBAGE)])
    return {header: drawn.choice([hop, f"{hop}, {address}", f"for={hop}"]) for header in drawn.sample(HEADERS, 4)}


def source(remote: str, **meta: str) -> str:
    return Origin.of(RequestFactory().get("/", REMOTE_ADDR=remote, **meta)).source


@pytest.mark.attack(54)
def test_a_thousand_forged_headers_are_one_source_where_no_proxy_is_trusted() -> None:
    assert {source("8.8.8.8", **forged(number)) for number in range(1000)} == {"8.8.8.8"}


@pytest.mark.attack(54)
@pytest.mark.parametrize("trusted", [1, 2])
def test_behind_proxies_a_thousand_forged_headers_are_the_address_that_the_outermost_saw(
    settings: Any, trusted: int
) -> None:
    """Each proxy appends the address that it was called from; the client's own words stay further left."""
    settings.RECOVERY = {**settings.RECOVERY, "TRUSTED_PROXIES": trusted}
    appended = ["8.8.8.8", "10.0.0.2"][:trusted]
    found = set()
    for number in range(1000):
        headers = forged(number)
        written = headers.pop("HTTP_X_FORWARDED_FOR", "")
        chain = ", ".join([written, *appended] if written else appended)
        found.add(source(PROXY, HTTP_X_FORWARDED_FOR=chain, **headers))
    assert found == {"8.8.8.8"}


@pytest.mark.attack(54)
@pytest.mark.parametrize("trusted", [0, 1, 2, [PROXY]])
def test_a_malformed_list_is_answered_like_any_other(settings: Any, trusted: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TRUSTED_PROXIES": trusted}
    for header in GARBAGE:
        found = client_address(RequestFactory().get("/", REMOTE_ADDR=PROXY, HTTP_X_FORWARDED_FOR=header))
        assert str(ipaddress.ip_address(found)) == found, header
        answer = ask(browser(REMOTE_ADDR=PROXY), "mike@example.org", HTTP_X_FORWARDED_FOR=header)
        assert answer.status_code == 302, header


@given(
    header=st.lists(st.one_of(st.text(max_size=50), st.ip_addresses().map(str))).map(",".join),
    remote=st.one_of(st.text(max_size=50), st.ip_addresses().map(str)),
)
@example(header="[", remote="")
def test_whatever_a_header_holds_an_address_or_none_comes_out(header: str, remote: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=header)
    for trusted in (0, 1, 2, 3, ["10.0.0.0/8", "::/1"]):
        with override_settings(RECOVERY={"TRUSTED_PROXIES": trusted}):
            found = Origin(ip=client_address(request))
        assert not found.ip or str(ipaddress.ip_address(found.ip)) == found.ip
        assert bool(found.source) == bool(found.ip)


@pytest.mark.attack(55)
def test_five_hundred_addresses_of_one_network_are_one_source() -> None:
    drawn = random.Random(55)
    addresses = [str(ipaddress.IPv6Address((0x2A00_1450_4001_0001 << 64) + drawn.getrandbits(64))) for _ in range(500)]
    assert {source(address) for address in addresses} == {"2a00:1450:4001:1::/64"}
    assert source("2a00:1450:4001:2::1") != source(addresses[0])
    assert source("::ffff:8.8.8.8") == source("::FFFF:808:808") == source("8.8.8.8")
    assert source("fe80::1%eth0") == source("fe80::2%eth1")


@pytest.mark.attack(54, 55)
@pytest.mark.parametrize(
    ("remote", "headers"),
    [
        (lambda number: "8.8.8.8", forged),
        (lambda number: f"2a00:1450:4001:1::{number:x}", lambda number: {}),
    ],
    ids=["forged headers", "one network"],
)
def test_who_asks_from_many_made_up_places_is_stopped_as_one(remote: Any, headers: Any) -> None:
    answers = [
        ask(browser(REMOTE_ADDR=remote(number)), f"person{number}@example.org", **headers(number)).status_code
        for number in range(1, 31)
    ]
    assert set(answers) == {302}
    assert ResetRequest.objects.filter(outcome="throttled").count() == 10  # past the twenty of a source
    assert LimitCounter.objects.filter(count__gte=20).count() == 1
