"""Suppressed addresses as staff see them, and lifting one: here, at the provider, with a reason, on record."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery import outbox, suppressions
from recovery.models import AuditEvent, Suppression
from recovery.provider_lists import calling
from recovery.reasons import Action, EmailKind
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.provider_lists.standins import KEY, Postmark, listening

pytestmark = pytest.mark.django_db

PAGE = "/admin/recovery/suppression/"
ADDRESS = "ada.lovelace@example.com"
RIGHTS = ("recovery.view_suppression", "recovery.lift_suppression")


@pytest.fixture
def row() -> Suppression:
    until = timezone.now() + timedelta(days=7)
    return suppressions.add(ADDRESS, reason="bounced", source="postmark", until=until)


@pytest.fixture
def postmark(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Postmark]:
    monkeypatch.setattr(calling, "LONGEST_PAUSE", 0.01)
    with listening(Postmark()) as standin:
        options = {"server_token": KEY, "api_url": standin.url}
        backend = "anymail.backends.postmark.EmailBackend"
        settings.RECOVERY = settings.RECOVERY | {"ROUTES": [{"NAME": "main", "BACKEND": backend, "OPTIONS": options}]}
        assert isinstance(standin, Postmark)
        yield standin


def lift_page(row: Suppression) -> str:
    return f"{PAGE}{row.pk}/lift/"


def test_the_list_says_who_is_not_mailed_why_and_until_when(row: Suppression) -> None:
    suppressions.add("bob@example.com", reason="complained", source="ses", kind=EmailKind.RESET)
    text = superuser().get(PAGE).content.decode()
    for word in ("not mailed", "mail to it came back for good", "all mail", "reset link", "for good", ADDRESS):
        assert word in text
    masked = staff(*RIGHTS).get(PAGE).content.decode()
    assert ADDRESS not in masked
    assert "a•••e@e•••e.com" in masked


def test_it_is_found_by_the_whole_address_only(row: Suppression) -> None:
    client = staff(*RIGHTS, "recovery.see_addresses")
    assert ADDRESS in client.get(PAGE, {"q": "Ada.Lovelace@example.com"}).content.decode()
    assert ADDRESS not in client.get(PAGE, {"q": "ada"}).content.decode()
    assert client.get(PAGE, {"address_key__startswith": "a"}).status_code in (302, 400)


def test_lifting_asks_for_a_reason_and_is_on_record(row: Suppression) -> None:
    client = staff(*RIGHTS)
    assert client.get(lift_page(row)).status_code == 200
    assert "Write down why" in posted(client, lift_page(row), reason="  ").content.decode()
    assert suppressions.of([ADDRESS])
    answer = posted(client, lift_page(row), reason=REASON)
    assert said(answer) == ["success: The address may be mailed again."]
    assert suppressions.of([ADDRESS]) == {}
    row.refresh_from_db()
    actor = str(client.user.pk)  # type: ignore[attr-defined]
    assert (row.lift, row.lifted_by, row.lift_reason) == ("staff", actor, REASON)
    event = AuditEvent.objects.get(action=Action.SUPPRESSION_LIFTED)
    assert (event.actor_key, event.reason) == (actor, REASON)
    again = posted(client, lift_page(row), reason=REASON)
    assert said(again)[0].startswith("warning: Nothing was done here")


def stop_page(row: Suppression) -> str:
    return f"{PAGE}{row.pk}/stop/"


def test_a_lift_is_undone_with_a_reason_and_on_record_for_as_long_as_it_would_have_held(row: Suppression) -> None:
    client = staff(*RIGHTS)
    own = f"{PAGE}{row.pk}/change/"
    assert "can be undone" in client.get(lift_page(row)).content.decode()
    assert stop_page(row) not in client.get(own).content.decode()
    assert said(posted(client, stop_page(row), reason=REASON))[0].startswith("warning: Nothing was done")
    posted(client, lift_page(row), reason=REASON)
    assert stop_page(row) in client.get(own).content.decode()
    assert client.get(stop_page(row)).status_code == 200
    assert "Write down why" in posted(client, stop_page(row), reason="  ").content.decode()
    assert suppressions.of([ADDRESS]) == {}
    wrong = "the postmaster called again, ticket 4712"
    assert said(posted(client, stop_page(row), reason=wrong)) == ["success: The address is not mailed any more."]
    assert suppressions.of([ADDRESS]) == {ADDRESS: "staff"}
    stopped = Suppression.objects.exclude(pk=row.pk).get()
    assert (stopped.kind, stopped.until) == (row.kind, row.until)
    event = AuditEvent.objects.filter(action=Action.SUPPRESSED).latest("pk")
    assert (event.actor_key, event.reason) == (str(client.user.pk), wrong)  # type: ignore[attr-defined]
    assert event.detail == {"suppression": str(stopped.pk), "why": "staff", "source": "staff"}
    assert said(posted(client, stop_page(row), reason=REASON))[0].startswith("warning: Nothing was done")
    row.refresh_from_db()
    assert not suppressions.stop_again(row, actor=client.user, reason=REASON)  # type: ignore[attr-defined]


def test_only_a_lift_by_staff_is_undone_and_not_once_its_time_is_over(row: Suppression) -> None:
    """Or staff could keep from anybody what happens to their account."""
    client = staff(*RIGHTS)
    for lift, until in (("delivery", row.until), ("staff", timezone.now())):
        Suppression.objects.filter(pk=row.pk).update(lifted_at=timezone.now(), lift=lift, until=until)
        assert said(posted(client, stop_page(row), lift_page(row), reason=REASON))[0].startswith(
            "warning: Nothing was done"
        )
        assert stop_page(row) not in client.get(f"{PAGE}{row.pk}/change/").content.decode()
    assert suppressions.of([ADDRESS]) == {}


def test_lifting_one_of_two_says_which_remains_and_until_when(row: Suppression) -> None:
    until = timezone.now() + timedelta(days=30)
    other = suppressions.add(ADDRESS, reason="complained", source="ses", until=until, kind=EmailKind.RESET)
    over = suppressions.add(ADDRESS, reason="bounced", source="ses", until=timezone.now() - timedelta(days=1))
    remains = (
        f"Another suppression of this address holds until {timezone.localtime(until):%Y-%m-%d %H:%M %Z}: reset link"
    )
    client = staff(*RIGHTS)
    asked = client.get(lift_page(row)).content.decode()
    assert remains in asked
    assert "may go there at once" not in asked
    lifted, still = said(posted(client, lift_page(row), reason=REASON))
    assert lifted == "success: This suppression is lifted."
    assert still.startswith(f"warning: {remains}")
    again, still = said(posted(client, lift_page(row), reason=REASON))
    assert again.startswith("warning: Nothing was done here")
    assert still.startswith(f"warning: {remains}")
    assert "may go there at once" in client.get(lift_page(other)).content.decode()
    assert said(posted(client, lift_page(other), reason=REASON)) == ["success: The address may be mailed again."]
    assert not Suppression.objects.get(pk=over.pk).lift


def test_one_that_holds_for_good_remains_when_another_is_lifted(row: Suppression) -> None:
    suppressions.add(ADDRESS, reason="staff", source="ours")
    _, still = said(posted(staff(*RIGHTS), lift_page(row), reason=REASON))
    assert still.startswith("warning: Another suppression of this address holds for good: all mail")


def test_a_get_lifts_nothing(row: Suppression) -> None:
    superuser().get(lift_page(row))
    assert suppressions.of([ADDRESS])


@pytest.mark.parametrize("right", RIGHTS)
def test_both_rights_are_needed(right: str, row: Suppression) -> None:
    client = staff(right)
    for page in (lift_page(row), stop_page(row)):
        assert client.get(page).status_code == 403
        assert client.post(page, {"reason": REASON}).status_code == 403
    button = f"{row.pk}/lift/"
    own = client.get(f"{PAGE}{row.pk}/change/")
    assert own.status_code == (200 if right == "recovery.view_suppression" else 403)
    assert button not in own.content.decode()


def test_out_of_scope_it_looks_like_not_existing(row: Suppression, ada: Any, settings: Any) -> None:
    outbox.queue(EmailKind.PASSWORD_CHANGED, [ADDRESS], user_key=str(ada.pk))
    settings.RECOVERY = settings.RECOVERY | {"MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(*RIGHTS)
    assert client.get(lift_page(row)).status_code == client.get(stop_page(row)).status_code == 404
    assert str(row.pk) not in client.get(PAGE).content.decode()


def test_the_providers_own_list_is_shown_and_lifted_with_it(row: Suppression, postmark: Postmark) -> None:
    postmark.held[ADDRESS] = {"HardBounce": 1}
    client = staff(*RIGHTS)
    asked = client.get(lift_page(row)).content.decode()
    assert "main: on its list “outbound” (HardBounce)." in asked
    answer = posted(client, lift_page(row), reason=REASON, at_provider="on")
    assert said(answer)[1:] == ["info: main: nothing on its list."]
    assert postmark.deleted == [f"HardBounce {ADDRESS}"]


def test_it_is_left_there_where_staff_say_so_and_said_where_it_stays(row: Suppression, postmark: Postmark) -> None:
    postmark.held[ADDRESS] = {"SpamComplaint": 1}
    client = staff(*RIGHTS)
    assert "It lets nobody lift this from here" in client.get(lift_page(row)).content.decode()
    posted(client, lift_page(row), reason=REASON)
    assert not [ask for ask in postmark.asked if ask.method == "POST"]


def test_a_mails_page_leads_to_the_providers_list(postmark: Postmark) -> None:
    """Of an address that our own list does not have."""
    (email,) = outbox.queue(EmailKind.PASSWORD_CHANGED, [ADDRESS])
    postmark.held[ADDRESS] = {"HardBounce": 1}
    page = f"/admin/recovery/email/{email.pk}/at-provider/"
    client = staff("recovery.view_email", "recovery.lift_suppression")
    assert page in client.get(f"/admin/recovery/email/{email.pk}/change/").content.decode()
    assert "HardBounce" in client.get(page).content.decode()
    answer = posted(client, page, reason=REASON)
    assert "main: nothing on its list." in answer.content.decode()
    assert staff("recovery.view_email").get(page).status_code == 403
    events = AuditEvent.objects.filter(action__in=[Action.PROVIDER_LIFT_ASKED, Action.PROVIDER_LIFTED])
    assert {event.reason for event in events} == {REASON}
    assert ADDRESS not in repr(list(AuditEvent.objects.values()))


def test_a_silent_provider_is_unknown_and_never_fine(row: Suppression, postmark: Postmark) -> None:
    postmark.fails = [500] * 9
    text = staff(*RIGHTS).get(lift_page(row)).content.decode()
    assert "it could not be learned what is on its list (HTTP 500). Try again later." in text
