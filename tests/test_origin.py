"""Where an ask came from: address behind proxies, network, browser, and who probably opens a link."""

from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from recovery.origin import Origin, client_address, describe_browser, is_navigation, printable, verdict_on
from recovery.reasons import Verdict

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

NETWORKS = ["10.0.0.0/24", "192.0.2.7", "2001:db8::/64"]


def request(**meta: str) -> Any:
    return RequestFactory().get("/", **meta)


@pytest.mark.parametrize(
    ("trusted", "remote", "forwarded", "found"),
    [
        (0, "192.0.2.1", "", "192.0.2.1"),
        (0, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (1, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "10.0.0.1", "203.0.113.9", "10.0.0.1"),
        (1, "10.0.0.1", "", "10.0.0.1"),
        (1, "10.0.0.1", " , ,", "10.0.0.1"),
        (1, "10.0.0.1", "unknown", "10.0.0.1"),
        (1, "10.0.0.1", "203.0.113.9, ", "203.0.113.9"),
        (1, "10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        (1, "10.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        (1, "10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
        (1, "10.0.0.1", "2001:DB8:0:0::7", "2001:db8::7"),
        (1, "10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1", "fe80::1%eth0", "fe80::1"),
        (1, "10.0.0.1", "\x00' OR 1=1", "10.0.0.1"),
        (0, "", "203.0.113.9", ""),
        (0, "/run/site.sock", "", ""),
        (1, "", "203.0.113.9", "203.0.113.9"),
        (NETWORKS, "10.0.0.1", "203.0.113.9", "203.0.113.9"),
        (NETWORKS, "10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (NETWORKS, "10.0.0.1", "6.6.6.6, 203.0.113.9, 192.0.2.7", "203.0.113.9"),
        (NETWORKS, "10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2, 2001:db8::7, ::ffff:10.0.0.3", "203.0.113.9"),
        (NETWORKS, "203.0.113.9", "6.6.6.6, 192.0.2.7", "203.0.113.9"),
        (NETWORKS, "", "203.0.113.9, 192.0.2.7", "203.0.113.9"),
        (NETWORKS, "192.0.2.7", "", "192.0.2.7"),
        (NETWORKS, "10.0.0.1", "10.0.0.3, 192.0.2.7", "10.0.0.3"),
        (NETWORKS, "10.0.0.1", "6.6.6.6, unknown, 192.0.2.7", "192.0.2.7"),
        (NETWORKS, "", "unknown", ""),
        ([], "10.0.0.1", "203.0.113.9", "10.0.0.1"),
    ],
)
def test_only_what_trusted_proxies_wrote_is_believed(
    settings: Any, trusted: int | list[str], remote: str, forwarded: str, found: str
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TRUSTED_PROXIES": trusted}
    assert client_address(request(REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded)) == found


def test_one_network_of_ipv6_is_one_source() -> None:
    assert Origin(ip="2001:db8:1:2::1").source == Origin(ip="2001:db8:1:2:ffff::9").source == "2001:db8:1:2::/64"
    assert Origin(ip="2001:db8:1:3::1").source != Origin(ip="2001:db8:1:2::1").source
    assert Origin(ip="192.0.2.1").source == "192.0.2.1"
    assert Origin().source == ""


def test_header_text_is_cut_and_freed_of_what_no_database_holds() -> None:
    origin = Origin.of(request(HTTP_USER_AGENT="Fire\x00fox\x1b[31m\udcff" + "x" * 1000, REMOTE_ADDR="192.0.2.1"))
    assert origin.user_agent == ("Firefox[31m" + "x" * 1000)[:256]
    assert origin.language == "en"


@given(st.text())
def test_printable_text_can_be_stored_and_shown(text: str) -> None:
    kept = printable(text)
    assert kept.isprintable()
    assert "\x00" not in kept
    assert kept.encode().decode() == kept


@pytest.mark.parametrize(
    ("user_agent", "described"),
    [
        (FIREFOX, "Firefox (Linux)"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Mobile Safari/604.1",
         "Safari (iPhone)"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit CriOS/142.0 Mobile Safari/604.1",
         "Chrome (iPhone)"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0",
         "Edge (Windows)"),
        ("Mozilla/5.0 (Linux; Android 15; SM-S938B) AppleWebKit/537.36 SamsungBrowser/28.0 Chrome/130 Safari/537",
         "Samsung Internet (Android)"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/26.0 Safari/605.1",
         "Safari (macOS)"),
        ("curl/8.10", ""),
        ("Firefox", "Firefox"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_described_in_two_words(user_agent: str, described: str) -> None:
    assert describe_browser(user_agent) == described


@pytest.mark.parametrize(
    ("method", "meta", "verdict"),
    [
        ("GET", {"HTTP_SEC_FETCH_MODE": "navigate"}, Verdict.PERSON),
        ("GET", {"HTTP_USER_AGENT": FIREFOX, "HTTP_ACCEPT_LANGUAGE": "de"}, Verdict.PERSON),
        ("GET", {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_PURPOSE": "prefetch"}, Verdict.PROBABLE_SCANNER),
        ("GET", {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_PURPOSE": "prefetch"}, Verdict.PROBABLE_SCANNER),
        ("GET", {"HTTP_SEC_FETCH_MODE": "no-cors", "HTTP_USER_AGENT": FIREFOX}, Verdict.PROBABLE_SCANNER),
        ("GET", {"HTTP_USER_AGENT": FIREFOX}, Verdict.PROBABLE_SCANNER),
        ("GET", {"HTTP_USER_AGENT": "curl/8", "HTTP_ACCEPT_LANGUAGE": "de"}, Verdict.PROBABLE_SCANNER),
        ("GET", {}, Verdict.PROBABLE_SCANNER),
        ("HEAD", {"HTTP_SEC_FETCH_MODE": "navigate"}, Verdict.PROBABLE_SCANNER),
        ("HEAD", {"HTTP_USER_AGENT": FIREFOX, "HTTP_ACCEPT_LANGUAGE": "de"}, Verdict.PROBABLE_SCANNER),
    ],
)
def test_who_opens_a_link_is_told_by_what_browsers_say(method: str, meta: dict[str, str], verdict: Verdict) -> None:
    made = RequestFactory().generic(method, "/", **meta)
    assert verdict_on(made) == verdict
    assert is_navigation(made) == (verdict == Verdict.PERSON and "HTTP_SEC_FETCH_MODE" in meta)
