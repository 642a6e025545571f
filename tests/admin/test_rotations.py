"""The pages of forced rotations: the funnel, who is behind each number, and what staff may still do."""

import re
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery import accounts, resets
from recovery.models import AuditEvent, Email, Rotation, RotationMember, SupportCase
from recovery.reasons import Action, EmailState, RotationSnag, RotationStage
from tests.admin.files import rows_of
from tests.admin.pages import listed
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import StaffFactory, UserFactory
from tests.rotations.people import WHY, force, funnel, readers, work

pytestmark = pytest.mark.django_db

VIEW = ("recovery.view_rotation", "recovery.view_rotationmember")


def page_of(rotation: Rotation) -> str:
    return listed("rotation", f"{rotation.pk}/change/")


def act_page_of(rotation: Rotation, act: str) -> str:
    return listed("rotation", f"{rotation.pk}/act/{act}/")


def behind(rotation: Rotation, place: str) -> str:
    return listed("rotationmember", f"?rotation={rotation.pk}&amp;at={place}")


@pytest.fixture
def rotation() -> Rotation:
    """Two told, one of them stuck by a bounce; one inactive."""
    people = [*readers(2), *readers(1, is_active=False)]
    made = force(people, evidence="from 198.51.100.7")
    work()
    Email.objects.filter(recipient=people[0].email).update(
        state=EmailState.BOUNCED, followed_up_at=people[0].date_joined
    )
    assert funnel(made) == {"told": 1, "stuck.bounced": 1, "not_mailed.inactive": 1}
    return made


def numbers(body: str) -> dict[str, int]:
    """The table of the funnel, read as a person would."""
    table = body[body.index("recovery-funnel") : body.index("</tbody>", body.index("recovery-funnel"))]
    rows = re.findall(r"<strong>(.*?)</strong>.*?<td class=\"recovery-span\">(?:<a[^>]*>)?(\d+)", table, re.DOTALL)
    return {word: int(count) for word, count in rows}


def test_the_page_shows_a_funnel_that_adds_up_with_a_list_behind_each_number(rotation: Rotation) -> None:
    body = staff(*VIEW).get(page_of(rotation)).content.decode()
    found = numbers(body)
    assert found == {
        "waiting": 0, "started": 0, "told": 1, "delivered": 0, "opened": 0, "completed": 0, "stuck": 1, "not mailed": 1,
    }  # fmt: skip
    assert sum(found.values()) == 3
    assert WHY in body
    assert "from 198.51.100.7" in body
    for place in ("told", "stuck", "stuck.bounced", "not_mailed", "not_mailed.inactive"):
        assert behind(rotation, place) in body
    assert "its mail came back" in body
    without_lists = staff("recovery.view_rotation").get(page_of(rotation)).content.decode()
    assert "/rotationmember/" not in without_lists
    assert numbers(without_lists) == found


@pytest.mark.parametrize(
    ("place", "count"),
    [("told", 1), ("stuck", 1), ("stuck.bounced", 1), ("stuck.refused", 0), ("not_mailed.inactive", 1), ("opened", 0),
     ("waiting", 0), ("nonsense", 3), ("stuck.nonsense", 3), ("", 3)],
)  # fmt: skip
def test_behind_each_number_are_those_people(place: str, count: int, rotation: Rotation) -> None:
    other = force(readers(2))
    work()
    path = listed("rotationmember", f"?rotation={rotation.pk}&at={place}")
    rows = staff(*VIEW).get(path).context["cl"].result_list
    assert len(rows) == count
    assert not {row.rotation_id for row in rows} & {other.pk}


def test_a_list_behind_a_number_leaves_as_a_file_with_words(rotation: Rotation) -> None:
    query = f"?rotation={rotation.pk}&at=stuck"
    [row] = rows_of(staff(*VIEW, "auth.view_user"), "rotationmember", query=query)
    assert row["state"] == "stuck its mail came back"
    assert row["account"] == "leaked0"


@pytest.mark.parametrize("page", ["rotation", "rotationmember"])
def test_each_page_needs_its_own_right_and_nobody_edits_it(page: str, rotation: Rotation) -> None:
    row: Any = rotation if page == "rotation" else rotation.members.first()
    own = listed(page, f"{row.pk}/change/")
    others = staff(*{*VIEW} - {f"recovery.view_{page}"}, "recovery.force_rotation", "auth.view_user")
    for path in (listed(page), own):
        assert others.get(path).status_code == 403
        assert staff(f"recovery.view_{page}").get(path).status_code == 200
    client = superuser()
    client.handler.enforce_csrf_checks = False
    for path in (own, listed(page, "add/"), listed(page, f"{row.pk}/delete/")):
        assert client.post(path, {"reason": "x", "post": "yes"}).status_code == 403
    assert Rotation.objects.get().reason == WHY


