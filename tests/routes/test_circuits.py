"""The circuit of a route: what takes it out of use, who may try it, and what takes it back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery import routes
from recovery.models import AuditEvent, RouteState
from recovery.reasons import Action, Alarm, Circuit, EmailReason, TryOutcome
from recovery.routes import Route, circuits
from tests.following import let_pass, trail
from tests.routes.hearing import hearing
from tests.routes.telling import pause, probed, recover, row, tell, until_due

pytestmark = pytest.mark.django_db

ALIVE = [TryOutcome.ACCEPTED, TryOutcome.REFUSED_RECIPIENT, TryOutcome.LATER]
FAILING = [TryOutcome.DOWN, TryOutcome.AMBIGUOUS, TryOutcome.REFUSED_MAIL]
AT_ONCE = [TryOutcome.REFUSED_US, TryOutcome.BUSY]

LOAD = 4  # seconds that a busy machine may take between two statements


def test_a_route_that_works_costs_nothing(route: Route) -> None:
    tell(route, TryOutcome.ACCEPTED)
    with CaptureQueriesContext(connection) as statements:
        assert tell(route, TryOutcome.ACCEPTED, times=100) == Circuit.CLOSED
    assert len(statements) == 0
    assert not RouteState.objects.exists()


@pytest.mark.attack(90)
@pytest.mark.parametrize("outcome", FAILING)
def test_three_failures_in_a_row_take_a_route_out_of_use(route: Route, outcome: TryOutcome) -> None:
    assert [tell(route, outcome), tell(route, outcome)] == [Circuit.CLOSED, Circuit.CLOSED]
    assert row(route).circuit == Circuit.CLOSED
    assert tell(route, outcome) == Circuit.OPEN
    state = row(route)
    assert (state.circuit, state.failure_count) == (Circuit.OPEN, 3)
    assert state.opened_at
    assert 2.5 <= pause(route) < 5 + LOAD


@pytest.mark.parametrize("outcome", ALIVE)
def test_a_success_between_them_starts_the_count_again(route: Route, outcome: TryOutcome) -> None:
    tell(route, TryOutcome.DOWN, times=2)
    tell(route, outcome)
    assert tell(route, TryOutcome.DOWN, times=2) == Circuit.CLOSED
    assert row(route).last_success_at
    assert tell(route, TryOutcome.DOWN) == Circuit.OPEN


def test_answers_that_take_long_count_as_failures(route: Route) -> None:
    assert tell(route, TryOutcome.ACCEPTED, times=3, seconds=circuits.SLOW + 1) == Circuit.OPEN
    assert row(route).detail == "slow: 11 s"


def test_a_mail_that_could_not_be_made_says_nothing_of_the_route(route: Route) -> None:
    assert tell(route, TryOutcome.MALFORMED, times=9) == Circuit.CLOSED
    tell(route, TryOutcome.REFUSED_US)
    assert tell(route, TryOutcome.MALFORMED) == Circuit.OPEN


@pytest.mark.attack(92)
def test_a_refusal_of_us_takes_it_out_at_once_with_an_alarm(route: Route) -> None:
    with hearing() as heard:
        assert tell(route, TryOutcome.REFUSED_US, detail="Postmark API response 401 (Unauthorized)") == Circuit.OPEN
    assert heard == [(Alarm.REFUSED_US, route.name, "Postmark API response 401 (Unauthorized)")]
    assert row(route).reason == EmailReason.PROVIDER_REFUSED_US
    assert 60 <= pause(route) < 60 + LOAD


def test_an_opened_circuit_is_an_alarm_and_one_line_of_the_trail(route: Route) -> None:
    with hearing() as heard:
        tell(route, TryOutcome.DOWN, times=5)
        until_due(route)
        assert probed(route)
        tell(route, TryOutcome.DOWN)
    assert heard == [(Alarm.CIRCUIT_OPEN, route.name, "said")]
    assert trail(Action.CIRCUIT_OPENED) == [{"route": route.name, "because": EmailReason.PROVIDER_DOWN}]


@pytest.mark.attack(91)
def test_a_provider_that_asks_for_a_pause_gets_it_from_all_mails(route: Route) -> None:
    """Retry-After belongs to the route, whatever mail it was said to; a later word counts, an earlier does not."""
    assert tell(route, TryOutcome.BUSY, retry_after=timedelta(seconds=120)) == Circuit.OPEN
    assert row(route).reason == EmailReason.PROVIDER_BUSY
    assert 120 <= pause(route) < 120 + LOAD
    tell(route, TryOutcome.BUSY, retry_after=timedelta(seconds=300))
    assert 300 <= pause(route) < 300 + LOAD
    tell(route, TryOutcome.BUSY, retry_after=timedelta(seconds=10))
    assert pause(route) > 100


def test_mail_that_was_on_its_way_when_it_opened_neither_lengthens_the_pause_nor_closes_it(route: Route) -> None:
    tell(route, TryOutcome.DOWN, times=3)
    before = row(route)
    assert tell(route, TryOutcome.DOWN, times=8) == Circuit.OPEN
    assert tell(route, TryOutcome.ACCEPTED) == Circuit.OPEN
    after = row(route)
    assert (after.probe_at, after.opening_count, after.circuit) == (before.probe_at, 1, Circuit.OPEN)


def test_one_mail_at_a_time_may_try_it_and_only_when_it_is_due(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuits, "FIRST_PAUSE", 60.0)  # longer than this test takes
    tell(route, TryOutcome.DOWN, times=3)
    assert not probed(route)
    until_due(route)
    assert [probed(route), probed(route)] == [True, False]
    assert row(route).circuit == Circuit.HALF_OPEN
    let_pass(circuits.PROBE_LEASE)  # whoever had the trial died
    assert [probed(route), probed(route)] == [True, False]


@pytest.mark.attack(95)
def test_three_trials_that_got_through_take_it_back_into_use(route: Route) -> None:
    tell(route, TryOutcome.DOWN, times=3)
    until_due(route)
    seen = []
    for _ in range(3):
        assert probed(route)
        seen.append(tell(route, TryOutcome.ACCEPTED))
    assert seen == [Circuit.HALF_OPEN, Circuit.HALF_OPEN, Circuit.CLOSED]
    state = row(route)
    assert (state.circuit, state.reason, state.detail, state.probe_at) == (Circuit.CLOSED, "", "", None)
    assert (state.failure_count, state.success_count) == (0, 0)
    assert trail(Action.CIRCUIT_CLOSED) == [{"route": route.name, "because": EmailReason.PROVIDER_DOWN}]
    assert probed(route)


@pytest.mark.parametrize("outcome", [*FAILING, *AT_ONCE])
def test_a_trial_that_fails_starts_all_over(route: Route, outcome: TryOutcome) -> None:
    tell(route, TryOutcome.DOWN, times=3)
    until_due(route)
    probed(route)
    tell(route, TryOutcome.ACCEPTED)
    probed(route)
    assert tell(route, outcome) == Circuit.OPEN
    state = row(route)
    assert (state.circuit, state.success_count, state.probe_until) == (Circuit.OPEN, 0, None)
    assert not probed(route)


@pytest.mark.attack(90, 95)
def test_pauses_grow_until_a_minute_and_start_again_after_a_calm_spell(route: Route) -> None:
    """Full jitter of half the pause, so that what flaps in step with us is not met in step."""
    tell(route, TryOutcome.DOWN, times=3)
    pauses = []
    for _ in range(6):
        pauses.append(pause(route))
        until_due(route)
        probed(route)
        tell(route, TryOutcome.DOWN)
    for longest, drawn in zip([5, 10, 20, 40, 60, 60], pauses, strict=True):
        assert longest / 2 <= drawn < longest + LOAD
    recover(route)
    tell(route, TryOutcome.DOWN, times=3)
    assert pause(route) >= 30, "it flaps"
    recover(route)
    let_pass(circuits.CALM + timedelta(seconds=1))
    tell(route, TryOutcome.DOWN, times=3)
    assert pause(route) < 5 + LOAD


def test_what_was_said_is_kept_without_addresses_links_and_secrets(route: Route) -> None:
    secret = "Zk3vT9-qLw_8RbN2xYpUcA"
    said = f"SMTPDataError: (554, 5.7.1 <ada@example.org> https://library.example/{secret}/ {secret})\nDear reader"
    with hearing() as heard:
        tell(route, TryOutcome.REFUSED_US, detail=said)
    detail = row(route).detail
    assert detail.startswith("SMTPDataError: (554, 5.7.1 …")
    assert heard[0][2] == detail
    for private in ("ada", "library.example", secret, "Dear"):
        assert private not in detail
        assert private not in str(AuditEvent.objects.values())


def test_routes_of_the_settings_get_their_rows_once(route: Route) -> None:
    routes.register()
    tell(route, TryOutcome.DOWN)
    with CaptureQueriesContext(connection) as statements:
        routes.register()
    assert len(statements) == 1
    assert row(route).failure_count == 1
