"""The pages of corrections: who sees them, who decides, and what is masked or not there at all."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from recovery import sweep
from recovery.models import AddressCorrection, AuditEvent
from recovery.reasons import Action, CorrectionState
from tests.admin.posting import REASON, USERS, page_of, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.factories import UserFactory
from tests.following import let_pass

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


def test_the_diagnosis_leads_whoever_may_decide_to_the_correction_and_nobody_else(
    row: AddressCorrection, ada: Any
) -> None:
    page = f"/admin/recovery/diagnosis/person/{ada.pk}/"
    for rights, is_offered in (((VIEW,), False), ((VIEW, APPROVE), True)):
        leading = staff("recovery.diagnose", *rights).get(page).context["leading"]
        assert leading["code"] == "correction_pending"
        assert leading["button"].url.startswith(own(row)) is is_offered


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


LOCK = "recovery.unlock"


def colleague(*rights: str, **facts: Any) -> Any:
    return staff(*rights, email=OLD, **facts).user  # type: ignore[attr-defined]


def test_a_colleagues_address_is_proposed_and_approved_only_by_who_may_as_much() -> None:
    senior = colleague(LOCK)
    page, sentence = f"{USERS}{senior.pk}/correct-address/", "error: This colleague has rights that you do not have."
    agent, peer = (staff("auth.view_user", "recovery.correct_address", VIEW, *more) for more in ((), (LOCK,)))
    assert said(posted(agent, page, address=NEW, reason=REASON))[0].startswith(sentence)
    assert not AddressCorrection.objects.exists()
    posted(peer, page, address=NEW, reason=REASON)
    row = AddressCorrection.objects.get()
    assert said(posted(staff(VIEW, APPROVE), deciding(row), reason=REASON))[0].startswith(sentence)
    assert is_pending(row)
    assert [each.detail["by"] for each in AuditEvent.objects.filter(action=Action.STAFF_REFUSED)] == ["rank"] * 2
    posted(staff(VIEW, APPROVE, LOCK), deciding(row), reason=REASON)
    senior.refresh_from_db()
    assert senior.email == NEW


def test_a_colleague_who_rose_meanwhile_keeps_the_address_after_the_wait(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": timedelta(days=1)}
    senior = colleague()
    posted(staff("auth.view_user", "recovery.correct_address"), f"{USERS}{senior.pk}/correct-address/",
           address=NEW, reason=REASON)  # fmt: skip
    row = AddressCorrection.objects.get()
    senior.user_permissions.add(Permission.objects.get(content_type__app_label="recovery", codename="unlock"))
    let_pass(timedelta(days=2))
    sweep.sweep()
    row.refresh_from_db()
    assert row.state == CorrectionState.LAPSED
    senior.refresh_from_db()
    assert senior.email == OLD


def test_an_inactive_colleague_is_activated_only_by_who_may_as_much() -> None:
    senior = colleague(LOCK, is_active=False)
    page = f"{USERS}{senior.pk}/activate-account/"
    answer = posted(staff("auth.view_user", "recovery.activate"), page, reason=REASON)
    assert said(answer)[0].startswith("error: This colleague has rights that you do not have.")
    senior.refresh_from_db()
    assert not senior.is_active
    posted(staff("auth.view_user", "recovery.activate", LOCK), page, reason=REASON)
    senior.refresh_from_db()
    assert senior.is_active


def test_nobody_approves_an_address_of_their_own_account(agent: Any) -> None:
    second = staff(VIEW, APPROVE, "recovery.correct_address", email=OLD)
    own_account: Any = second.user  # type: ignore[attr-defined]
    posted(staff(is_superuser=True), f"{USERS}{own_account.pk}/correct-address/", address=NEW, reason=REASON)
    row = AddressCorrection.objects.get()
    assert deciding(row) not in second.get(own(row)).content.decode()
    assert said(posted(second, deciding(row), reason=REASON)) == [
        "error: Somebody else must approve an address of your own account. Ask a colleague."
    ]
    assert is_pending(row)
    assert AuditEvent.objects.get(action=Action.STAFF_REFUSED).detail == {"by": "own account"}


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
