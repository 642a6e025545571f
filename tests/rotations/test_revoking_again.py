"""Tokens that could not be ended: tried again with growing waits, done or given up, and staff see which."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery import alarms, resets, retention, revoking, sweep
from recovery.models import Revocation, RotationMember
from recovery.reasons import Action, Alarm
from recovery.signals import alarm_sounded
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.asking import links, set_password
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, mailed_link, opened, trail
from tests.rotations import api
from tests.rotations.people import force, funnel, work

pytestmark = pytest.mark.django_db(transaction=True)

FORGET, FLAKY = "tests.rotations.api.forget", "tests.rotations.api.flaky"
PAGES = "/admin/recovery/revocation/"


@pytest.fixture(autouse=True)
def _the_push_service_is_down(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REVOKERS": [FLAKY, FORGET]}
    api.DOWN.clear()
    api.DOWN.append(True)


def given_up(user: Any) -> Revocation:
    for _ in range(revoking.MOST_TRIES):
        let_pass(revoking.LONGEST_WAIT)
        sweep.sweep()
    return Revocation.objects.get(user_key=str(user.pk))


def rotated() -> Any:
    user = UserFactory.create(username="ada")
    rotation = force([user])
    work()
    return user, rotation


def test_the_sweep_tries_again_after_a_minute_and_is_done_when_it_works() -> None:
    user, rotation = rotated()
    row = Revocation.objects.get()
    assert (row.user_key, row.revoker, row.error, row.attempt_count) == (str(user.pk), FLAKY, "ConnectionError", 1)
    assert sweep.sweep().revoked == 0, "its minute is not over"
    let_pass(timedelta(seconds=61))
    assert sweep.outlook().revoked == 1
    assert sweep.sweep().revoked == 1
    assert Revocation.objects.get().attempt_count == 2
    let_pass(timedelta(seconds=61))
    assert sweep.sweep().revoked == 0, "the second wait is twice as long"
    api.DOWN.clear()
    let_pass(timedelta(seconds=61))
    assert sweep.sweep().revoked == 1
    assert not Revocation.objects.exists()
    assert trail(Action.REVOKED) == [{"revoker": FLAKY, "tries": 3, "revoked": 7}]
    assert funnel(rotation) == {"told": 1}


def test_a_reset_whose_revoker_fails_is_followed_up_alike() -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    assert set_password(client, form).status_code == 302
    api.DOWN.clear()
    let_pass(timedelta(seconds=61))
    assert sweep.sweep().revoked == 1
    assert not Revocation.objects.exists()


def test_waits_grow_to_four_hours_and_no_try_is_made_twice_at_once() -> None:
    rotated()
    row = Revocation.objects.get()
    Revocation.objects.update(attempt_count=11)
    let_pass(timedelta(seconds=61))
    before = Revocation.objects.get().next_try_at
    sweep.sweep()
    row.refresh_from_db()
    assert before is not None
    assert row.next_try_at is not None
    assert timedelta(hours=4) <= row.next_try_at - before <= timedelta(hours=4, minutes=2)
    row.next_try_at = before
    assert revoking._again(row) == 0, "another sweep has it"


def test_given_up_it_is_an_alarm_a_row_for_staff_and_a_place_in_the_funnel() -> None:
    heard: list[Any] = []

    def hear(alarm: Alarm, subject: str, detail: str = "", **more: Any) -> None:
        heard.append((alarm, detail))

    user, rotation = rotated()
    Revocation.objects.update(attempt_count=revoking.MOST_TRIES - 1)
    alarms._told.clear()
    alarm_sounded.connect(hear)
    row = given_up(user)
    alarm_sounded.disconnect(hear)
    assert row.given_up_at
    assert row.next_try_at is None
    assert trail(Action.REVOKING_GIVEN_UP) == [{"revoker": FLAKY, "tries": 13, "error": "ConnectionError"}]
    assert (Alarm.NOT_REVOKED, "given up after 13 tries") in heard
    assert funnel(rotation) == {"stuck.not_revoked": 1}
    client = staff("recovery.view_revocation")
    page = client.get(f"{PAGES}?state=given_up").content.decode()
    assert FLAKY in page
    assert "ConnectionError" in page
    assert FLAKY not in client.get(f"{PAGES}?state=waiting").content.decode()


def test_staff_let_it_be_tried_again_with_right_and_reason_and_out_of_scope_it_is_not_there(settings: Any) -> None:
    user, _ = rotated()
    row = given_up(user)
    again = f"{PAGES}{row.pk}/again/"
    assert staff("recovery.view_revocation").get(again).status_code == 403
    assert staff("recovery.force_rotation").get(again).status_code == 403
    client = staff("recovery.view_revocation", "recovery.force_rotation")
    assert again in client.get(f"{PAGES}{row.pk}/change/").content.decode()
    assert posted(client, again, reason=" ").status_code == 200
    before = settings.RECOVERY
    settings.RECOVERY = {**before, "MAY_ACT_ON": ALL_BUT_ADA}
    assert client.get(again).status_code == 404
    settings.RECOVERY = before
    row.refresh_from_db()
    assert row.given_up_at
    api.DOWN.clear()
    assert said(posted(client, again, reason=REASON)) == ["success: It is tried again within a minute."]
    assert sweep.sweep().revoked == 1
    assert not Revocation.objects.exists()
    assert trail(Action.REVOKING_RETRIED) == [{"revoker": FLAKY}]


def test_fresh_links_of_a_rotation_try_tokens_again_and_mail_nobody_for_it() -> None:
    user, rotation = rotated()
    client, form = opened(links(mail.outbox[-1])[0])
    set_password(client, form)
    given_up(user)
    assert funnel(rotation) == {"stuck.not_revoked": 1}, "a new password does not help"
    api.DOWN.clear()
    member = RotationMember.objects.get()
    assert resets.renew_links(rotation, actor=StaffFactory.create(), reason="the service is back") == 1
    assert sweep.sweep().revoked == 1
    assert funnel(rotation) == {"completed": 1}
    assert RotationMember.objects.get().request_id == member.request_id


@pytest.mark.parametrize("gone", ["account", "setting"])
def test_whoever_is_gone_and_what_is_named_no_more_has_nothing_left_to_end(settings: Any, gone: str) -> None:
    user, _ = rotated()
    if gone == "account":
        user.delete()
    else:
        settings.RECOVERY = {**settings.RECOVERY, "REVOKERS": []}
    let_pass(timedelta(seconds=61))
    assert sweep.sweep().revoked == 1
    assert not Revocation.objects.exists()


def test_what_was_given_up_long_ago_is_forgotten() -> None:
    user, _ = rotated()
    given_up(user)
    assert retention.purge().revocations == 0
    let_pass(timedelta(days=401))
    assert retention.outlook().revocations == 1
    assert retention.purge().revocations == 1
