"""Routes that staff switch off and on, and many workers at one circuit."""

import pytest

from recovery import routes
from recovery.models import AuditEvent
from recovery.reasons import Action, Circuit, TryOutcome
from recovery.routes import Route
from tests.factories import StaffFactory
from tests.following import trail
from tests.routes.telling import probed, row, tell, until_due
from tests.together import at_once

pytestmark = pytest.mark.django_db


class TestSwitching:
    def test_staff_switch_a_route_off_and_on_with_a_reason_on_the_trail(self, route: Route) -> None:
        ada = StaffFactory.create()
        routes.register()
        routes.switch(route.name, on=False, actor=ada, reason="relay swallows mail")
        state = row(route)
        assert (state.switched_off, state.switched_by, state.switch_reason) == (
            True,
            str(ada.pk),
            "relay swallows mail",
        )
        assert state.switched_at
        assert not probed(route)
        routes.switch(route.name, on=True, actor=ada, reason="mended")
        assert probed(route)
        written = AuditEvent.objects.order_by("occurred_at", "id").values_list("action", "actor_key", "reason")
        assert list(written) == [
            (Action.ROUTE_SWITCHED_OFF, str(ada.pk), "relay swallows mail"),
            (Action.ROUTE_SWITCHED_ON, str(ada.pk), "mended"),
        ]
        assert trail(Action.ROUTE_SWITCHED_OFF) == [{"route": route.name}]

    def test_the_second_of_two_clicks_changes_nothing(self, route: Route) -> None:
        routes.register()
        for name in ("first", "second"):
            routes.switch(route.name, on=False, actor=StaffFactory.create(), reason=name)
        assert row(route).switch_reason == "first"
        assert len(trail(Action.ROUTE_SWITCHED_OFF)) == 1

    def test_a_failed_route_that_is_switched_on_may_be_tried_at_once(self, route: Route) -> None:
        tell(route, TryOutcome.REFUSED_US)
        for on in (False, True):
            assert not probed(route)
            routes.switch(route.name, on=on, actor=StaffFactory.create(), reason="key was mended")
        assert probed(route)
        assert row(route).circuit == Circuit.HALF_OPEN

    def test_no_trial_is_made_of_a_route_that_is_switched_off(self, route: Route) -> None:
        tell(route, TryOutcome.DOWN, times=3)
        until_due(route)
        known = routes.states()[route.name]
        routes.switch(route.name, on=False, actor=StaffFactory.create(), reason="leave it alone")
        assert not routes.may_probe(route, known)


@pytest.mark.django_db(transaction=True)
class TestWorkersAtOnce:
    def test_eight_who_see_a_new_route_fail_count_eight(self, route: Route) -> None:
        answers = at_once(*[lambda: tell(route, TryOutcome.DOWN)] * 8)
        assert row(route).failure_count == 8
        assert sorted(answers) == [Circuit.CLOSED] * 2 + [Circuit.OPEN] * 6
        assert len(trail(Action.CIRCUIT_OPENED)) == 1

    def test_of_eight_who_would_try_it_one_may(self, route: Route) -> None:
        tell(route, TryOutcome.DOWN, times=3)
        until_due(route)
        assert sorted(at_once(*[lambda: probed(route)] * 8)) == [False] * 7 + [True]
