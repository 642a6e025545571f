"""A case that staff open by hand from a person's page, and the ways from there to what the app knows of the person."""

from typing import Any

import pytest

from recovery import accounts, cases
from recovery.models import AuditEvent, SupportCase
from recovery.reasons import Action, CaseEnd, CaseReason
from tests.admin.pages import SCRIPT, listed, reset_for
from tests.admin.posting import REASON, USERS, page_of, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db

RIGHTS = ("auth.view_user", "recovery.view_supportcase", "recovery.work_cases")


def opening_page_of(user: Any) -> str:
    return f"{USERS}{user.pk}/open-case/"


def test_staff_open_a_case_which_names_the_newest_request_and_their_reason(ada: Any) -> None:
    reset_for(ada)
    newest, client = reset_for(ada), staff(*RIGHTS)
    assert said(posted(client, opening_page_of(ada), reason=f"cannot read her mail {SCRIPT}")) == [
        "success: " + f'<a href="/admin/recovery/supportcase/{SupportCase.objects.get().pk}/change/">'
        "The support case is open.</a>"
    ]
    case = SupportCase.objects.get()
    assert (case.user_key, case.reason, case.request) == (accounts.key_of(ada), CaseReason.STAFF, newest)
    assert case.failure_count == 0
    [event] = AuditEvent.objects.filter(action=Action.CASE_OPENED)
    assert event.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    assert event.reason == f"cannot read her mail {SCRIPT}"
    body = client.get(listed("supportcase", f"{case.pk}/change/")).content.decode()
    assert "cannot read her mail" in body
    assert SCRIPT not in body


def test_without_any_request_there_is_a_case_as_well(ada: Any) -> None:
    posted(superuser(), opening_page_of(ada), reason=REASON)
    assert SupportCase.objects.get().request is None


def test_a_person_has_one_open_case(ada: Any) -> None:
    client = superuser()
    assert opening_page_of(ada) in client.get(page_of(ada)).content.decode()
    posted(client, opening_page_of(ada), reason=REASON)
    assert opening_page_of(ada) not in client.get(page_of(ada)).content.decode()
    assert said(posted(client, opening_page_of(ada), reason=REASON)) == [
        "warning: Nothing was done: this person has an open case."
    ]
    assert SupportCase.objects.count() == 1
    assert AuditEvent.objects.filter(action=Action.CASE_OPENED).count() == 1


def test_it_closes_when_the_person_gets_in(ada: Any) -> None:
    posted(superuser(), opening_page_of(ada), reason=REASON)
    cases.close_answered([accounts.key_of(ada)])
    assert SupportCase.objects.get().end == CaseEnd.COMPLETED


def test_looking_opens_nothing_and_neither_does_a_blank_reason(ada: Any) -> None:
    client = superuser()
    assert client.get(opening_page_of(ada)).status_code == 200
    assert posted(client, opening_page_of(ada), reason=" ").context["form"].errors
    assert not SupportCase.objects.exists()


@pytest.mark.parametrize("right", RIGHTS)
def test_it_needs_its_rights(right: str, ada: Any) -> None:
    client = staff(*set(RIGHTS) - {right})
    status = client.get(opening_page_of(ada)).status_code
    assert status == (200 if right == "recovery.view_supportcase" else 403)
    if right == "recovery.work_cases":
        assert opening_page_of(ada) not in client.get(page_of(ada)).content.decode()


def test_out_of_scope_there_is_no_such_person(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = superuser()
    assert client.get(opening_page_of(ada)).status_code == 404
    assert (
        posted(client, opening_page_of(ada), form_at=page_of(StaffFactory.create()), reason=REASON).status_code == 404
    )
    assert not SupportCase.objects.exists()


PAGES = ("resetrequest", "email", "supportcase", "backupaddress")


@pytest.mark.parametrize("page", PAGES)
def test_a_persons_page_leads_to_what_is_theirs_for_whoever_may_view_it(page: str, ada: Any) -> None:
    way = f"/admin/recovery/{page}/?user_key={ada.pk}"
    assert way not in staff("auth.view_user").get(page_of(ada)).content.decode()
    client = staff("auth.view_user", f"recovery.view_{page}")
    assert way in client.get(page_of(ada)).content.decode()
    assert client.get(way).status_code == 200
