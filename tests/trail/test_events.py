"""Cases 106 to 108: what happens, refusals too, is on the trail exactly once, with who, what, when, where and how it
came out; and nothing is there that did not happen, and no secret."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import override_settings
from django.utils import timezone

from recovery import accounts, audit, resets
from recovery.models import AuditEvent, AuditOrigin, Lockout, ResetRequest, ResetToken
from recovery.origin import Origin
from recovery.reasons import Action, ActOutcome
from tests.admin.staff import staff
from tests.asking import ask, browser, set_password, work
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import failing, let_pass, mailed_link, opened
from tests.ladder import added, code_for
from tests.signing_in import fail, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

HOME = {"REMOTE_ADDR": "192.0.2.77"}
SPARE = "spare@example.net"
DONE, REFUSED = ActOutcome.DONE, ActOutcome.REFUSED


@dataclass
class Happened:
    """Who did it to whose account, if that is known; the rest is read off the rows."""

    actor: str = ""
    user: str = ""


def signed_in(user: Any) -> Any:
    client = browser(**HOME)
    client.force_login(user)
    return client


def asks(user: Any) -> Happened:
    ask(browser(**HOME), user.email)
    return Happened()


def asks_too_often(user: Any) -> Happened:
    for _ in range(5):
        ask(browser(**HOME), user.email)
    forget()
    return asks(user)


def is_decided(user: Any) -> Happened:
    ask(browser(), user.email)
    forget()
    work()
    return Happened(user=accounts.key_of(user))


def is_nobody(user: Any) -> Happened:
    ask(browser(), "nobody@example.com")
    forget()
    work()
    return Happened()


def opens(user: Any) -> Happened:
    link = mailed_link(user)
    forget()
    opened(link, **HOME)
    return Happened(user=accounts.key_of(user))


def opens_too_late(user: Any) -> Happened:
    link = mailed_link(user)
    let_pass(timedelta(days=1))
    forget()
    browser(**HOME).get(link, follow=True)
    return Happened(user=accounts.key_of(user))


def chooses_badly(user: Any) -> Happened:
    client, form = opened(mailed_link(user), **HOME)
    forget()
    set_password(client, form, "short")
    return Happened(user=accounts.key_of(user))


def completes(user: Any) -> Happened:
    client, form = opened(mailed_link(user), **HOME)
    forget()
    set_password(client, form)
    return Happened(user=accounts.key_of(user))


def comes_too_late(user: Any) -> Happened:
    client, form = opened(mailed_link(user), **HOME)
    let_pass(timedelta(days=1))
    forget()
    set_password(client, form)
    return Happened(user=accounts.key_of(user))


def changes(user: Any) -> Happened:
    client = signed_in(user)
    forget()
    new = "seven quiet herons"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/accounts/password_change/", data).status_code == 302
    return Happened(user=accounts.key_of(user))


def adds(user: Any) -> Happened:
    client = signed_in(user)
    forget()
    added(client, SPARE)
    return Happened(user=accounts.key_of(user))


def confirms(user: Any) -> Happened:
    client = signed_in(user)
    page = added(client, SPARE).url
    code = code_for(SPARE)
    forget()
    client.post(page, {"code": code})
    return Happened(user=accounts.key_of(user))


def is_locked(user: Any) -> Happened:
    for _ in range(4):
        fail(user.username, **HOME)
    forget()
    fail(user.username, **HOME)
    return Happened(user=accounts.key_of(user))


def goes_where_it_may_not(user: Any) -> Happened:
    client = staff(username="eve")
    forget()
    assert client.get("/admin/recovery/auditevent/", **HOME).status_code == 403
    return Happened(actor=accounts.key_of(client.user))  # type: ignore[attr-defined]


def goes_to_a_page_under_the_users(user: Any) -> Happened:
    client = staff("auth.view_user", username="eve")
    forget()
    assert client.get(f"/admin/auth/user/{user.pk}/send-reset-link/", **HOME).status_code == 403
    return Happened(actor=accounts.key_of(client.user))  # type: ignore[attr-defined]


def looks_out_of_reach(user: Any) -> Happened:
    client = staff("recovery.diagnose", username="eve")
    forget()
    with override_settings(RECOVERY={**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.reaches_nobody"}):
        assert client.get(f"/admin/recovery/diagnosis/person/{user.pk}/", **HOME).status_code == 404
    return Happened(actor=accounts.key_of(client.user), user=accounts.key_of(user))  # type: ignore[attr-defined]


def reaches_nobody(actor: Any, user: Any) -> bool:
    return False


def is_helped(user: Any) -> Happened:
    client = staff("auth.view_user", "recovery.send_reset", username="eve")
    client.handler.enforce_csrf_checks = False
    forget()
    url = f"/admin/auth/user/{user.pk}/send-reset-link/"
    answer = client.post(url, {"reason": "on the phone"}, **HOME)
    assert answer.status_code == 302, answer.content
    return Happened(actor=accounts.key_of(client.user), user=accounts.key_of(user))  # type: ignore[attr-defined]


def forget() -> None:
    """What came before is not what is counted."""
    AuditEvent.objects.purge(list(AuditEvent.objects.values_list("pk", flat=True)))
    AuditOrigin.objects.all().delete()


EVENTS: dict[str, tuple[Callable[[Any], Happened], Action, ActOutcome]] = {
    "asked": (asks, Action.REQUESTED, DONE),
    "asked too often": (asks_too_often, Action.REQUESTED, REFUSED),
    "decided": (is_decided, Action.DECIDED, DONE),
    "decided against": (is_nobody, Action.DECIDED, REFUSED),
    "opened": (opens, Action.LINK_OPENED, DONE),
    "opened too late": (opens_too_late, Action.LINK_OPENED, REFUSED),
    "bad password": (chooses_badly, Action.PASSWORD_REFUSED, REFUSED),
    "completed": (completes, Action.COMPLETED, DONE),
    "completed too late": (comes_too_late, Action.LINK_REFUSED, REFUSED),
    "changed": (changes, Action.PASSWORD_CHANGED, DONE),
    "backup added": (adds, Action.BACKUP_ADDED, DONE),
    "backup confirmed": (confirms, Action.BACKUP_CONFIRMED, DONE),
    "locked": (is_locked, Action.LOCKED, DONE),
    "page refused": (goes_where_it_may_not, Action.ACCESS_REFUSED, REFUSED),
    "page under the users refused": (goes_to_a_page_under_the_users, Action.ACCESS_REFUSED, REFUSED),
    "look out of reach": (looks_out_of_reach, Action.STAFF_REFUSED, REFUSED),
    "link by staff": (is_helped, Action.REQUESTED, DONE),
}
BY_WORKERS = (Action.DECIDED,)


@pytest.mark.attack(107)
@pytest.mark.parametrize("name", EVENTS)
def test_each_event_is_recorded_exactly_once_with_all_its_facts(name: str) -> None:
    drive, action, outcome = EVENTS[name]
    before = timezone.now() - timedelta(seconds=5)
    happened = drive(UserFactory.create(username="amelie"))
    [row] = AuditEvent.objects.filter(action=action)
    assert (row.actor_key, row.outcome) == (happened.actor, outcome)
    assert row.user_key == happened.user
    assert before < row.occurred_at < timezone.now() + timedelta(seconds=5)
    assert row.request_id or row.email_id or row.detail, "what it belongs to"
    if action not in BY_WORKERS:
        assert where(row) == HOME["REMOTE_ADDR"]


def where(row: AuditEvent) -> str | None:
    if row.action == Action.LINK_OPENED:
        return ResetToken.objects.get(request=row.request_id, user_key=row.user_key).opened_ip
    if row.action in (Action.REQUESTED, Action.COMPLETED):
        asked = ResetRequest.objects.get(pk=row.request_id)
        return asked.completed_ip if row.action == Action.COMPLETED else asked.ip
    beside = AuditOrigin.objects.get(pk=row.pk)
    assert beside.person_key == (row.actor_key or row.user_key)
    assert row.origin == audit.digest_of(beside)
    return beside.ip


@pytest.mark.attack(107)
def test_the_database_says_when() -> None:
    now = "clock_timestamp()" if connection.vendor == "postgresql" else "strftime('%Y-%m-%d %H:%M:%f', 'now')"
    event = audit.record(Action.LINK_REVOKED)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT occurred_at <= {now} FROM recovery_auditevent")
        assert cursor.fetchone() in [(True,), (1,)]
    event.refresh_from_db()
    assert event.occurred_at.utcoffset() == timedelta()


@pytest.mark.attack(107)
def test_every_act_is_named_by_a_test() -> None:
    """Of each there is at least one place in the tests that looks for it."""
    tests = Path(__file__).resolve().parent.parent
    assert sorted(named_in(tests.parent / "recovery") - named_in(tests)) == []


def named_in(folder: Path) -> set[str]:
    texts = (path.read_text("utf-8") for path in folder.rglob("*.py") if path.name != "trail.py")
    return {name for text in texts for name in re.findall(r"Action\.([A-Z_]+)", text)}


@pytest.mark.attack(106)
def test_nothing_is_on_record_that_was_rolled_back_and_a_lock_survives_whatever_fails_after_it() -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    with failing("UPDATE .auth_user. SET"), pytest.raises(OperationalError):
        set_password(client, form)
    assert not AuditEvent.objects.filter(action=Action.COMPLETED).exists()
    for _ in range(5):
        fail(user.username)
    assert AuditEvent.objects.filter(action=Action.LOCKED).count() == Lockout.objects.count() == 1


@pytest.mark.attack(108)
def test_a_password_that_was_typed_as_a_name_is_not_on_the_trail_nor_beside_it() -> None:
    secret = "hunter2-typed-in-the-wrong-box"
    for _ in range(5):
        sign_in(secret, "whatever", **HOME)
    told = repr([*AuditEvent.objects.values(), *AuditOrigin.objects.values()])
    assert AuditEvent.objects.filter(action=Action.LOCKED).exists()
    assert secret not in told


def test_the_origin_of_one_request_is_not_that_of_the_next_and_a_task_has_none() -> None:
    user = UserFactory.create()
    for address in ("192.0.2.77", "192.0.2.78"):
        client, form = opened(mailed_link(user), REMOTE_ADDR=address)
        set_password(client, form, "short")
        audit.record(Action.LINK_REVOKED)
        let_pass(timedelta(minutes=2))
    assert list(AuditOrigin.objects.order_by("pk").values_list("ip", flat=True)) == ["192.0.2.77", "192.0.2.78"]
    actor = StaffFactory.create()
    resets.send_by_staff(UserFactory.create(), actor=actor, reason="x", origin=Origin())
    assert AuditOrigin.objects.count() == 2
