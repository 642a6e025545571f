"""Client addresses and browsers as a site says that they are written down: whole, cut, or hashed."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery import intake, lockouts, notices, proxies, sweep
from recovery.models import Lockout, ResetRequest
from recovery.origin import Origin, is_hash, shortened
from recovery.reasons import Outcome
from tests.admin.pages import listed
from tests.admin.staff import staff
from tests.asking import FIREFOX, ask, asked, browser, set_password
from tests.following import mailed_link, opened, trail
from tests.homes import at_home, signs_in
from tests.privacy.life import grace
from tests.privacy.searching import where
from tests.signing_in import fail, limits, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

IP, NEXT, FAR, V6 = "203.0.113.77", "203.0.113.78", "198.51.100.9", "2001:db8:7:1:aaaa::5"
AGENT = FIREFOX["HTTP_USER_AGENT"]


def kept(settings: Any, how: str) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "CLIENT_DATA": {"ip": how, "user_agent": how}}


@pytest.mark.parametrize(
    ("ip", "network"),
    [(IP, "203.0.113.0"), (NEXT, "203.0.113.0"), (V6, "2001:db8:7::"), ("2001:db8:7:ffff::1", "2001:db8:7::")],
)
def test_cut_is_the_network_and_the_names_of_browser_and_system(settings: Any, ip: str, network: str) -> None:
    kept(settings, "cut")
    ask(browser(REMOTE_ADDR=ip), "ada@example.com")
    assert (asked().ip, asked().user_agent) == (network, "Firefox (Linux)")


def test_hashed_is_the_same_for_the_same_and_is_no_address(settings: Any) -> None:
    kept(settings, "hashed")
    for ip in (IP, NEXT, V6, IP):
        ask(browser(REMOTE_ADDR=ip), "ada@example.com")
    first, second, third, again = ResetRequest.objects.order_by("pk").values_list("ip", "user_agent")
    assert first == again
    assert len({first[0], second[0], third[0]}) == 3
    assert all(is_hash(str(ip)) and shortened(str(ip)) == "" for ip, _ in (first, second, third))
    assert first[1] not in ("", AGENT)
    settings.SECRET_KEY = "another"
    ask(browser(REMOTE_ADDR=IP), "ada@example.com")
    assert asked().ip not in {first[0], second[0], third[0]}


def test_what_was_cut_or_hashed_before_stays_as_it_is(settings: Any) -> None:
    for how in ("cut", "hashed"):
        kept(settings, how)
        origin = Origin(ip=IP, user_agent=AGENT)
        assert Origin(ip=origin.ip, user_agent=origin.user_agent).user_agent == origin.user_agent
        assert Origin(ip=origin.ip).ip == origin.ip


@pytest.mark.parametrize("how", ["cut", "hashed"])
def test_in_full_it_is_written_nowhere_by_no_door(settings: Any, how: str) -> None:
    kept(settings, how)
    user = grace()
    at_home(user, REMOTE_ADDR=IP)
    client, form = opened(mailed_link(user, REMOTE_ADDR=IP), REMOTE_ADDR=IP)
    set_password(client, form)
    fail(user.username, 5, REMOTE_ADDR=V6)
    signs_in(browser(REMOTE_ADDR=IP), user, "seven quiet herons at dusk")
    notices.suspicious_sign_in(user, origin=Origin(ip=IP, user_agent=AGENT), detail="odd")
    sweep.sweep()
    assert Lockout.objects.get().ip not in (None, V6)
    assert where(IP, V6, AGENT) == []
    text = "\n".join(str(message.body) for message in mail.outbox)
    assert IP not in text
    assert V6 not in text
    assert ("203.0.113.•" in text) == (how == "cut")
    assert not any(AGENT in str(detail) for detail in trail("reset.requested"))


def test_whole_is_told_to_its_owner_whole() -> None:
    user = grace()
    notices.suspicious_sign_in(user, origin=Origin(ip=IP, user_agent=AGENT), detail="odd")
    sweep.sweep()
    assert IP in str(mail.outbox[-1].body)


@pytest.mark.parametrize("how", ["full", "cut", "hashed"])
def test_limits_and_lockouts_count_by_the_whole_address(settings: Any, how: str) -> None:
    kept(settings, how)
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"source": (1, timedelta(hours=1))}}
    for name in ("a@example.com", "b@example.com"):
        intake.ask(name, origin=Origin(ip=IP))
    assert asked().outcome == Outcome.THROTTLED
    intake.ask("c@example.com", origin=Origin(ip=NEXT))
    assert asked().outcome == Outcome.RECEIVED
    limits(settings, source=2)
    for name in ("one", "two"):
        fail(name, REMOTE_ADDR=IP)
    user = grace()
    assert not sign_in(user.username, REMOTE_ADDR=IP)
    assert sign_in(user.username, REMOTE_ADDR=NEXT)
    key = lockouts.of_source(Origin(ip=IP).source)
    assert Lockout.objects.filter(counter_key=key).exists()


def test_new_devices_at_several_places_are_told_apart_where_places_are_hashed(settings: Any) -> None:
    kept(settings, "hashed")
    user = grace()
    for ip in (IP, FAR, IP):
        notices.new_device(user, origin=Origin(ip=ip, user_agent=AGENT))
    sweep.sweep()
    assert len(mail.outbox) == 2


def test_a_hash_is_no_address_of_the_inside(settings: Any) -> None:
    kept(settings, "hashed")
    limits(settings, source=50)
    for number in range(3):
        fail(f"reader{number}", 5, REMOTE_ADDR=IP)
    assert Lockout.objects.count() == 3
    assert not proxies.look()


def test_staff_find_the_lockouts_of_an_address_however_it_is_written(settings: Any) -> None:
    kept(settings, "hashed")
    user = grace()
    fail(user.username, 5, REMOTE_ADDR=IP)
    client = staff("recovery.view_lockout", "recovery.see_addresses")
    assert f"{Lockout.objects.get().pk}" in client.get(listed("lockout", f"?q={IP}")).content.decode()
