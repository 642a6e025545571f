"""The line that says on every page what keeps mail from leaving."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from recovery import level, routes
from recovery.models import Heartbeat, LevelSwitch, RouteState
from recovery.reasons import Circuit, EmailReason, MailLevel
from tests.admin.pages import PAGES, listed, reset_for, row_of
from tests.admin.posting import REASON, RIGHTS, asking_page_of
from tests.admin.staff import staff, viewer
from tests.factories import StaffFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_routes")]


def told_at(client: Client, path: str) -> list[str]:
    return [str(line) for line in client.get(path).context["recovery_status"]]


@pytest.mark.parametrize("page", [*PAGES, "routestate", "levelswitch"])
def test_every_page_says_what_keeps_mail_from_leaving(page: str, ada: Any) -> None:
    request = reset_for(ada)
    client = viewer("recovery.view_routestate", "recovery.view_levelswitch")
    own = row_of(page, request) if page in PAGES else RouteState(name="relay")
    assert told_at(client, listed(page)) == []
    level.switch(MailLevel.NONE, actor=StaffFactory(), reason=REASON)
    routes.switch("relay", on=False, actor=StaffFactory(), reason="relay swallows mail")
    down = {"circuit": Circuit.OPEN, "reason": EmailReason.PROVIDER_DOWN}
    RouteState.objects.filter(name="main_1").update(**down)
    pk = LevelSwitch.objects.get().pk if page == "levelswitch" else own.pk
    for path in (listed(page), listed(page, f"{pk}/change/")):
        of_level, off, open_ = told_at(client, path)
        assert of_level == '<a href="/admin/recovery/levelswitch/">Mail level</a> “none”: no mail leaves.'
        assert off.endswith("“relay”: switched off; relay swallows mail.")
        assert open_.endswith("“main_1”: not in use: it failed; the provider could not be reached or had an error.")
        assert of_level in client.get(path).content.decode()


def test_whoever_sends_a_link_is_told_that_no_mail_leaves(ada: Any) -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory(), reason=REASON)
    [line] = told_at(staff(*RIGHTS), asking_page_of(ada))
    assert line == "Mail level “none”: no mail leaves."


def test_links_of_the_line_appear_only_where_they_may_be_opened() -> None:
    level.switch(MailLevel.NONE, actor=StaffFactory(), reason=REASON)
    [line] = told_at(staff("recovery.view_email"), listed("email"))
    assert line == "Mail level “none”: no mail leaves."


def test_dead_parts_are_told_to_whoever_may_see_signs_of_life() -> None:
    Heartbeat.objects.create(name="sweep", part="sweep", beat_at=Now())
    Heartbeat.objects.create(name="worker:one@host", part="worker", beat_at=Now() - timedelta(minutes=5))
    assert told_at(staff("recovery.view_email"), listed("email")) == []
    client = staff("recovery.view_email", "recovery.view_heartbeat")
    assert told_at(client, listed("email")) == ["Worker one@host: no sign of life for 5\xa0minutes."]
    Heartbeat.objects.update(beat_at=Now())
    assert told_at(client, listed("email")) == []
