"""The pages of corrections: who sees them, who decides, and what is masked or not there at all."""

from datetime import timedelta
from typing import Any

import pytest

from recovery.models import AddressCorrection, AuditEvent
from recovery.reasons import Action, CorrectionState
from tests.admin.posting import REASON, USERS, page_of, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/recovery/addresscorrection/"
VIEW = "recovery.view_addresscorrection"
APPROVE = "recovery.approve_correction"
OLD, NEW = "ada@old.example", "ada@new.example"


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email=OLD)


@pytest.fixture
def agent() -> Any:
    return staff("auth.view_user", "recovery.correct_address", VIEW)


@pytest.fixture
def row(ada: Any, agent: Any) -> AddressCorrection:
    posted(agent, f"{USERS}{ada.pk}/correct-address/", address=NEW, reason=REASON)
    return AddressCorrection.objects.get()


def own(row: AddressCorrection) -> str:
    return f"{LIST}{row.pk}/change/"


def deciding(row: AddressCorrection, act: str = "approve") -> str:
    return f"{LIST}{row.pk}/decide/{act}/"


def is_pending(row: AddressCorrection) -> bool:
    row.refresh_from_db()
    return row.state == CorrectionState.PENDING


def test_each_act_needs_its_right_and_a_reason_and_get_only_asks(row: AddressCorrection) -> None:
    viewer, stranger, second = staff(VIEW), staff(APPROVE), staff(VIEW, APPROVE)
    for act in ("approve", "refuse"):
        assert stranger.get(deciding(row, act)).status_code == 403
        assert viewer.get(deciding(row, act)).status_code == 403
        assert posted(viewer, deciding(row, act), form_at="/admin/", reason=REASON).status_code == 403
        assert second.get(deciding(row, act)).status_code == 200
        assert posted(second, deciding(row, act), reason=" ").status_code == 200
    assert second.get(deciding(row, "delete")).status_code == 404
    assert is_pending(row)
    assert said(posted(second, deciding(row), reason=REASON)) == [
        "success: The address is corrected, and a fresh link goes to it."
    ]


def test_who_proposed_it_is_offered_to_withdraw_and_not_to_approve_it(row: AddressCorrection, agent: Any) -> None:
    body = agent.get(own(row)).content.decode()
    assert deciding(row, "refuse") in body
    assert deciding(row) not in body
    assert agent.get(deciding(row)).status_code == 403
    body = staff(VIEW, APPROVE).get(own(row)).content.decode()
    assert deciding(row) in body
    posted(agent, deciding(row, "refuse"), reason=REASON)
    assert deciding(row) not in staff(VIEW, APPROVE).get(own(row)).content.decode()


def test_out_of_scope_there_is_no_such_correction(row: AddressCorrection, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    second = staff(VIEW, APPROVE)
    assert str(row.pk) not in second.get(LIST).content.decode()
    assert second.get(own(row)).status_code == 302
    assert second.get(deciding(row)).status_code == 404
    assert posted(second, deciding(row), form_at="/admin/", reason=REASON).status_code == 404
    assert is_pending(row)


def test_addresses_are_masked_for_who_may_not_see_them(row: AddressCorrection) -> None:
    for page in (LIST, own(row), deciding(row)):
        masked = staff(VIEW, APPROVE).get(page).content.decode()
        full = staff(VIEW, APPROVE, "recovery.see_addresses").get(page).content.decode()
        for address in (OLD, NEW):
            assert address not in masked
            assert address in full


def test_a_superusers_address_is_proposed_and_approved_by_superusers_alone() -> None:
    boss: Any = UserFactory(username="boss", email="boss@example.org", is_superuser=True)
    posted(staff(is_superuser=True), f"{USERS}{boss.pk}/correct-address/", address=NEW, reason=REASON)
    row = AddressCorrection.objects.get()
    assert said(posted(staff(VIEW, APPROVE), deciding(row), reason=REASON)) == [
        "error: Only a superuser may do this to a superuser."
    ]
    assert is_pending(row)
    assert [each.detail["by"] for each in AuditEvent.objects.filter(action=Action.STAFF_REFUSED)] == ["rank"]
    posted(staff(is_superuser=True), deciding(row), reason=REASON)
    boss.refresh_from_db()
    assert boss.email == NEW


def test_the_persons_page_leads_to_their_corrections(row: AddressCorrection, ada: Any) -> None:
    path = f"{LIST}?user_key={ada.pk}"
    assert path in staff("auth.view_user", VIEW).get(page_of(ada)).content.decode()
    assert str(row.pk) in staff(VIEW).get(path).content.decode()
    assert path not in staff("auth.view_user").get(page_of(ada)).content.decode()
    found = staff(VIEW).get(f"{LIST}?q={ada.pk}")
    assert str(row.pk) in found.content.decode()


def test_the_page_before_says_what_the_site_has_chosen(ada: Any, agent: Any, settings: Any) -> None:
    page = f"{USERS}{ada.pk}/correct-address/"
    for mode, words in (
        ("second_approver", "until somebody else on the staff approves"),
        (timedelta(days=3), "keeps its address for 3"),
        ("at_once", "goes to the new address from now on"),
    ):
        settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": mode}
        assert words in agent.get(page).content.decode(), mode
