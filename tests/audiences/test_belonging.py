"""To which door mail leads: where the person asked, if they belong there; else to theirs, in the site's order."""

import logging
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command

from recovery import delivery, notices, resets, sweep
from recovery.models import Email, ResetRequest
from recovery.origin import Origin
from recovery.reasons import EmailKind, Kind
from tests.asking import masked, work
from tests.audiences.site import (
    DOORS,
    HERE,
    asks_at,
    at,
    host_of,
    joins,
    leaves,
    links,
    mailed,
    mailed_link,
    staff_send,
)
from tests.factories import UserFactory
from tests.ladder import fails, with_backup

pytestmark = pytest.mark.django_db

HOSTS = {
    "default": "library.example",
    "site": "site.example",
    "portal": "portal.example",
    "partner": "library.example",
    "club": "library.example",
}
FOUND: list[tuple[str, str]] = []


def everybody_of_the_portal(user: Any, asked_at: str, kind: str) -> str | None:
    FOUND.append((asked_at, kind))
    return "portal"


def nobody(user: Any, asked_at: str, kind: str) -> str | None:
    return None


def a_door_that_is_not_there(user: Any, asked_at: str, kind: str) -> str | None:
    return "gone"


@pytest.fixture
def user() -> Any:
    return joins(UserFactory.create(), "site", "portal")


def newest() -> Email:
    return Email.objects.latest("queued_at")


def test_who_is_of_portal_and_site_gets_the_sites_link_and_once_taken_off_it_the_portals(user: Any) -> None:
    staff_send(user)
    assert host_of(mailed_link()) == "site.example"
    assert mail.outbox[-1].from_email == "desk@site.example"
    leaves(user, "site")
    staff_send(user)
    assert host_of(mailed_link()) == "portal.example"
    assert mail.outbox[-1].from_email == "desk@portal.example"
    leaves(user, "portal")
    staff_send(user)
    assert host_of(mailed_link()) == "library.example"


def test_the_order_of_the_settings_decides(user: Any, settings: Any) -> None:
    turned = {name: DOORS[name] for name in ("portal", "site")}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": turned}
    staff_send(user)
    assert host_of(mailed_link()) == "portal.example"


def test_the_sites_own_door_has_a_place_in_the_order_where_the_settings_give_it_one(user: Any, settings: Any) -> None:
    first = {"default": {"MEMBERS": f"{HERE}.is_of_site"}, "portal": DOORS["portal"]}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": first}
    staff_send(user)
    assert host_of(mailed_link()) == "library.example"
    stranger = joins(UserFactory.create(), "portal")
    asks_at("default", stranger.email)
    assert host_of(mailed_link()) == "portal.example", "it has members now, and this is none of them"


def test_a_membership_counts_as_it_is_when_the_worker_decides(user: Any) -> None:
    request = staff_send(user)
    assert request.audience == ""
    leaves(user, "site")
    assert host_of(mailed_link()) == "portal.example"
    request.refresh_from_db()
    assert request.audience == "portal", "log and figures have it"


def test_what_waits_keeps_its_door_and_works_when_a_membership_ends_before_it_leaves(user: Any) -> None:
    request = staff_send(user)
    resets.decide(request.pk)
    leaves(user, "site")
    delivery.deliver(newest().pk)
    [link] = links()
    assert host_of(link) == "site.example"
    reader = at("site.example")
    assert reader.get(reader.get(link).url).status_code == 200


@pytest.mark.parametrize("door", ["site", "portal", "partner", "default"])
def test_who_asks_at_a_door_where_they_belong_gets_its_link(door: str, user: Any) -> None:
    """A door without members takes whoever asks there."""
    asks_at(door, user.email)
    assert mailed_link().startswith(f"https://{HOSTS[door]}/")
    assert newest().audience == door


def test_who_asks_at_a_door_that_is_not_theirs_gets_the_link_of_their_own() -> None:
    user = joins(UserFactory.create(), "portal")
    asks_at("site", user.email)
    assert host_of(mailed_link()) == "portal.example"


