"""How staff work on support cases, with the right and in their scope; and what they see of backup addresses."""

import re
from typing import Any

import pytest
from django.utils import timezone

from recovery import accounts
from recovery.models import AuditEvent, BackupAddress, SupportCase
from recovery.reasons import Action, CaseEnd
from tests.admin.pages import CASE_RIGHTS as RIGHTS
from tests.admin.pages import SCRIPT, case_of, listed, page_of, working
from tests.admin.posting import REASON, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

each_act = pytest.mark.parametrize("act", ["assign", "note", "close"])


def test_a_case_says_why_and_leads_to_the_request(ada: Any) -> None:
    case = case_of(ada)
    for path in (listed("supportcase"), page_of(case)):
        body = staff(*RIGHTS, "recovery.view_resetrequest").get(path).content.decode()
        assert case.request is not None
        assert f"/admin/recovery/resetrequest/{case.request.pk}/change/" in body
        assert "there is no backup address to try" in body
        assert ada.email not in body


def test_a_case_is_assigned_noted_and_closed_each_on_the_trail(ada: Any) -> None:
    case, client = case_of(ada), staff(*RIGHTS)
    other = staff(*RIGHTS).user  # type: ignore[attr-defined]
    assert said(posted(client, working(case, "assign"), reason=REASON)) == ["success: The case is assigned."]
    case.refresh_from_db()
    assert case.assigned_to == accounts.key_of(client.user)  # type: ignore[attr-defined]
    posted(client, working(case, "assign"), reason=REASON, to=other.username)
    case.refresh_from_db()
    assert case.assigned_to == accounts.key_of(other)
    posted(client, working(case, "note"), reason=f"called back\n{SCRIPT}")
    assert case.notes.get().text == f"called back\n{SCRIPT}"
    body = client.get(page_of(case)).content.decode()
    assert "called back" in body
    assert SCRIPT not in body
    assert said(posted(client, working(case, "close"), reason=REASON)) == ["success: The case is closed."]
    case.refresh_from_db()
    assert (case.end, case.end_reason) == (CaseEnd.STAFF, REASON)
    trail = AuditEvent.objects.filter(action__startswith="case.").order_by("occurred_at", "id")
    assert [event.action for event in trail] == [
        Action.CASE_OPENED, Action.CASE_ASSIGNED, Action.CASE_ASSIGNED, Action.CASE_NOTED, Action.CASE_CLOSED
    ]  # fmt: skip
    assert not any(SCRIPT in str(event.detail) for event in trail)


def test_closing_a_case_is_no_button_of_the_same_name_as_leaving_its_page(ada: Any) -> None:
    case, client = case_of(ada), staff(*RIGHTS)
    links = re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>([^<]*)</a>', client.get(page_of(case)).content.decode())
    assert [name.strip() for url, name in links if url == working(case, "close")] == ["Close case"]
    assert [url for url, name in links if name.strip() == "Close"] == [listed("supportcase")]
    assert 'value="Close case"' in client.get(working(case, "close")).content.decode()


def test_a_closed_case_can_be_noted_and_nothing_else(ada: Any) -> None:
    case, client = case_of(ada), staff(*RIGHTS)
    posted(client, working(case, "close"), reason=REASON)
    for act in ("assign", "close"):
        [answer] = said(posted(client, working(case, act), reason=REASON))
        assert answer.startswith("warning: Nothing was done")
    posted(client, working(case, "note"), reason="called back later")
    assert case.notes.count() == 1


@each_act
def test_nothing_happens_without_a_reason(act: str, ada: Any) -> None:
    case = case_of(ada)
    before = AuditEvent.objects.count()
    assert posted(superuser(), working(case, act), reason=" ").context["form"].errors
    assert AuditEvent.objects.count() == before


@each_act
def test_looking_changes_nothing(act: str, ada: Any) -> None:
    case, client = case_of(ada), superuser()
    before = AuditEvent.objects.count(), SupportCase.objects.values().get()
    assert client.get(working(case, act)).status_code == 200
    assert (AuditEvent.objects.count(), SupportCase.objects.values().get()) == before


@each_act
def test_it_needs_its_right(act: str, ada: Any) -> None:
    case = case_of(ada)
    assert staff("recovery.view_supportcase").get(working(case, act)).status_code == 403
    assert staff("recovery.work_cases").get(working(case, act)).status_code == 403
    assert f"/work/{act}/" not in staff("recovery.view_supportcase").get(page_of(case)).content.decode()
    assert f"/work/{act}/" in staff(*RIGHTS).get(page_of(case)).content.decode()


@each_act
def test_out_of_scope_there_is_no_such_case(act: str, ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    case = case_of(ada)
    assert staff(*RIGHTS).get(working(case, act)).status_code == 404
    assert str(case.pk) not in staff(*RIGHTS).get(listed("supportcase")).content.decode()


def test_a_case_shows_who_was_told_and_the_timeline_of_its_request(ada: Any, settings: Any) -> None:
    given = {"TARGET": "recovery.cases.targets.email", "TO": "support@example.org"}
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
    case = case_of(ada)
    body = superuser().get(page_of(case)).content.decode()
    assert "support@example.org" in body
    assert "recovery-timeline" in body
    body = staff(*RIGHTS).get(page_of(case)).content.decode()
    assert "support@example.org" not in body
    assert "recovery-timeline" not in body
    assert "Nobody but this page." not in body
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": []}
    other = case_of(UserFactory.create())
    assert "Nobody but this page." in staff(*RIGHTS).get(page_of(other)).content.decode()


def test_cases_are_filtered_and_found(ada: Any) -> None:
    case, client = case_of(ada), superuser()
    for query in ("?is=open", f"?q={case.pk}", f"?q={case.user_key}", f"?q={case.request.reference}"):  # type: ignore[union-attr]
        assert str(case.pk) in client.get(listed("supportcase", query)).content.decode(), query
    assert str(case.pk) not in client.get(listed("supportcase", "?is=closed")).content.decode()


def test_staff_see_that_a_person_has_a_backup_address_and_not_which(ada: Any) -> None:
    key = accounts.key_of(ada)
    backup = BackupAddress.objects.create(
        user_key=key, address="spare.room@example.net", address_key="spare.room@example.net", code_until=timezone.now()
    )
    client = staff("recovery.view_backupaddress", "recovery.see_addresses")
    for path in (listed("backupaddress"), listed("backupaddress", f"{backup.pk}/change/")):
        body = client.get(path).content.decode()
        assert "unconfirmed" in body
        assert "spare" not in body
        assert "s•••" not in body
        assert staff().get(path).status_code == 403
    assert superuser().get(listed("backupaddress", f"{backup.pk}/delete/")).status_code == 403
    assert superuser().get(listed("backupaddress", "add/")).status_code == 403
