"""Each fix in a browser, in Django's own admin and in unfold: somebody with this trouble is looked up, the button is
reached and its question answered by keyboard alone, on a phone in Arabic and in German with long words, and the person
gets in. Every page on the way is sound, under a policy that lets nothing in from elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser

from recovery import level, sweep
from recovery.admin.mending import BY_STAFF
from recovery.models import AuditEvent, Email, Lockout, ResetRequest, RouteState, SupportCase, Suppression
from recovery.reasons import Action, Cause, EmailReason, EmailState, Fix, Kind, MailLevel
from tests.admin.test_mending import BY_A_LINK, BY_BUTTON, MORE, approved_by_somebody_else
from tests.asking import work
from tests.browser.desks import Desk, sat_down, too_wide
from tests.diagnosis.callers_of_mail import waits
from tests.diagnosis.calling import CALLERS, Call
from tests.diagnosis.conftest import stage as stage  # noqa: PLC0414 - a fixture
from tests.diagnosis.mending import RIGHT_ADDRESS
from tests.diagnosis.stage import Stage
from tests.policies import ENFORCED

BOX = "/admin/recovery/diagnosis/"
SETTINGS = ("ROUTES", "WEBHOOKS", "ADDRESS_CORRECTION")
"""What the stage sets, and unfold's process must have too."""
ON_MAIL = {Fix.CANCEL_MAIL: "/steer/stop/"}
"""No cause leads to it: its button is on the mail's own page."""
BETWEEN = {Fix.DECIDE_CORRECTION: "/decide/approve/"}
"""Which of the ways on is meant, where the button leads to a page that offers several."""


def is_now(user: Any) -> Any:
    return get_user_model().objects.get(pk=user.pk)


def was_asked_for(user: Any, kind: Kind) -> bool:
    return ResetRequest.objects.filter(user_key=str(user.pk), kind=kind).exists()


def has_a_case(user: Any) -> bool:
    return SupportCase.objects.filter(user_key=str(user.pk), closed_at=None).exists()


def is_locked(user: Any) -> bool:
    return Lockout.objects.standing().filter(user_key=str(user.pk)).exists()


def is_suppressed(user: Any) -> bool:
    return Suppression.objects.filter(address_key=user.email, lifted_at=None).exists()


def mail_of(user: Any) -> Email:
    return Email.objects.filter(user_key=str(user.pk)).latest("queued_at", "id")


@dataclass(frozen=True)
class Promise:
    """What stands on the trail when a button was pressed, what holds of the person then, and what leads the diagnosis.

    None leads where it says what was decided once, and that stays so: the button is gone then.
    """

    done: Action
    holds: Callable[[Any], object]
    says: Cause | None


PROMISES: Final[dict[Fix, Promise]] = {
    Fix.SEND_NEW_LINK: Promise(Action.REQUESTED, lambda user: was_asked_for(user, Kind.ADMIN), Cause.NOT_DECIDED),
    Fix.ACTIVATE: Promise(Action.REQUESTED, lambda user: was_asked_for(user, Kind.ACTIVATION), Cause.NOT_DECIDED),
    Fix.REACTIVATE_ACCOUNT: Promise(Action.ACCOUNT_ACTIVATED, lambda user: is_now(user).is_active, None),
    Fix.CORRECT_ADDRESS: Promise(
        Action.ADDRESS_CHANGED, lambda user: is_now(user).email == RIGHT_ADDRESS, Cause.NOT_DECIDED
    ),
    Fix.DECIDE_CORRECTION: Promise(
        Action.CORRECTION_ENDED, lambda user: is_now(user).email == "grace@new.example", Cause.NOT_DECIDED
    ),
    Fix.OPEN_CASE: Promise(Action.CASE_OPENED, has_a_case, Cause.CASE_OPEN),
    Fix.CLOSE_CASE: Promise(Action.CASE_CLOSED, lambda user: not has_a_case(user), Cause.NEVER_ASKED),
    Fix.UNLOCK: Promise(Action.UNLOCKED, lambda user: not is_locked(user), Cause.NEVER_ASKED),
    Fix.LIFT_SUPPRESSION: Promise(Action.SUPPRESSION_LIFTED, lambda user: not is_suppressed(user), None),
    # What is held there the provider's stand-in tells, when they get in.
    Fix.LIFT_AT_PROVIDER: Promise(Action.PROVIDER_LIFT_ASKED, lambda user: True, None),
    Fix.RETRY_MAIL: Promise(Action.EMAIL_RELEASED, lambda user: mail_of(user).state == EmailState.QUEUED, Cause.QUEUED),
    Fix.CANCEL_MAIL: Promise(Action.EMAIL_STOPPED, lambda user: mail_of(user).reason == EmailReason.STAFF, None),
    Fix.SWITCH_ROUTE: Promise(
        Action.ROUTE_SWITCHED_ON, lambda user: not RouteState.objects.get(name="main").switched_off, Cause.QUEUED
    ),
    Fix.RAISE_LEVEL: Promise(Action.LEVEL_CHANGED, lambda user: level.current() == MailLevel.ALL, Cause.QUEUED),
}


