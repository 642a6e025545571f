"""Staff who are limited to doors: whoever is of others, and what was asked there, looks like not existing."""

import json
from typing import Any

import pytest
from django.core.management import call_command

from recovery import diagnosis, resets
from recovery.exceptions import NotAllowed
from recovery.models import AuditEvent, Email, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action
from tests.admin.dashboards import beat, lately, shown
from tests.admin.pages import listed
from tests.admin.posting import REASON, USERS, asking_page_of, posted
from tests.admin.staff import staff, superuser
from tests.asking import work
from tests.audiences.site import asks_at, joins
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

RIGHTS = (
    "recovery.view_resetrequest", "recovery.view_email", "recovery.view_auditevent", "recovery.view_rollup",
    "recovery.diagnose", "recovery.send_reset", "recovery.force_rotation", "auth.view_user",
)  # fmt: skip


def doors_of(actor: Any) -> list[str] | None:
    """The desk of the portal; everybody else has no limit."""
    return ["portal"] if actor.username == "desk" else [] if actor.username == "nowhere" else None


@pytest.fixture(autouse=True)
def staff_have_doors(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "STAFF_AUDIENCES": f"{__name__}.doors_of"}


@pytest.fixture
def ours() -> Any:
    return joins(UserFactory.create(username="ours"), "portal")


@pytest.fixture
def theirs() -> Any:
    return joins(UserFactory.create(username="theirs"), "site")


def desk(**facts: Any) -> Any:
    return staff(*RIGHTS, username="desk", **facts)


def rows(client: Any, page: str, query: str = "") -> list[Any]:
    return list(client.get(listed(page, query)).context["cl"].result_list)


@pytest.mark.parametrize("page", ["resetrequest", "email", "auditevent"])
def test_the_log_has_what_is_of_their_door_and_nobody_elses(page: str, ours: Any, theirs: Any) -> None:
    asks_at("portal", ours.email)
    asks_at("site", theirs.email)
    work()
    client, everything = desk(), rows(superuser(), page)
    seen = rows(client, page)
    keys = {"resetrequest": lambda row: row.identifier, "email": lambda row: row.recipient}
    if page in keys:
        assert [keys[page](row) for row in seen] == [ours.email]
    assert 0 < len(seen) < len(everything)
    for row in everything:
        wanted = 200 if row in seen else 302
        assert client.get(listed(page, f"{row.pk}/change/")).status_code == wanted
    assert rows(client, page, f"?q={theirs.email}") == []


def test_an_ask_that_meant_nobody_is_of_the_door_where_it_was_asked() -> None:
    for door in ("portal", "site", "default"):
        asks_at(door, f"nobody-at-{door}@example.com")
    work()
    client = desk()
    assert [row.identifier for row in rows(client, "resetrequest")] == ["nobody-at-portal@example.com"]
    assert {row.request_id for row in rows(client, "auditevent") if row.request_id} == {
        ResetRequest.objects.get(audience="portal").pk
    }
    for request in ResetRequest.objects.all():
        wanted = 200 if request.audience == "portal" else 404
        assert client.get(f"/admin/recovery/diagnosis/request/{request.pk}/").status_code == wanted


def test_whose_account_is_gone_is_of_the_door_where_they_were(ours: Any, theirs: Any) -> None:
    for door, user in (("portal", ours), ("site", theirs)):
        asks_at(door, user.email)
    work()
    for user in (ours, theirs):
        user.delete()
    client = desk()
    assert [row.identifier for row in rows(client, "resetrequest")] == [ours.email]
    assert [row.recipient for row in rows(client, "email")] == [ours.email]


def test_that_an_unknown_name_was_asked_for_is_told_of_their_door_alone() -> None:
    for door in ("portal", "site", "site"):
        asks_at(door, "nobody@example.com")
    work()
    for name, number in (("desk", 1), ("anybody", 3)):
        viewer = StaffFactory.create(username=name)
        [subject] = diagnosis.find("nobody@example.com", viewer=viewer)
        assert len(diagnosis.explain(subject, viewer=viewer).leading.evidence) == number


