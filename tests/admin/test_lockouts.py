"""Lockouts as staff see them, and unlocking: one, many, from a person's page and from the list, with a reason."""

from typing import Any

import pytest
from django.test import Client

from recovery import lockouts
from recovery.models import AuditEvent, Lockout
from recovery.reasons import Action, LockKind, LockLift
from tests.admin.posting import REASON, USERS, page_of, posted, said
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import StaffFactory, UserFactory
from tests.signing_in import PASSWORD, fail, sign_in
from tests.signing_in import locked as lock_by_failures

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/admin/recovery/lockout/"
RIGHTS = ("recovery.view_lockout", "recovery.unlock", "auth.view_user")


def locked(name: str) -> Lockout:
    """The lockout that failed sign-ins with this name bring."""
    lock_by_failures(name)
    found = Lockout.objects.filter(kind=LockKind.ACCOUNT).latest("pk")
    assert found.counter_key == lockouts.of_name(name)
    return found


@pytest.fixture
def ada() -> Any:
    return UserFactory(username="ada", email="ada@example.org", password=PASSWORD)


@pytest.fixture
def row(ada: Any) -> Lockout:
    return locked("ada")


def lift_page(row: Lockout) -> str:
    return f"{PAGE}{row.pk}/lift/"


def test_the_list_says_who_is_locked_since_when_and_from_where(row: Lockout) -> None:
    locked("nobody-of-that-name")
    text = superuser().get(PAGE).content.decode()
    for word in ("ada", "no such account", "locked", "sign-ins with this name from unknown devices", "127.0.0.1"):
        assert word in text, word
    assert "nobody-of-that-name" not in text
    few = staff(*RIGHTS).get(PAGE).content.decode()
    assert "127.0.0.1" not in few


def test_the_page_says_where_the_failures_came_from_and_each_of_them_finds_it(ada: Any) -> None:
    for ip in ("203.0.113.5", "203.0.113.6", "203.0.113.6", "203.0.113.6", "203.0.113.7"):
        fail("ada", REMOTE_ADDR=ip)
    row = Lockout.objects.get()
    page = f"{PAGE}{row.pk}/change/"
    assert "203.0.113.6 (3), 203.0.113.5 (1), 203.0.113.7 (1)" in superuser().get(page).content.decode()
    assert superuser().get(PAGE, {"q": "203.0.113.5"}).context["cl"].result_list == [row]
    few = staff(*RIGHTS)
    assert "203.0.113" not in few.get(page).content.decode()
    assert few.get(PAGE, {"q": "203.0.113.5"}).context["cl"].result_list == []


def test_those_that_stand_are_told_from_those_that_are_over_and_found_by_name(row: Lockout, ada: Any) -> None:
    other = locked("grace")
    lockouts.lift(other, actor=ada, reason=REASON)
    client = superuser()
    for query, wanted in [
        ({"state": "standing"}, [row]), ({"state": "over"}, [other]), ({"q": "ADA@example.org"}, [row]),
        ({"user_key": str(ada.pk)}, [row]), ({"kind__exact": "source"}, []),
    ]:  # fmt: skip
        assert client.get(PAGE, query).context["cl"].result_list == wanted, query


def test_a_lockout_is_lifted_with_a_reason_and_the_person_gets_in(row: Lockout, ada: Any) -> None:
    assert not sign_in("ada", PASSWORD)
    client = staff(*RIGHTS)
    assert client.get(lift_page(row)).status_code == 200
    assert Lockout.objects.get(pk=row.pk).stands
    assert "Write down why" in posted(client, lift_page(row), reason=" ").content.decode()
    assert said(posted(client, lift_page(row), reason=REASON)) == ["success: 1 lockout is lifted."]
    found = Lockout.objects.get(pk=row.pk)
    assert (found.lifted_by, found.lift_reason, found.lifter_key) == (LockLift.STAFF, REASON, str(client.user.pk))  # type: ignore[attr-defined]
    event = AuditEvent.objects.get(action=Action.UNLOCKED)
    assert (event.actor_key, event.user_key, event.reason) == (found.lifter_key, str(ada.pk), REASON)
    assert sign_in("ada", PASSWORD)
    assert said(posted(client, lift_page(row), form_at=PAGE, reason=REASON)) == ["warning: 1 was over already."]


def test_without_the_right_nothing_is_offered_and_nothing_is_lifted(row: Lockout, ada: Any) -> None:
    client = staff("recovery.view_lockout", "auth.view_user")
    assert "Unlock" not in client.get(f"{PAGE}{row.pk}/change/").content.decode()
    for path in (lift_page(row), f"{USERS}{ada.pk}/unlock/", f"{USERS}{ada.pk}/lock/"):
        assert client.get(path).status_code == 403
        assert posted(client, path, form_at=PAGE, reason=REASON).status_code == 403
    many = {"action": "lift_lockouts", "_selected_action": [str(row.pk)], "confirmed": "1", "reason": REASON}
    posted(client, PAGE, **many)
    assert Lockout.objects.get(pk=row.pk).stands


def test_many_are_lifted_at_once_after_one_question(row: Lockout) -> None:
    rows = [row, locked("grace"), locked("nobody")]
    client = staff(*RIGHTS)
    ticked = {"action": "lift_lockouts", "_selected_action": [str(each.pk) for each in rows]}
    asked = posted(client, PAGE, **ticked).content.decode()
    assert "Lift 3 lockouts?" in asked
    assert Lockout.objects.standing().count() == 3
    answer = posted(client, PAGE, **ticked, confirmed="1", reason=REASON)
    assert said(answer) == ["success: 3 lockouts are lifted."]
    assert not Lockout.objects.standing().exists()


