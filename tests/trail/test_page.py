"""The page of the trail: filters by actor, account, act, time and outcome; nothing is edited; where from is shown."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import accounts, audit
from recovery.models import AuditEvent, AuditOrigin
from recovery.reasons import Action
from tests.admin.pages import listed
from tests.admin.staff import staff, superuser
from tests.asking import ask, browser
from tests.factories import StaffFactory
from tests.trail.written import AT, rows

pytestmark = pytest.mark.django_db


def shown(query: str) -> list[str]:
    answer = superuser().get(listed("auditevent", query))
    assert answer.status_code == 200
    return [row.action for row in answer.context["cl"].result_list]


def test_it_is_filtered_by_actor_account_act_time_and_outcome() -> None:
    actor = StaffFactory.create(username="grace")
    key = accounts.key_of(actor)
    rows(1, at=timezone.now() - timedelta(days=40))
    audit.record(Action.UNLOCKED, actor_key=key, user_key="account-9")
    audit.record(Action.STAFF_REFUSED, actor_key=key, user_key="account-8")
    since = (timezone.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sorted(shown(f"?actor_key={key}")) == sorted([Action.STAFF_REFUSED, Action.UNLOCKED])
    assert shown("?user_key=account-8") == [Action.STAFF_REFUSED]
    assert shown(f"?action__exact={Action.UNLOCKED}") == [Action.UNLOCKED]
    assert len(shown(f"?occurred_at__gte={since}&occurred_at__lt=2099-01-01T00:00:00Z")) == 2
    assert shown("?outcome__exact=refused") == [Action.STAFF_REFUSED]
    row = AuditEvent.objects.get(action=Action.STAFF_REFUSED)
    page = superuser().get(listed("auditevent", f"{row.pk}/change/")).content.decode()
    assert f"?actor_key={key}" in page
    assert "?user_key=account-8" in page
    assert sorted(shown(f"?q={key}")) == sorted([Action.STAFF_REFUSED, Action.UNLOCKED])


@pytest.mark.attack(103)
def test_nobody_adds_changes_or_removes_a_row_by_the_admin() -> None:
    event = audit.record(Action.UNLOCKED, reason="as it was")
    client = superuser()
    client.handler.enforce_csrf_checks = False
    for path in ("add/", f"{event.pk}/change/", f"{event.pk}/delete/"):
        assert client.post(listed("auditevent", path), {"reason": "x", "post": "yes"}).status_code == 403
    data = {"action": "delete_selected", "_selected_action": str(event.pk), "post": "yes"}
    client.post(listed("auditevent"), data)
    assert AuditEvent.objects.get(pk=event.pk).reason == "as it was"


def test_a_row_shows_where_its_person_acted_from_to_who_sees_addresses_until_it_is_destroyed() -> None:
    event = audit.record(Action.LINK_OPENED, user_key="7")
    AuditOrigin.objects.create(id=event.pk, person_key="7", ip="192.0.2.77", user_agent="Firefox Linux", salt="x")
    path = listed("auditevent", f"{event.pk}/change/")
    assert "192.0.2.77" in superuser().get(path).content.decode()
    masked = staff("recovery.view_auditevent", username="eve").get(path).content.decode()
    assert "192.0.2.77" not in masked
    assert "Firefox (Linux)" in masked
    audit.destroy_person("7")
    assert "192.0.2.77" not in superuser().get(path).content.decode()


def test_a_long_list_takes_as_many_statements_as_a_short_one() -> None:
    client = superuser()
    ask(browser(), "amelie@example.com")
    rows(5)
    taken = []
    for more in (0, 40):
        rows(more, at=AT + timedelta(days=9))
        with CaptureQueriesContext(connection) as ran:
            client.get(listed("auditevent"))
        taken.append(len(ran))
    assert taken[0] == taken[1]
