"""A provider that is down, busy, wrong about us, silent, flapping or slow: nothing is lost, and there is no storm."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Max

from example_project import provider as providers
from example_project.provider import Provider
from recovery import delivery, outbox
from recovery.models import Email, RouteState
from recovery.reasons import Alarm, Circuit, EmailKind, EmailReason, EmailState, EventKind
from recovery.routes import circuits
from tests.following import let_pass
from tests.routes.hearing import hearing
from tests.routes.mail_server import BACKEND as SMTP
from tests.routes.mail_server import mail_server

pytestmark = pytest.mark.django_db(transaction=True)

WAITING = [EmailState.QUEUED, EmailState.DEFERRED]
UNASKED, KEYED = "tests.backends.Unasked", "tests.backends.Keyed"
CONNECTIONS = 4
IMPATIENT = 0.3  # seconds: for a provider that hangs, in a test that has no time


@pytest.fixture
def main() -> Iterator[Provider]:
    yield from _provider()


@pytest.fixture
def spare() -> Iterator[Provider]:
    yield from _provider()


def _provider() -> Iterator[Provider]:
    provider = providers.start(webhooks=False)
    yield provider
    provider.stop()


def by(settings: Any, *ways: tuple[str, Provider], patience: float = 20, **spec: Any) -> None:
    """Mail leaves by these providers, in this order; so many seconds has the first of them to answer."""
    given = {"BACKEND": "anymail.backends.postmark.EmailBackend", "CONNECTIONS": CONNECTIONS, **spec}
    settings.RECOVERY = {
        **settings.RECOVERY,
        "ROUTES": [
            {
                "NAME": name,
                **given,
                "OPTIONS": {"server_token": provider.token, "api_url": provider.url, "timeout": timeout},
            }
            for (name, provider), timeout in zip(ways, [patience] + [20.0] * len(ways), strict=False)
        ],
    }


def queued(count: int) -> list[Email]:
    recipients = [f"reader{number}@example.com" for number in range(count)]
    return outbox.queue(EmailKind.PASSWORD_CHANGED, recipients, context={"username": "reader"})


def pass_by(time: timedelta, *, step: timedelta = timedelta(seconds=15)) -> None:
    """Time passes, and with each step of it a worker looks for work."""
    for _ in range(int(time / step)):
        let_pass(step)
        delivery.drain()


def arrived(*providers: Provider) -> dict[str, int]:
    """How often each mail was taken."""
    counts: dict[str, int] = {}
    for provider in providers:
        for key, count in provider.ledger.counts().items():
            counts[key] = counts.get(key, 0) + count
    return counts


def states() -> dict[str, int]:
    found = list(Email.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in set(found)}


def assert_all_arrived_once(emails: Sequence[Email], *providers: Provider) -> None:
    assert states() == {EmailState.HANDED_OVER: len(emails)}
    assert list(arrived(*providers).values()) == [1] * len(emails)


@pytest.mark.attack(90)
@pytest.mark.slow
def test_an_outage_of_ten_minutes_makes_no_storm_and_loses_nothing(settings: Any, main: Provider) -> None:
    emails = queued(1000)
    main.mode("unavailable")
    by(settings, ("main", main))
    pass_by(timedelta(minutes=10))
    trials = 4 + 10 * 60 / 30  # 5, 10, 20, 40 s at most, then at least half a minute
    assert len(main.ledger.calls) <= circuits.FAILURES_TO_OPEN + CONNECTIONS + trials
    assert set(states()) <= set(WAITING)
    main.mode("ok")
    pass_by(timedelta(minutes=6))
    assert_all_arrived_once(emails, main)
    assert Email.objects.aggregate(most=Max("attempt_count"))["most"] <= delivery.MOST_TRIES


@pytest.mark.attack(91)
def test_a_pause_that_a_provider_asks_for_is_kept_by_all_mail(settings: Any, main: Provider) -> None:
    emails = queued(20)
    main.mode("limited", retry_after="300")
    by(settings, ("main", main))
    delivery.drain()
    main.mode("ok")
    before = len(main.ledger.calls)
    assert before <= CONNECTIONS
    pass_by(timedelta(seconds=240))
    assert len(main.ledger.calls) == before
    pass_by(timedelta(minutes=6))
    assert_all_arrived_once(emails, main)


@pytest.mark.attack(92)
def test_a_wrong_key_keeps_the_queue_and_rings_once(settings: Any, main: Provider) -> None:
    emails = queued(100)
    main.mode("bad_key")
    by(settings, ("wrong key", main))
    with hearing() as heard:
        pass_by(timedelta(minutes=5))
    assert [subject for alarm, subject, _ in heard if alarm == Alarm.REFUSED_US] == ["wrong key"]
    assert RouteState.objects.get().reason == EmailReason.PROVIDER_REFUSED_US
    assert len(main.ledger.calls) <= CONNECTIONS + 5
    assert set(states()) <= set(WAITING)
    assert not Email.objects.filter(strike_count__gt=0).exists()
    main.mode("ok")
    pass_by(timedelta(minutes=6))
    assert_all_arrived_once(emails, main)


@pytest.mark.attack(92)
def test_one_refused_recipient_stops_nobody_else(settings: Any, main: Provider) -> None:
    queued(10)
    [refused] = outbox.queue(EmailKind.PASSWORD_CHANGED, ["reject@example.com"], context={"username": "reader"})
    by(settings, ("main", main))
    delivery.drain()
    assert states() == {EmailState.HANDED_OVER: 10, EmailState.FAILED: 1}
    refused.refresh_from_db()
    assert refused.reason == EmailReason.PROVIDER_REFUSED_RECIPIENT
    assert not RouteState.objects.exclude(circuit=Circuit.CLOSED).exists()


@pytest.mark.attack(93)
@pytest.mark.parametrize("fault", ["close", "hang", "garbage", "no_id"])
def test_a_lost_answer_is_asked_for_and_the_mail_leaves_once(settings: Any, main: Provider, fault: str) -> None:
    [email] = queued(1)
    main.mode(fault, times=1)
    by(settings, ("main", main), patience=IMPATIENT if fault == "hang" else 20)
    assert delivery.deliver(email.pk) == EmailState.UNKNOWN
    assert main.ledger.wait_for(email.recipient)
    by(settings, ("main", main))
    email.refresh_from_db()
    assert email.reason == EmailReason.NO_CLEAR_ANSWER
    pass_by(timedelta(minutes=5))
    assert_all_arrived_once([email], main)
    email.refresh_from_db()
    assert email.esp_message_id == main.ledger.messages[0].id
    assert EventKind.ASKED in email.events.values_list("kind", flat=True)


@pytest.mark.attack(93)
def test_a_lost_call_is_asked_for_and_the_mail_leaves_then(settings: Any, main: Provider) -> None:
    [email] = queued(1)
    main.mode("drop", times=1)
    by(settings, ("main", main))
    assert delivery.deliver(email.pk) == EmailState.UNKNOWN
    pass_by(timedelta(minutes=5))
    assert_all_arrived_once([email], main)


@pytest.mark.attack(93, 94)
@pytest.mark.parametrize(("backend", "most"), [(UNASKED, 2), (KEYED, 1)])
def test_a_provider_that_only_ever_loses_its_answer_gets_each_mail_so_often_and_no_more(
    settings: Any, main: Provider, backend: str, most: int
) -> None:
    """Neither called failed nor sent: it rests, until the provider reports or staff decide."""
    [email] = queued(1)
    main.honours_key = True
    main.mode("close")
    by(settings, ("main", main), BACKEND=backend)
    pass_by(timedelta(minutes=25), step=timedelta(seconds=30))
    email.refresh_from_db()
    assert (email.state, email.next_try_at) == (EmailState.UNKNOWN, None)
    assert list(arrived(main).values()) == [most]
    keys = {call.key for call in main.ledger.calls}
    assert keys == ({str(email.pk)} if backend == KEYED else {""})


@pytest.mark.attack(95)
def test_a_dead_route_costs_its_mail_no_second_claim(settings: Any, main: Provider, spare: Provider) -> None:
    emails = queued(100)
    by(settings, ("dead", main), ("spare", spare))
    main.stop()
    delivery.drain()
    assert_all_arrived_once(emails, spare)
    assert set(Email.objects.values_list("attempt_count", "route")) == {(1, "spare")}
    assert RouteState.objects.get(name="dead").circuit == Circuit.OPEN


@pytest.mark.attack(95)
def test_mail_comes_back_to_the_first_route_after_three_trials(
    settings: Any, main: Provider, spare: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuits, "FIRST_PAUSE", 60.0)  # longer than this test takes
    queued(10)
    by(settings, ("main", main), ("spare", spare))
    main.mode("unavailable")
    delivery.drain()
    main.mode("ok")
    before = len(spare.ledger.messages)
    queued(50)
    delivery.drain()
    assert len(spare.ledger.messages) == before + 50, "it is not due yet"
    let_pass(timedelta(seconds=60))
    for _ in range(circuits.PROBES_TO_CLOSE):
        assert RouteState.objects.get(name="main").circuit != Circuit.CLOSED
        queued(1)
        delivery.drain()
    assert len(main.ledger.messages) == circuits.PROBES_TO_CLOSE
    assert RouteState.objects.get(name="main").circuit == Circuit.CLOSED
    before = len(spare.ledger.messages)
    queued(50)
    delivery.drain()
    assert len(spare.ledger.messages) == before
    assert set(arrived(main, spare).values()) == {1}


@pytest.mark.attack(95)
def test_a_flapping_route_loses_and_doubles_nothing(settings: Any, main: Provider, spare: Provider) -> None:
    by(settings, ("main", main), ("spare", spare))
    main.mode("flap", seconds=0.05)
    emails = []
    for _ in range(20):
        emails += queued(10)
        delivery.drain()
        let_pass(timedelta(seconds=15))
    assert_all_arrived_once(emails, main, spare)


@pytest.mark.attack(95)
@pytest.mark.parametrize("fault", ["hang", "close"])
def test_a_route_that_answers_nothing_is_left_and_doubles_only_what_is_doubtful(
    settings: Any, main: Provider, spare: Provider, fault: str
) -> None:
    """A minute later all mail is out but what the silence made doubtful; that is repeated once, under the same key."""
    emails = queued(40)
    patience = IMPATIENT if fault == "hang" else 20
    by(settings, ("main", main), ("spare", spare), patience=patience, BACKEND=UNASKED)
    main.mode(fault)
    delivery.drain()
    doubtful = set(Email.objects.filter(state=EmailState.UNKNOWN).values_list("pk", flat=True))
    assert 0 < len(doubtful) <= circuits.FAILURES_TO_OPEN + CONNECTIONS
    assert states()[EmailState.HANDED_OVER] == len(emails) - len(doubtful)
    pass_by(timedelta(minutes=10))
    assert states() == {EmailState.HANDED_OVER: len(emails)}
    counts = arrived(main, spare)
    assert len(counts) == len(emails)
    assert max(counts.values()) <= 2
    assert sum(counts.values()) - len(counts) <= Email.objects.filter(events__kind=EventKind.UNKNOWN).count()


@pytest.mark.attack(95)
def test_a_route_that_got_slow_is_left(
    settings: Any, main: Provider, spare: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuits, "SLOW", 0.5)
    emails = queued(40)
    by(settings, ("main", main), ("spare", spare), CONNECTIONS=1)
    main.mode("slow", seconds=0.6)
    delivery.drain()
    assert_all_arrived_once(emails, main, spare)
    assert RouteState.objects.get(name="main").circuit == Circuit.OPEN
    assert len(main.ledger.messages) < 10


@pytest.mark.attack(101)
def test_a_mail_is_kept_rather_than_sent_in_clear(settings: Any) -> None:
    [email] = queued(1)
    with mail_server(STARTTLS="501 5.5.4 not now") as server:
        options = {"host": "127.0.0.1", "port": server.port, "use_tls": True}
        route = {"NAME": "smtp", "BACKEND": SMTP, "OPTIONS": options}
        settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [route]}
        pass_by(timedelta(minutes=5))
        assert server.bodies == []
        email.refresh_from_db()
        assert email.state in WAITING
        settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{**route, "OPTIONS": {**options, "use_tls": False}}]}
        pass_by(timedelta(minutes=6))
        assert len(server.bodies) == 1