def test_the_list_of_rotations_says_how_far_each_is(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ROTATION_PACE": 6}
    force(readers(5))
    work_once = resets.rotate_due()
    assert work_once == 2
    body = staff(*VIEW).get(listed("rotation")).content.decode()
    assert "at work" in body
    assert "2 of 5" in body
    work()
    assert "all begun" in staff(*VIEW).get(listed("rotation")).content.decode()


def test_a_page_of_the_list_of_members_costs_the_same_however_many_there_are() -> None:
    def cost() -> int:
        client = staff(*VIEW)
        with CaptureQueriesContext(connection) as found:
            assert client.get(listed("rotationmember")).status_code == 200
        return len(found)

    force(readers(2))
    work()
    few = cost()
    force(readers(30))
    work()
    assert cost() <= few + 1


def test_fresh_links_for_the_stuck_are_asked_about_and_sent_once(rotation: Rotation) -> None:
    client = staff(*VIEW, "recovery.force_rotation")
    assert act_page_of(rotation, "renew") in client.get(page_of(rotation)).content.decode()
    assert act_page_of(rotation, "stop") not in client.get(page_of(rotation)).content.decode(), "all have begun"
    asking = client.get(act_page_of(rotation, "renew")).content.decode()
    assert "Passwords are not touched again" in asking
    assert "1 person" in asking
    assert posted(client, act_page_of(rotation, "renew"), reason=" ").context["form"].errors
    answer = posted(client, act_page_of(rotation, "renew"), reason=REASON)
    assert said(answer) == ["success: A fresh link is on its way to 1 person."]
    answer = posted(client, act_page_of(rotation, "renew"), reason=REASON)
    assert said(answer) == ["warning: Nothing was done: there is nobody left."]
    work()
    assert len(mail.outbox) == 3
    assert act_page_of(rotation, "renew") not in client.get(page_of(rotation)).content.decode()


def test_what_has_not_begun_is_stopped_with_a_reason() -> None:
    rotation, client = force(readers(4)), staff(*VIEW, "recovery.force_rotation")
    assert act_page_of(rotation, "stop") in client.get(page_of(rotation)).content.decode()
    answer = posted(client, act_page_of(rotation, "stop"), reason=REASON)
    assert said(answer) == ["success: 4 people are left alone."]
    work()
    assert mail.outbox == []
    assert numbers(answer.content.decode())["stopped"] == 4


@pytest.mark.parametrize("rights", [VIEW, ("recovery.force_rotation",), ("recovery.view_rotationmember",)])
@pytest.mark.parametrize("act", ["stop", "renew"])
def test_acting_needs_both_rights(act: str, rights: tuple[str, ...], rotation: Rotation) -> None:
    client = staff(*rights)
    assert client.get(act_page_of(rotation, act)).status_code == 403
    assert posted(client, act_page_of(rotation, act), "/admin/password_change/", reason=REASON).status_code == 403


def test_an_act_that_there_is_not_and_a_rotation_that_there_is_not_are_not_found(rotation: Rotation) -> None:
    client = superuser()
    assert client.get(act_page_of(rotation, "undo")).status_code == 404
    assert client.get(act_page_of(Rotation(), "stop")).status_code == 404


def test_rotations_and_accounts_out_of_scope_look_like_not_existing(ada: Any, settings: Any) -> None:
    outside, inside = force([ada, UserFactory.create()]), force([UserFactory.create()])
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = superuser()
    assert list(client.get(listed("rotation")).context["cl"].result_list) == [inside]
    assert client.get(page_of(outside)).status_code == 302
    assert client.get(act_page_of(outside, "stop")).status_code == 404
    rows = client.get(listed("rotationmember")).context["cl"].result_list
    assert len(rows) == 2
    assert accounts.key_of(ada) not in {row.user_key for row in rows}


@pytest.mark.attack(46)
@pytest.mark.parametrize("act", ["stop", "renew"])
def test_who_reaches_the_first_hundred_alone_does_nothing_to_the_others(act: str, settings: Any) -> None:
    rotation, ada = force(readers(100)), UserFactory.create(username="ada")
    RotationMember.objects.create(rotation=rotation, user_key=accounts.key_of(ada))
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    answer = posted(staff(*VIEW, "recovery.force_rotation"), act_page_of(rotation, act), reason=REASON)
    assert said(answer) == ["error: Nothing was started. This member of staff may not act on this account."]
    assert numbers(answer.content.decode())["waiting"] == 101
    assert [each.detail["by"] for each in AuditEvent.objects.filter(action=Action.STAFF_REFUSED)] == ["MAY_ACT_ON"]


def test_a_rotation_is_found_by_somebody_in_it_and_so_are_its_accounts(rotation: Rotation) -> None:
    force(readers(1))
    key = RotationMember.objects.filter(rotation=rotation).latest("id").user_key
    client = staff(*VIEW)
    assert list(client.get(listed("rotation", f"?q={key}")).context["cl"].result_list) == [rotation]
    assert len(client.get(listed("rotationmember", f"?q={key}")).context["cl"].result_list) == 1
    assert len(client.get(listed("rotationmember", f"?user_key={key}")).context["cl"].result_list) == 1


def test_the_case_leads_to_the_rotation_and_back(rotation: Rotation) -> None:
    client = staff(*VIEW, "recovery.view_supportcase")
    case = SupportCase.objects.get()
    assert page_of(rotation) in client.get(listed("supportcase", f"{case.pk}/change/")).content.decode()
    assert listed("supportcase", f"{case.pk}/change/") in client.get(page_of(rotation)).content.decode()


def test_a_number_that_a_stage_has_no_word_for_cannot_come_about() -> None:
    body = superuser().get(page_of(force(readers(1)))).content.decode()
    for stage in RotationStage:
        if stage not in (RotationStage.STOPPED, RotationStage.NOT_MAILED):
            assert f"<strong>{stage.replace('_', ' ')}</strong>" in body
    assert all(snag.label for snag in RotationSnag)


def test_names_that_are_addresses_are_masked_in_the_lists() -> None:
    grace = UserFactory.create(username="grace.hopper@example.com", email="grace.hopper@example.com")
    rotation = force([grace], actor=StaffFactory.create(), reason="grace.hopper@example.com wrote to us")
    for path in (page_of(rotation), listed("rotation"), listed("rotationmember")):
        assert "grace.hopper@example.com" not in staff(*VIEW).get(path).content.decode()
        assert staff(*VIEW, "recovery.see_addresses").get(path).status_code == 200
