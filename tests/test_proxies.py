"""A site whose ``TRUSTED_PROXIES`` does not fit hears of it while it runs: once, and not because of one stranger."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from recovery import alarms, proxies, sweep
from recovery.reasons import Alarm
from recovery.signals import alarm_sounded
from tests.asking import browser
from tests.following import let_pass
from tests.signing_in import fail

PAGE = "/recovery/sent/ZZZZ-ZZZZ/"
PUBLIC = "8.8.8.8"
FORWARDED = {"HTTP_X_FORWARDED_FOR": "9.9.9.9"}


@pytest.fixture(autouse=True)
def a_process_that_has_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxies, "heard", proxies.Heard())
    alarms._told.clear()


@pytest.fixture
def told() -> Iterator[list[tuple[Alarm, str]]]:
    heard: list[tuple[Alarm, str]] = []

    def hear(sender: Any, alarm: Alarm, subject: str, **kwargs: Any) -> None:
        heard.append((alarm, subject))

    alarm_sounded.connect(hear)
    yield heard
    alarm_sounded.disconnect(hear)


def visits(times: int = 1, ip: str = PUBLIC, **headers: str) -> None:
    client = browser(REMOTE_ADDR=ip)
    for _ in range(times):
        assert client.get(PAGE, **headers).status_code == 200


@pytest.mark.attack(54, 117)
@pytest.mark.parametrize(
    "ip", ["10.0.0.7", "172.31.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "::1", "fd00::1", ""]
)
def test_a_proxy_in_front_that_nobody_trusts_is_told_once(told: list[Any], ip: str) -> None:
    visits(3, ip, **FORWARDED)
    alarms._told.clear()  # as after ten minutes
    visits(3, ip, **FORWARDED)
    assert told == [(Alarm.PROXY_NOT_TRUSTED, "X-Forwarded-For")]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-Ip", "Cf-Connecting-Ip"])
def test_proxies_name_their_client_by_several_headers(told: list[Any], header: str) -> None:
    visits(3, "10.0.0.7", **{f"HTTP_{header.upper().replace('-', '_')}": "9.9.9.9"})
    assert told == [(Alarm.PROXY_NOT_TRUSTED, header)]


def test_a_stranger_who_sends_such_a_header_now_and_then_alarms_nobody(told: list[Any]) -> None:
    for _ in range(3):
        visits(proxies.IN_A_ROW - 1, **FORWARDED)
        visits()
    assert told == []


def test_when_request_after_request_names_its_client_a_proxy_is_there(told: list[Any]) -> None:
    visits(proxies.IN_A_ROW + 5, **FORWARDED)
    assert told == [(Alarm.PROXY_NOT_TRUSTED, "X-Forwarded-For")]


def test_a_site_that_says_how_many_proxies_it_has_hears_nothing(told: list[Any], settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TRUSTED_PROXIES": 1}
    visits(proxies.IN_A_ROW + 5, "10.0.0.7", **FORWARDED)
    assert told == []


def test_a_site_without_proxies_hears_nothing(told: list[Any]) -> None:
    visits(proxies.IN_A_ROW + 5, "10.0.0.7")
    assert told == []


# What the lockouts tell


def locks(*ips: str) -> None:
    """A name of its own is locked from each of these."""
    for number, ip in enumerate(ips):
        fail(f"name{number} at {ip}", REMOTE_ADDR=ip)


@pytest.fixture
def strict(settings: Any) -> None:
    """One failure locks."""
    settings.RECOVERY = {**settings.RECOVERY, "LOGIN_FAILURE_LIMIT": {"account": 1, "device": 1, "source": None}}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ips", "subject"),
    [
        (["10.0.0.7"] * 3, "10.0.0.•"),
        (["10.0.0.7"] * 4 + ["8.8.8.8", "9.9.9.9", "10.0.0.8"], "10.0.0.•"),
        (["fd00::7"] * 3, "fd00::•"),
        (["10.0.0.7"] * 2, ""),
        (["10.0.0.7"] * 3 + ["8.8.8.8", "9.9.9.9", "1.1.1.1"], ""),
        (["8.8.8.8"] * 5, ""),
        ([], ""),
    ],
)
def test_when_most_failures_come_from_one_private_address_a_proxy_is_probably_there(
    told: list[Any], strict: None, ips: list[str], subject: str
) -> None:
    locks(*ips)
    sweep.sweep()
    assert told == ([(Alarm.PRIVATE_SOURCE, subject)] if subject else [])


@pytest.mark.django_db(transaction=True)
def test_what_is_over_for_an_hour_alarms_nobody(told: list[Any], strict: None) -> None:
    locks(*["10.0.0.7"] * 3)
    let_pass(timedelta(minutes=61))
    sweep.sweep()
    assert told == []
