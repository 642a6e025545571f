"""The pages of routes and of the mail level."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recovery import accounts, level, outbox
from recovery.models import AuditEvent, Email, LevelSwitch, RouteState
from recovery.reasons import Action, Circuit, EmailKind, EmailReason, EmailState, MailLevel
from tests.admin.pages import SCRIPT, listed
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import staff, superuser
from tests.factories import StaffFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_routes")]

ROUTE_RIGHTS = ("recovery.view_routestate", "recovery.switch_route")
LEVEL_RIGHTS = ("recovery.view_levelswitch", "recovery.change_level")
ROUTES = listed("routestate")
LEVELS = listed("levelswitch")
CHANGE_LEVEL = listed("levelswitch", "change-level/")


def switching(name: str) -> str:
    return listed("routestate", f"{name.replace('_', '_5F')}/switch/")


def is_off(name: str) -> bool:
    return RouteState.objects.get(name=name).switched_off


def held_notice(**facts: Any) -> Email:
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, ["ada@example.com"], held=EmailReason.LEVEL_NONE)
    Email.objects.filter(pk=email.pk).update(**facts)
    email.refresh_from_db()
    return email


def states() -> dict[str, int]:
    found = list(Email.objects.values_list("state", flat=True))
    return {state: found.count(state) for state in found}


# Routes


def test_the_list_shows_the_routes_of_the_settings_in_their_order_and_those_that_are_gone_last() -> None:
    RouteState.objects.all().delete()
    RouteState.objects.create(name="aaa")
    rows = staff("recovery.view_routestate").get(ROUTES).context["cl"].result_list
    assert [row.name for row in rows] == ["relay", "main_1", "aaa"]


@pytest.mark.parametrize("name", ["relay", "main_1"])
def test_a_route_is_switched_off_and_on_with_a_reason_on_the_trail(name: str) -> None:
    client = staff(*ROUTE_RIGHTS)
    for to, action in (("off", Action.ROUTE_SWITCHED_OFF), ("on", Action.ROUTE_SWITCHED_ON)):
        own_page = client.get(listed("routestate", f"{name.replace('_', '_5F')}/change/")).content.decode()
        assert switching(name) in own_page
        answer = posted(client, switching(name), to=to, reason=REASON)
        assert said(answer) == [f"success: “{name}” is switched {to}."]
        assert is_off(name) == (to == "off")
        [line] = AuditEvent.objects.filter(action=action)
        assert (line.detail, line.reason) == ({"route": name}, REASON)
        assert line.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]


def test_a_second_click_does_not_switch_it_back() -> None:
    client = staff(*ROUTE_RIGHTS)
    posted(client, switching("relay"), to="off", reason=REASON)
    answer = posted(client, switching("relay"), to="off", reason=REASON)
    assert said(answer) == ["warning: Nothing was done: “relay” is switched off already."]
    assert is_off("relay")
    assert AuditEvent.objects.count() == 1


def test_the_page_says_which_routes_are_left() -> None:
    client = staff(*ROUTE_RIGHTS)
    assert "by the other routes: main_1" in client.get(switching("relay")).content.decode()
    posted(client, switching("relay"), to="off", reason=REASON)
    assert "No other route is switched on" in client.get(switching("main_1")).content.decode()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "in use"),
        ({"circuit": Circuit.OPEN, "reason": EmailReason.PROVIDER_REFUSED_US}, "not in use"),
        ({"circuit": Circuit.OPEN, "reason": EmailReason.PROVIDER_REFUSED_US}, "refuses our key, sender or quota"),
        ({"circuit": Circuit.HALF_OPEN, "reason": EmailReason.PROVIDER_DOWN}, "on trial"),
        ({"switched_off": True, "switch_reason": "relay swallows mail"}, "relay swallows mail"),
        ({"switched_off": True, "switch_reason": "told by ada.lovelace@example.com"}, "told by a•••e@e•••e.com"),
    ],
)
def test_each_state_is_said_with_its_reason(facts: dict[str, Any], words: str) -> None:
    RouteState.objects.filter(name="relay").update(**facts)
    client = staff("recovery.view_routestate")
    assert words in client.get(ROUTES).content.decode()
    assert words in client.get(listed("routestate", "relay/change/")).content.decode()


# The level


@pytest.mark.parametrize("wanted", [MailLevel.SYSTEM, MailLevel.NONE])
def test_the_level_is_changed_with_a_reason_on_the_trail_and_every_meaning_stands_beside_it(wanted: MailLevel) -> None:
    client = staff(*LEVEL_RIGHTS)
    assert CHANGE_LEVEL in client.get(LEVELS).content.decode()
    asking = client.get(CHANGE_LEVEL).content.decode()
    for start in ("All mail leaves:", "Only recovery and security mail leaves:", "No mail leaves."):
        assert start in asking
    answer = posted(client, CHANGE_LEVEL, level=wanted.value, reason=REASON)
    assert said(answer)[0].startswith(f"success: The mail level is “{wanted.value}” now")
    assert level.current() == wanted
    [line] = AuditEvent.objects.filter(action=Action.LEVEL_CHANGED)
    assert (line.detail, line.reason) == ({"from": "all", "to": wanted.value}, REASON)
    assert f"all → {wanted.value}" in superuser().get(listed("auditevent")).content.decode()
    row = LevelSwitch.objects.get()
    assert REASON in client.get(listed("levelswitch", f"{row.pk}/change/")).content.decode()


def test_what_the_level_held_back_stays_until_it_is_released_and_what_would_not_help_stays_then() -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory(), reason=REASON)
    held_notice()
    held_notice(send_by=Now() - timedelta(minutes=1))
    held_notice(kind=EmailKind.SITE)
    client = staff(*LEVEL_RIGHTS)
    told = " ".join(client.get(LEVELS).content.decode().split())
    assert "1 that would still help if released, 1 that would not, 1 of the site's other mail" in told
    posted(client, CHANGE_LEVEL, level="all", reason=REASON)
    assert states() == {EmailState.WITHHELD: 3}
    answer = posted(client, CHANGE_LEVEL, level="all", release="on", reason=REASON)
    assert said(answer) == ["success: 1 mail was released."]
    assert states() == {EmailState.WITHHELD: 2, EmailState.QUEUED: 1}
    assert LevelSwitch.objects.count() == 2
    [line] = AuditEvent.objects.filter(action=Action.EMAIL_RELEASED)
    assert (line.detail, line.reason) == ({"released": 1}, REASON)


def test_a_level_can_be_raised_and_mail_released_at_once() -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory(), reason=REASON)
    held_notice()
    answer = posted(staff(*LEVEL_RIGHTS), CHANGE_LEVEL, level="system", release="on", reason=REASON)
    assert len(said(answer)) == 2
    assert (level.current(), states()) == (MailLevel.SYSTEM, {EmailState.QUEUED: 1})


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"level": "none", "release": "on"}, "release"),
        ({"level": "all"}, "level"),
        ({"level": "everything"}, "level"),
        ({}, "level"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(data: dict[str, str], field: str) -> None:
    held_notice()
    answer = posted(staff(*LEVEL_RIGHTS), CHANGE_LEVEL, **data, reason=REASON)
    assert list(answer.context["form"].errors) == [field]
    assert level.current() == MailLevel.ALL
    assert states() == {EmailState.WITHHELD: 1}


# Both


ACTS = {
    "route": (switching("relay"), ROUTE_RIGHTS, {"to": "off"}),
    "level": (CHANGE_LEVEL, LEVEL_RIGHTS, {"level": "none"}),
}

each_act = pytest.mark.parametrize("act", ACTS)


def nothing_was_done() -> bool:
    return (
        not is_off("relay")
        and level.current() == MailLevel.ALL
        and not AuditEvent.objects.exclude(action=Action.ACCESS_REFUSED).exists()
    )


@each_act
def test_opening_a_page_or_asking_for_its_head_changes_nothing(act: str) -> None:
    path, rights, data = ACTS[act]
    client = staff(*rights)
    client.get(path, {**data, "reason": REASON})
    client.head(path)
    assert nothing_was_done()


@each_act
@pytest.mark.parametrize("reason", [None, "", "   ", "\x00", "x" * 501])
def test_without_a_reason_nothing_is_switched(act: str, reason: str | None) -> None:
    path, rights, data = ACTS[act]
    answer = posted(staff(*rights), path, **data, **({} if reason is None else {"reason": reason}))
    assert list(answer.context["form"].errors) == ["reason"]
    assert nothing_was_done()


@each_act
@pytest.mark.parametrize("right", sorted({*ROUTE_RIGHTS, *LEVEL_RIGHTS, "recovery.steer_email"}))
def test_one_right_alone_opens_its_own_list_and_does_nothing(act: str, right: str) -> None:
    path, _, data = ACTS[act]
    client = staff(right)
    assert client.get(path).status_code == 403
    assert posted(client, path, "/admin/password_change/", **data, reason=REASON).status_code == 403
    assert client.get(ROUTES).status_code == (200 if right == "recovery.view_routestate" else 403)
    assert client.get(LEVELS).status_code == (200 if right == "recovery.view_levelswitch" else 403)
    assert nothing_was_done()


@each_act
def test_a_view_right_shows_no_button(act: str) -> None:
    own = listed("routestate", "relay/change/") if act == "route" else LEVELS
    path, rights, _ = ACTS[act]
    assert path not in staff(rights[0]).get(own).content.decode()
    assert path in staff(*rights).get(own).content.decode()


@each_act
def test_a_stranger_is_sent_to_the_sign_in_and_a_post_from_another_site_refused(act: str) -> None:
    path, _, data = ACTS[act]
    assert "/login/" in Client().post(path, {**data, "reason": REASON})["Location"]
    assert superuser().post(path, {**data, "reason": REASON}).status_code == 403
    assert nothing_was_done()


@pytest.mark.parametrize("page", ["routestate", "levelswitch"])
@pytest.mark.parametrize("act", ["add/", "{}/change/", "{}/delete/"])
def test_nobody_adds_changes_or_deletes_a_row_by_itself_not_even_a_superuser(page: str, act: str) -> None:
    level.switch(MailLevel.SYSTEM, actor=StaffFactory(), reason=REASON)
    pk = "relay" if page == "routestate" else LevelSwitch.objects.get().pk
    client = superuser()
    client.handler.enforce_csrf_checks = False
    data = {"post": "yes", "level": "all", "reason": REASON, "switched_off": "on", "name": "mine"}
    assert client.post(listed(page, act.format(pk)), data).status_code == 403
    assert (level.current(), LevelSwitch.objects.count()) == (MailLevel.SYSTEM, 1)
    assert list(RouteState.objects.order_by("name").values_list("name", "switched_off")) == [
        ("main_1", False),
        ("relay", False),
    ]
    assert "_selected_action" not in client.get(listed(page)).content.decode()


@pytest.mark.parametrize("query", ["", "?q=x", "?o=1", "?p=99", "?nonsense=1", "?name__startswith=r", "?q=%00"])
def test_a_mangled_query_of_these_lists_is_answered_without_an_error(query: str) -> None:
    client = superuser()
    for path in (ROUTES, LEVELS):
        assert client.get(path + query).status_code in (200, 302, 400)


def test_script_in_what_staff_wrote_is_shown_as_text() -> None:
    client = staff(*ROUTE_RIGHTS, *LEVEL_RIGHTS)
    posted(client, switching("relay"), to="off", reason=SCRIPT)
    posted(client, CHANGE_LEVEL, level="none", reason=SCRIPT)
    for path in (ROUTES, LEVELS, switching("relay"), CHANGE_LEVEL, listed("routestate", "relay/change/")):
        body = client.get(path).content.decode()
        assert SCRIPT not in body


def test_these_lists_need_as_many_statements_for_fifty_rows_as_for_nine() -> None:
    client = staff(*ROUTE_RIGHTS, *LEVEL_RIGHTS, "auth.view_user")
    counts = []
    for number in (9, 41):
        for _each in range(number):
            member = StaffFactory()
            LevelSwitch.objects.create(level="all", actor_key=accounts.key_of(member), reason=REASON)
            RouteState.objects.create(name=f"route {member.pk}", switched_by=accounts.key_of(member))
        for path in (ROUTES, LEVELS):
            with CaptureQueriesContext(connection) as statements:
                client.get(path)
            counts.append(len(statements))
    assert counts[:2] == counts[2:]