def never_asked(stage: Stage) -> Call:
    user = stage.reader()
    return Call(user, user, again=lambda: True, then=Cause.CASE_OPEN)


def has_mail_that_waits(stage: Stage) -> Call:
    user = waits(stage)
    return Call(user, user, again=lambda: True)


CALLS: Final[dict[Fix, Callable[[Stage], Call]]] = {
    **{fix: CALLERS[cause] for fix, cause in BY_BUTTON.items()},
    Fix.OPEN_CASE: never_asked,
    Fix.CANCEL_MAIL: has_mail_that_waits,
}
"""Who calls for each fix: by the public doors, as in the tests of causes."""


@dataclass
class Work:
    """A desk, the stage of the callers, and what makes the site under the desk follow the stage."""

    desk: Desk
    stage: Stage
    follow: Callable[[], None]


@pytest.fixture(params=["stock", "unfold"])
def agent(request: Any, chromium: Browser, live_server: Any, settings: Any, stage: Stage) -> Iterator[Work]:
    settings.ADMIN_POLICY = ENFORCED
    if request.param == "stock":
        for desk in sat_down(chromium, live_server.url, BOX):
            yield Work(desk, stage, lambda: None)
        return
    unfolded = request.getfixturevalue("unfolded")

    def follow() -> None:
        unfolded.follow(**{name: settings.RECOVERY[name] for name in SETTINGS})

    for desk in sat_down(chromium, unfolded.base, BOX, is_unfold=True):
        yield Work(desk, stage, follow)


def test_every_fix_that_staff_have_a_button_for_is_pressed_here() -> None:
    assert set(CALLS) == set(PROMISES) == BY_STAFF


def test_every_fix_is_found_asked_and_done_by_keyboard_alone_and_the_person_gets_in(agent: Work) -> None:
    for number, fix in enumerate(CALLS):
        with ExitStack() as called:
            try:
                mends(agent, fix, number, called)
            except AssertionError as error:
                error.add_note(f"{fix} at {agent.desk.page.url}")
                raise


def mends(agent: Work, fix: Fix, number: int, called: ExitStack) -> None:
    """The question is judged in light or dark, and where that leads in every other round: in the one admin as it is
    not in the other."""
    desk, stage, reason = agent.desk, agent.stage, f"called back, ticket {number}"
    is_in_turn = (number + desk.is_unfold) % 2 == 0
    stage.set(ROUTES=[stage.way()], ADDRESS_CORRECTION="at_once")
    stage.lives()
    call = CALLS[fix](stage)
    called.enter_context(call.while_called)
    agent.follow()
    desk.speak("de")
    desk.window.wear("dark" if is_in_turn else "light")
    back = comes_to_the_button(desk, fix, call)
    asks_soundly(desk, fix)
    answers(desk, reason, MORE.get(fix, {}))
    assert desk.path() == back
    assert desk.speaks() == ("ar", "rtl")
    assert (desk.faults() if is_in_turn else [*desk.complaints(), *too_wide(desk.page)]) == []
    was_done(desk, fix, call.user, reason)
    if fix not in ON_MAIL:
        gets_in(stage, fix, call)
        look_up(desk, call.user.username)
        assert leading(desk) == call.then
        assert desk.complaints() == []