def test_the_page_of_the_asker_is_the_same_whatever_door_the_account_is_of() -> None:
    """It would tell who belongs where."""
    member, other = joins(UserFactory.create(), "site"), joins(UserFactory.create(), "portal")
    pages = []
    for who in (member, other):
        person = at("site.example")
        sent = person.post("/recovery/forgot/", {"identifier": who.email}).url
        work()
        pages.append(masked(person.get(sent).content.decode()))
    assert pages[0] == pages[1]
    assert set(ResetRequest.objects.values_list("audience", flat=True)) == {"site"}


def test_a_door_without_a_place_has_mail_of_its_own(settings: Any) -> None:
    user = joins(UserFactory.create(), "club")
    staff_send(user)
    assert mailed_link().startswith("https://library.example/recovery/reset/")
    assert mail.outbox[-1].from_email == "desk@club.example"
    assert "The Club" in mail.outbox[-1].body
    [link] = links()
    reader = at("library.example")
    page = reader.get(reader.get(link).url)
    assert page.context["site_name"] == "The Club"


def test_staff_may_name_a_door_to_which_the_person_belongs_and_no_other(user: Any) -> None:
    staff_send(user, audience="portal")
    assert host_of(mailed_link()) == "portal.example"
    leaves(user, "portal")
    staff_send(user, audience="portal")
    assert host_of(mailed_link()) == "site.example"


def test_a_first_password_is_chosen_at_the_persons_own_door() -> None:
    """Right after creating somebody they may be of no door yet; the worker asks later."""
    user = UserFactory.create(password=None)
    resets.activate(user)
    joins(user, "portal")
    work()
    [link] = links()
    assert link.startswith("https://portal.example/recovery/activate/")


def test_a_forced_rotation_leads_to_the_persons_own_door_and_so_does_its_notice(user: Any) -> None:
    call_command("recovery_reset", user.username, "--force", "--reason", "leaked", stdout=StringIO())
    sweep.sweep()
    mailed()
    forced = Email.objects.get(kind=EmailKind.FORCED_RESET)
    assert forced.audience == "site"
    assert ResetRequest.objects.get(kind=Kind.FORCED).audience == "site"


def test_a_notice_is_of_the_place_where_it_happened_else_of_the_persons_own_door(user: Any) -> None:
    notices.new_device(user, origin=Origin(ip="192.0.2.1"), audience="portal")
    assert newest().audience == "portal"
    notices.new_device(user, origin=Origin(ip="198.51.100.1"))
    assert newest().audience == "site"
    notices.new_device(user, origin=Origin(ip="203.0.113.1"), audience="gone")
    assert newest().audience == "site"


def test_mail_in_the_door_s_language_where_nobody_read_a_page(settings: Any) -> None:
    user = joins(UserFactory.create(), "portal")
    german = {**DOORS, "portal": {**DOORS["portal"], "LANGUAGE": "de"}}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": german}
    staff_send(user)
    assert "Passwort" in mailed().body
    assert newest().language == ""


def test_the_sites_own_function_decides_over_all_and_may_leave_it(user: Any, settings: Any) -> None:
    FOUND.clear()
    settings.RECOVERY = {**settings.RECOVERY, "CHOOSE_AUDIENCE": f"{__name__}.everybody_of_the_portal"}
    asks_at("site", user.email)
    assert host_of(mailed_link()) == "portal.example"
    assert FOUND[0] == ("site", Kind.FORGOT)
    settings.RECOVERY = {**settings.RECOVERY, "CHOOSE_AUDIENCE": f"{__name__}.nobody"}
    staff_send(user)
    assert host_of(mailed_link()) == "site.example"


def test_a_door_that_is_not_there_keeps_nobody_from_their_mail(
    user: Any, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "CHOOSE_AUDIENCE": f"{__name__}.a_door_that_is_not_there"}
    with caplog.at_level(logging.ERROR, logger="recovery.audiences"):
        asks_at("portal", user.email)
        assert host_of(mailed_link()) == "portal.example"
    assert "CHOOSE_AUDIENCE" in caplog.text
    assert user.email not in caplog.text


def test_the_ladder_leads_to_where_the_person_belongs_by_then(user: Any) -> None:
    with_backup(user)
    asks_at("site", user.email)
    mailed()
    leaves(user, "site")
    fails(newest())
    fresh = newest()
    assert (fresh.recipient, fresh.audience) == ("spare@example.net", "portal")
