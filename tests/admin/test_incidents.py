"""The page of incidents: what it shows to whom, what is behind its numbers, and the one act on it."""

from typing import Any

import pytest
from django.test import Client

from recovery.models import AuditEvent, Repair, RepairMember
from recovery.reasons import Action, RepairStep
from tests.admin.posting import posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.asking import statements
from tests.factories import UserFactory
from tests.incidents.people import (
    DEAD,
    PAGE,
    POLICY,
    RIGHTS,
    RULE,
    VIEW,
    WHY,
    asked_and_mailed,
    confirm,
    gets_in,
    incident_of,
    press,
    repair_urls,
    set_up,
    told,
    work,
)
from tests.rotations.people import readers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _hears_sendgrid(settings: Any) -> None:
    set_up(settings)


def test_the_page_and_its_act_need_their_own_rights_each() -> None:
    incident_of(readers(3))
    [url] = repair_urls(staff(*RIGHTS))
    assert Client().get(PAGE).status_code == 302
    for few in ((), ("recovery.view_email", "recovery.send_reset", "recovery.repair_incident")):
        for path in (PAGE, url):
            assert staff(*few).get(path).status_code == 403
    looker = staff(*VIEW)
    assert looker.get(PAGE).status_code == 200
    assert repair_urls(looker) == []
    assert looker.get(url).status_code == 403
    assert posted(looker, url, PAGE, reason=WHY, counted="3").status_code == 403
    assert not Repair.objects.exists()
    assert repair_urls(superuser()) != []
    assert PAGE in looker.get("/admin/recovery/").content.decode()


def test_a_line_says_what_happened_to_whom_and_opens_the_mails() -> None:
    people = readers(4)
    mails = incident_of(people)
    incident_of([UserFactory.create(email=f"reader{n}@other.example") for n in range(2)])
    gets_in(people[0])
    answer = staff(*VIEW, "recovery.see_addresses").get(PAGE)
    [row] = answer.context["rows"]
    assert (row.word, row.rule, row.domain) == ("policy", RULE, "example.com")
    body = answer.content.decode()
    assert "refused for who we are or what we sent" in body
    behind = staff(*VIEW).get(row.mails_url)
    assert {email.pk for email in behind.context["cl"].result_list} == {email.pk for email in mails}
    assert row.mails_url.replace("&", "&amp;") in body
    assert "/recovery/email/" not in staff("recovery.view_incident").get(PAGE).content.decode()


def test_a_viewer_of_masked_addresses_cannot_try_domains_in_the_log() -> None:
    incident_of(readers(3))
    url = staff(*VIEW).get(PAGE).context["rows"][0].mails_url
    assert staff("recovery.view_email", "recovery.see_addresses").get(url).status_code == 200
    for refused in (
        staff("recovery.view_email").get(url),
        staff(*VIEW).get(f"{PAGE.replace('incident', 'email')}?incident_cause=x"),
        staff(*VIEW).get(url.replace("incident_since=2", "incident_since=x")),
    ):
        assert (refused.status_code, refused.url[-4:]) == (302, "?e=1")


def test_the_window_is_a_day_a_week_or_a_month_and_anything_else_a_day() -> None:
    client = staff(*VIEW)
    for query in ("?window=24h", "?window=7d", "?window=30d", "?window=ever", "?x=1"):
        assert client.get(PAGE + query).status_code == 200
    assert client.get(f"{PAGE}?window=%00").status_code == 400
    assert client.post(PAGE).status_code in (403, 405)


def test_the_page_that_asks_says_what_follows_and_changes_nothing() -> None:
    people = readers(4)
    incident_of(people, DEAD)
    gets_in(people[0])
    client = staff(*RIGHTS)
    [url] = repair_urls(client)
    body = client.get(url).content.decode()
    for text in ("3 people get a mail", "3 addresses are suppressed", "600 a minute", "the address itself is dead"):
        assert text in body
    assert "This field" not in body
    assert not Repair.objects.exists()
    answer = confirm(client, url, reason=" ")
    assert "Write down why you do this." in answer.content.decode()
    assert not Repair.objects.exists()


