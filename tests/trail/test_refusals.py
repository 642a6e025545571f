"""Who comes where they may not is on the trail, and cannot fill it; what is no refusal of a right is not."""

import pytest

from recovery import middleware
from recovery.models import AuditEvent
from recovery.reasons import Action
from tests.admin.staff import staff

pytestmark = pytest.mark.django_db


def test_whoever_keeps_coming_where_they_may_not_fills_no_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "MOST_REFUSALS", 3)
    client = staff(username="eve")
    for _ in range(5):
        client.get("/admin/recovery/auditevent/")
    assert AuditEvent.objects.filter(action=Action.ACCESS_REFUSED).count() == 3


def test_a_form_of_another_site_is_no_refusal_of_a_right() -> None:
    answer = staff("recovery.view_auditevent", username="eve").post("/admin/recovery/auditevent/export/csv/")
    assert answer.status_code == 403
    assert not AuditEvent.objects.filter(action=Action.ACCESS_REFUSED).exists()
