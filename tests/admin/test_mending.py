"""Each fix by its button: from the box to the act, back to the diagnosis, and the person gets in."""

from typing import Any

import pytest

from recovery import sweep
from recovery.admin.mending import BY_STAFF
from recovery.diagnosis.fixes import FIXES
from recovery.models import AddressCorrection
from recovery.reasons import Cause, Fix
from tests.admin.posting import REASON, posted
from tests.admin.staff import staff, superuser
from tests.asking import work
from tests.diagnosis import callers_of_accounts, callers_of_links, callers_of_mail, callers_of_routes
from tests.diagnosis.calling import CALLERS
from tests.diagnosis.conftest import stage as stage  # noqa: PLC0414 - a fixture
from tests.diagnosis.mending import RIGHT_ADDRESS
from tests.diagnosis.stage import Stage

ROOMS = (callers_of_accounts, callers_of_links, callers_of_mail, callers_of_routes)
BOX = "/admin/recovery/diagnosis/"
BY_BUTTON = {
    Fix.SEND_NEW_LINK: Cause.LINK_EXPIRED,
    Fix.ACTIVATE: Cause.NOT_ACTIVATED,
    Fix.REACTIVATE_ACCOUNT: Cause.INACTIVE_ACCOUNT,
    Fix.CORRECT_ADDRESS: Cause.ADDRESS_DEAD,
    Fix.DECIDE_CORRECTION: Cause.CORRECTION_PENDING,
    Fix.UNLOCK: Cause.LOCKED,
    Fix.LIFT_SUPPRESSION: Cause.SUPPRESSED,
    Fix.LIFT_AT_PROVIDER: Cause.ON_PROVIDERS_LIST,
    Fix.RETRY_MAIL: Cause.SET_ASIDE_BY_STAFF,
    Fix.SWITCH_ROUTE: Cause.ROUTE_OFF,
    Fix.RAISE_LEVEL: Cause.LEVEL_NONE,
    Fix.CLOSE_CASE: Cause.CASE_OPEN,
}
"""A cause for each fix that leads with it."""
MORE: dict[Fix, dict[str, str]] = {
    Fix.CORRECT_ADDRESS: {"address": RIGHT_ADDRESS},
    Fix.SWITCH_ROUTE: {"to": "on"},
    Fix.RAISE_LEVEL: {"level": "all", "release": "on"},
}
BY_A_LINK = {Fix.REACTIVATE_ACCOUNT, Fix.CORRECT_ADDRESS, Fix.LIFT_SUPPRESSION, Fix.LIFT_AT_PROVIDER}
"""What opens the way, and a new link has to follow."""


def looked_up(client: Any, who: Any) -> Any:
    return posted(client, BOX, said=who if isinstance(who, str) else who.username)


def approved_by_somebody_else() -> None:
    proposed = AddressCorrection.objects.get()
    path = f"/admin/recovery/addresscorrection/{proposed.pk}/decide/approve/"
    assert posted(superuser(), path, reason=REASON).status_code == 200


def act_behind(client: Any, button: Any) -> str:
    """Where the button leads; of what has two ends, the page between offers both."""
    if button.fix != Fix.DECIDE_CORRECTION:
        return str(button.url)
    offered = client.get(button.url).context["recovery_tools"]
    return next(str(tool["url"]) for tool in offered if "/decide/approve/" in tool["url"])


def test_every_fix_that_staff_have_a_button_for_is_tried_here() -> None:
    assert all(room.__doc__ for room in ROOMS)
    assert set(BY_BUTTON) == BY_STAFF & set(FIXES.values())
    assert all(FIXES[cause] == fix for fix, cause in BY_BUTTON.items())


@pytest.mark.parametrize("fix", BY_BUTTON)
def test_the_button_mends_it_and_the_diagnosis_is_shown_again(fix: Fix, stage: Stage) -> None:
    call = CALLERS[BY_BUTTON[fix]](stage)
    with call.while_called:
        client = superuser()
        page = looked_up(client, call.who)
        assert page.context["leading"]["code"] == BY_BUTTON[fix]
        button = page.context["leading"]["button"]
        assert button.fix == fix
        few = staff("recovery.diagnose", "auth.view_user")
        assert looked_up(few, call.who).context["leading"]["button"].url == "", "each act has its own right"

        after = posted(client, act_behind(client, button), reason=REASON, **MORE.get(fix, {}))
        assert after.redirect_chain == [(page.redirect_chain[0][0], 302)]
        assert "leading" in after.context
        if fix == Fix.CORRECT_ADDRESS:
            approved_by_somebody_else()
            after = looked_up(client, call.user)
        if fix in BY_A_LINK - {Fix.CORRECT_ADDRESS}:
            assert after.context["leading"]["button"].fix == Fix.SEND_NEW_LINK
        if fix in BY_A_LINK:
            [sending] = [each for each in _offered(after) if each.fix == Fix.SEND_NEW_LINK]
            posted(client, sending.url, reason=REASON)
        work()
        sweep.sweep()
        if call.again is not None:
            assert call.again() is not False
        else:
            call.user.refresh_from_db()
            stage.gets_in(call.user)
    assert looked_up(superuser(), call.user).context["leading"]["code"] == call.then


def _offered(page: Any) -> list[Any]:
    return [each for each in (page.context["leading"]["button"], *page.context["further"]) if each]