def test_out_of_scope_a_lockout_does_not_exist(row: Lockout, settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(*RIGHTS)
    assert client.get(PAGE).context["cl"].result_list == []
    assert client.get(lift_page(row)).status_code == 404
    many = {"action": "lift_lockouts", "_selected_action": [str(row.pk)], "confirmed": "1", "reason": REASON}
    posted(client, PAGE, **many)
    assert Lockout.objects.get(pk=row.pk).stands


class TestOnThePersonsPage:
    def test_the_buttons_are_those_that_would_do_something(self, row: Lockout, ada: Any) -> None:
        client = staff(*RIGHTS)
        text = client.get(page_of(ada)).content.decode()
        assert "/unlock/" in text
        assert "/lock/" in text
        assert "/lock/" not in staff("auth.view_user").get(page_of(ada)).content.decode()
        own = client.get(page_of(client.user)).content.decode()  # type: ignore[attr-defined]
        assert "/unlock/" not in own
        assert "/lock/" not in own

    def test_all_that_refuses_the_person_is_lifted(self, row: Lockout, ada: Any) -> None:
        client, path = staff(*RIGHTS), f"{USERS}{ada.pk}/unlock/"
        lockouts.lock(ada, actor=client.user, reason="called in")  # type: ignore[attr-defined]
        assert "called in" in client.get(path).content.decode()
        assert said(posted(client, path, reason=REASON)) == ["success: 2 lockouts are lifted."]
        assert sign_in("ada", PASSWORD)
        assert "Nothing was done" in said(posted(client, path, form_at=PAGE, reason=REASON))[0]

    def test_staff_refuse_sign_ins_until_staff_say_so(self, ada: Any) -> None:
        client, path = staff(*RIGHTS), f"{USERS}{ada.pk}/lock/"
        assert client.get(path).status_code == 200
        assert not Lockout.objects.exists()
        posted(client, path, reason=REASON)
        found = Lockout.objects.get()
        assert (found.kind, found.until, found.reason) == (LockKind.STAFF, None, REASON)
        assert not sign_in("ada", PASSWORD)

    def test_nobody_locks_themselves(self) -> None:
        client = staff(*RIGHTS)
        answer = posted(client, f"{USERS}{client.user.pk}/lock/", form_at=PAGE, reason=REASON)  # type: ignore[attr-defined]
        assert said(answer) == ["error: Nothing was done: you would shut yourself out."]
        assert not Lockout.objects.exists()

    def test_who_is_no_superuser_locks_none(self) -> None:
        boss, client = UserFactory(username="boss", is_superuser=True), staff(*RIGHTS)
        answer = posted(client, f"{USERS}{boss.pk}/lock/", reason=REASON)
        assert said(answer) == ["error: Only a superuser may do this to a superuser."]
        assert not Lockout.objects.exists()
        assert AuditEvent.objects.get(action=Action.STAFF_REFUSED).detail == {"by": "rank"}
        posted(superuser(), f"{USERS}{boss.pk}/lock/", reason=REASON)
        assert Lockout.objects.get().user_key == str(boss.pk)

    def test_a_lock_by_staff_is_lifted_by_nobody_whom_it_is_on_or_who_may_do_less(self, row: Lockout) -> None:
        client, boss = staff(*RIGHTS), StaffFactory(username="boss", is_superuser=True)
        own = lockouts.lock(client.user, actor=boss, reason="suspected")  # type: ignore[attr-defined]
        boss_row = lockouts.lock(boss, actor=StaffFactory(), reason="stolen laptop")
        for path in (lift_page(own), f"{USERS}{own.user_key}/unlock/"):
            assert "Somebody else must lift" in said(posted(client, path, reason=REASON))[0]
        ticked = [str(each.pk) for each in (row, own, boss_row)]
        many = {"action": "lift_lockouts", "_selected_action": ticked, "confirmed": "1", "reason": REASON}
        told = set(said(posted(client, PAGE, **many)))
        assert "success: 1 lockout is lifted." in told
        assert "error: boss: Only a superuser may do this to a superuser." in told
        assert len(told) == 3
        assert set(Lockout.objects.standing()) == {own, boss_row}
        refused = AuditEvent.objects.filter(action=Action.STAFF_REFUSED)
        assert sorted(each.detail["by"] for each in refused) == ["own account"] * 3 + ["rank"]

    def test_many_people_are_unlocked_by_the_lists_action(self, row: Lockout, ada: Any) -> None:
        grace = UserFactory(username="grace", password=PASSWORD)
        locked("grace")
        client = staff(*RIGHTS)
        ticked = {"action": "unlock_people", "_selected_action": [str(ada.pk), str(grace.pk)]}
        assert "Lift 2 lockouts?" in posted(client, USERS, **ticked).content.decode()
        posted(client, USERS, **ticked, confirmed="1", reason=REASON)
        assert sign_in("ada", PASSWORD)
        assert sign_in("grace", PASSWORD)

    def test_the_action_reaches_nobody_out_of_scope(self, row: Lockout, ada: Any, settings: Any) -> None:
        settings.RECOVERY = settings.RECOVERY | {"MAY_ACT_ON": ALL_BUT_ADA}
        client = staff(*RIGHTS)
        ticked = {"action": "unlock_people", "_selected_action": [str(ada.pk)], "confirmed": "1", "reason": REASON}
        posted(client, USERS, **ticked)
        assert client.get(f"{USERS}{ada.pk}/unlock/").status_code == 404
        assert Lockout.objects.get(pk=row.pk).stands


def test_a_get_lifts_nothing(row: Lockout, ada: Any) -> None:
    client: Client = superuser()
    for path in (lift_page(row), f"{USERS}{ada.pk}/unlock/"):
        assert client.get(path, {"reason": REASON, "confirmed": "1"}).status_code == 200
    assert Lockout.objects.get(pk=row.pk).stands