def test_the_report_of_requests_has_those_of_their_door_alone(ours: Any, theirs: Any) -> None:
    for door, address in (("portal", ours.email), ("site", theirs.email), ("portal", "b@x.org"), ("site", "c@x.org")):
        asks_at(door, address)
    work()
    client = staff("recovery.view_auditevent", "recovery.export_audit", username="desk")
    client.handler.enforce_csrf_checks = False
    text = b"".join(client.post(listed("auditevent", "report/jsonl/")).streaming_content)  # type: ignore[attr-defined]
    seen = [(row["audience"], row["accounts"]) for row in map(json.loads, text.splitlines())]
    assert seen == [("portal", str(ours.pk)), ("portal", "")]


def test_people_of_other_doors_look_like_not_existing(ours: Any, theirs: Any) -> None:
    client = desk()
    listed_there = client.get(USERS).context["cl"].result_list
    assert ours in listed_there
    assert theirs not in listed_there
    nobody = client.get(f"{USERS}999999/change/")
    assert client.get(f"{USERS}{theirs.pk}/change/").status_code == nobody.status_code
    assert client.get(f"{USERS}{ours.pk}/change/").status_code == 200
    page = "/admin/recovery/resetrequest/person/{}/"
    assert client.get(page.format(theirs.pk)).status_code == 404
    assert client.get(page.format(ours.pk)).status_code == 200 or not ResetRequest.objects.exists()
    diagnosis = "/admin/recovery/diagnosis/person/{}/"
    assert client.get(diagnosis.format(theirs.pk)).status_code == 404
    assert client.get(diagnosis.format(ours.pk)).status_code == 200


def test_they_send_links_to_their_own_people_alone(ours: Any, theirs: Any) -> None:
    client = desk()
    posted(client, asking_page_of(ours), reason=REASON)
    assert ResetRequest.objects.get().user_key == str(ours.pk)
    outside = client.get(asking_page_of(theirs))
    assert outside.status_code == client.get(f"{USERS}999999/send-reset-link/").status_code != 200


def test_a_refusal_is_on_the_trail_with_the_rule(theirs: Any) -> None:
    actor = StaffFactory.create(username="desk")
    with pytest.raises(NotAllowed):
        resets.send_by_staff(theirs, actor=actor, reason=REASON, origin=Origin())
    with pytest.raises(NotAllowed):
        resets.force_rotation([theirs], actor=actor, reason=REASON)
    refused = AuditEvent.objects.filter(action=Action.STAFF_REFUSED)
    assert [row.detail["by"] for row in refused] == ["STAFF_AUDIENCES"] * 2
    assert not Email.objects.exists()


def test_who_is_of_several_doors_is_reached_from_each(ours: Any) -> None:
    joins(ours, "site")
    actor = StaffFactory.create(username="desk")
    assert resets.send_by_staff(ours, actor=actor, reason=REASON, origin=Origin())


def test_both_rules_hold_where_both_are_set(ours: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.nobody_at_all"}
    actor = StaffFactory.create(username="desk")
    assert not resets.may_act_on(actor, ours)


def nobody_at_all(actor: Any, user: Any) -> bool:
    return False


def test_a_command_with_an_actor_has_their_reach(ours: Any, theirs: Any, capsys: pytest.CaptureFixture[str]) -> None:
    StaffFactory.create(username="desk", is_superuser=True)
    with pytest.raises(SystemExit):
        call_command("recovery_reset", "ours", "theirs", "--actor", "desk", "--reason", REASON)
    assert "unknown: theirs" in capsys.readouterr().err
    assert [request.user_key for request in ResetRequest.objects.all()] == [str(ours.pk)]


def test_the_numbers_are_those_of_their_doors() -> None:
    beat()
    lately(3, audience="portal")
    lately(5, audience="site")
    client = desk()
    for query in ("", "?audience=site", "?audience=", "?audience=portal"):
        answer = shown(query, client)
        assert answer.context["numbers"].expected == 3, query
        assert [life["audience"] for life in answer.context["lives"]] == ["portal"]
        assert "audience" not in [table["key"] for table in answer.context["tables"]]
    assert shown("").context["numbers"].expected == 8
    assert shown("?audience=site").context["numbers"].expected == 5


def test_who_reaches_no_door_has_no_numbers() -> None:
    beat()
    assert shown("", staff(*RIGHTS, username="nowhere")).status_code == 403