def comes_to_the_button(desk: Desk, fix: Fix, call: Call) -> str:
    """By keyboard from the box to the question; returns where the act is to lead back to."""
    if fix in ON_MAIL:
        desk.open(f"/admin/recovery/email/{mail_of(call.user).pk}/change/")
        back = desk.path()
        desk.press(f"a[href*='{ON_MAIL[fix]}']")
        return back
    look_up(desk, call.user.username)
    assert leading(desk) == BY_BUTTON.get(fix, Cause.NEVER_ASKED)
    assert desk.speaks()[0] == "de"
    assert desk.complaints() == []
    back = desk.path()
    desk.press(f".recovery-cause a[data-fix={fix.value}]")
    if fix in BETWEEN:
        assert desk.complaints() == []
        desk.press(f"a[href*='{BETWEEN[fix]}']")
    return back


def look_up(desk: Desk, said: str) -> None:
    if not desk.path().startswith(BOX):
        desk.open(BOX)
    desk.tab_to("#id_said")
    desk.page.keyboard.press("ControlOrMeta+A")
    desk.page.keyboard.type(said)
    with desk.page.expect_navigation():
        desk.page.keyboard.press("Enter")


def leading(desk: Desk) -> str | None:
    return desk.page.locator(".recovery-cause").get_attribute("data-cause")


def asks_soundly(desk: Desk, fix: Fix) -> None:
    """In German as it comes; then on a phone with longer words; then in Arabic, in which the page is left."""
    assert desk.page.locator("h1, .recovery-asked").filter(visible=True).count()
    assert desk.faults() == []
    desk.window.wear("narrow")
    desk.speak_at_length()
    assert too_wide(desk.page) == []
    desk.speak("ar")
    desk.page.reload()
    assert desk.speaks() == ("ar", "rtl")
    assert too_wide(desk.page) == []
    assert desk.complaints() == []


def answers(desk: Desk, reason: str, more: dict[str, str]) -> None:
    """Fill in what is asked for, going back from the reason, where the page has put the focus; and send it."""
    page = desk.page
    for name, value in more.items():
        field = f"[name={name}]"
        if page.locator(f"{field}[type=hidden]").count():
            continue
        desk.tab_to(field, key="Shift+Tab")
        if page.locator(f"{field}[type=radio]").count():
            for _choice in range(page.locator(field).count()):
                if not page.locator(f"{field}:focus[value={value}]").count():
                    page.keyboard.press("ArrowDown")
        elif page.locator(f"{field}[type=checkbox]").count():
            page.keyboard.press("Space")
        else:
            page.keyboard.type(value)
    desk.tab_to("[name=reason]")
    page.keyboard.type(reason)
    desk.press("#content-main [type=submit]")


def was_done(desk: Desk, fix: Fix, user: Any, reason: str) -> None:
    promise = PROMISES[fix]
    morgan = get_user_model().objects.get(username="morgan")
    assert AuditEvent.objects.get(action=promise.done, reason=reason).actor_key == str(morgan.pk)
    assert promise.holds(user)
    if promise.says:
        assert leading(desk) == promise.says
    else:
        assert desk.page.locator(f"a[data-fix={fix.value}], a[href*='{ON_MAIL.get(fix, '/none/')}']").count() == 0


def gets_in(stage: Stage, fix: Fix, call: Call) -> None:
    """With what the act leaves to be done by others, workers among them."""
    if fix == Fix.CORRECT_ADDRESS:
        approved_by_somebody_else()
    if fix in BY_A_LINK:
        stage.staff_send(call.user)
    work()
    sweep.sweep()
    if call.again is not None:
        assert call.again() is not False
    else:
        call.user.refresh_from_db()
        stage.gets_in(call.user)