def test_confirmed_it_starts_is_on_the_trail_and_shows_how_far_it_is() -> None:
    people = readers(3)
    incident_of(people)
    client = staff(*RIGHTS)
    answer = press(client)
    assert said(answer) == ["success: Fresh links are on their way to 3 people."]
    row = AuditEvent.objects.get(action=Action.REPAIR_STARTED)
    assert (row.actor_key, row.reason, row.detail["people"]) == (str(client.user.pk), WHY, 3)  # type: ignore[attr-defined]
    body = client.get(PAGE).content.decode()
    assert WHY in body
    assert f"3 {RepairStep.WAITING.label}" in body
    assert repair_urls(client) == [], "nobody needs one that is not on its way"
    work()
    assert f"3 {RepairStep.ASKED.label}" in client.get(PAGE).content.decode()


def test_it_asks_again_where_more_people_need_a_link_by_now_and_mails_fewer_where_fewer_do() -> None:
    people = readers(5)
    mails = asked_and_mailed(people)
    told(mails[:4], POLICY)
    client = staff(*RIGHTS)
    [url] = repair_urls(client)
    told(mails[4:], POLICY)
    gets_in(people[0])
    gets_in(people[1])
    assert "3 people get a mail" in client.get(url).content.decode()
    answer = posted(client, url, reason=WHY, counted="2")
    assert "More people need a link by now." in answer.content.decode()
    assert posted(client, url, reason=WHY).status_code == 200
    assert not Repair.objects.exists()
    assert said(posted(client, url, reason=WHY, counted="4")) == ["success: Fresh links are on their way to 3 people."]


def test_what_has_not_begun_can_be_stopped_with_a_reason() -> None:
    incident_of(readers(3))
    client = staff(*RIGHTS)
    press(client)
    repair = Repair.objects.get()
    url = f"{PAGE}stop/{repair.pk}/"
    assert url in client.get(PAGE).content.decode()
    assert "3 people" in client.get(url).content.decode()
    assert staff(*VIEW).get(url).status_code == 403
    assert said(posted(client, url, reason=WHY)) == ["success: 3 people are left alone."]
    assert {member.step for member in RepairMember.objects.all()} == {RepairStep.STOPPED}
    assert url not in client.get(PAGE).content.decode()
    assert client.get(f"{PAGE}stop/019abcde-0000-7000-8000-000000000002/").status_code == 404


def test_an_incident_that_nobody_has_leads_nowhere() -> None:
    client = staff(*RIGHTS)
    assert client.get(f"{PAGE}repair/").status_code == 404
    assert client.get(f"{PAGE}repair/?incident_cause=x").status_code == 404
    times = "incident_since=2026-11-01T00:00:00%2B00:00&incident_until=2026-11-02T00:00:00%2B00:00"
    answer = client.get(f"{PAGE}repair/?incident_cause=x&{times}", follow=True)
    assert said(answer) == ["warning: Nobody of them needs a link any more."]


def test_an_agent_sees_counts_and_mails_those_alone_whom_they_reach(settings: Any) -> None:
    ada = UserFactory.create(username="ada", email="ada@example.com")
    people = readers(3)
    incident_of([ada, *people])
    press(superuser())
    RepairMember.objects.all().delete()
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    agent = staff(*RIGHTS)
    answer = agent.get(PAGE)
    assert [row.incident.people for row in answer.context["rows"]] == [3]
    assert answer.context["repairs"] == [], "a colleague's may be of people whom this agent does not reach"
    assert agent.get(f"{PAGE}stop/{Repair.objects.get().pk}/").status_code == 404
    assert said(press(agent)) == ["success: Fresh links are on their way to 3 people."]
    listed = RepairMember.objects.values_list("user_key", flat=True)
    assert sorted(listed) == sorted(str(user.pk) for user in people)


def test_the_page_costs_the_same_however_many_incidents_there_are() -> None:
    client = staff(*RIGHTS)
    incident_of(readers(3))
    client.get(PAGE)
    with statements() as few:
        client.get(PAGE)
    for place in range(4):
        incident_of([UserFactory.create(email=f"reader{n}@place{place}.example") for n in range(3)])
    with statements() as many:
        assert len(client.get(PAGE).context["rows"]) == 5
    assert len(many.texts) == len(few.texts)
