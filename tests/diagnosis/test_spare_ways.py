"""A way out fails while staff keep another switched off: the button opens that one, and never shuts the failing one."""

from typing import Any

import pytest

from recovery.models import RouteState
from recovery.reasons import Cause, Circuit, Fix
from tests.admin.staff import superuser
from tests.diagnosis.callers_of_mail import MINUTES, switch_off
from tests.diagnosis.mending import press
from tests.diagnosis.stage import Stage, explained


def fails_beside_a_spare_that_is_off(stage: Stage) -> Any:
    """Somebody whose mail the first way did not take, and who might have got it by the other."""
    stage.set(ROUTES=[{"NAME": "main", "BACKEND": "tests.backends.Unreachable"}, stage.way("spare")])
    superuser().get("/admin/recovery/routestate/")  # whose list makes the rows of ways that nobody has used yet
    switch_off("spare")
    user = stage.reader()
    stage.asks(user)
    return user


@pytest.mark.parametrize("asks", [1, 3])
def test_the_button_switches_on_the_spare_way_and_the_mail_leaves_by_it(asks: int, stage: Stage) -> None:
    """With one failure the circuit of the failing way is closed yet, with three it is open."""
    user = fails_beside_a_spare_that_is_off(stage)
    for _ in range(asks - 1):
        stage.asks(stage.reader())
    assert (RouteState.objects.get(name="main").circuit == Circuit.OPEN) == (asks == 3)
    found = explained(user)
    leading, down = found.leading, next(each for each in found.findings if each.code == Cause.PROVIDER_DOWN)
    assert leading.code == (Cause.PROVIDER_DOWN if asks == 1 else Cause.ROUTE_OFF)
    assert {(each.fix, each.fix_target) for each in (leading, down)} == {
        (Fix.SWITCH_ROUTE, ("recovery.routestate", "spare"))
    }
    press(found)
    assert not RouteState.objects.filter(switched_off=True).exists()
    stage.time_passes(6 * MINUTES)
    stage.gets_in(user)
    assert explained(user).leading.code == Cause.COMPLETED
