"""To whom staff assign a support case: to staff who may work on it and reach its person, and to nobody else."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, PermissionsMixin
from django.test import Client

from recovery import accounts
from recovery.admin import colleagues
from recovery.admin.viewers import Viewer
from recovery.models import SupportCase
from tests.admin.pages import CASE_RIGHTS as RIGHTS
from tests.admin.pages import case_of, working
from tests.admin.posting import REASON, posted
from tests.admin.staff import staff, superuser
from tests.factories import StaffFactory, UserFactory
from tests.people.models import Member

pytestmark = pytest.mark.django_db


def offered(client: Client, case: SupportCase) -> list[str]:
    """The user names that the page offers."""
    page = client.get(working(case, "assign")).content.decode()
    [listed] = re.findall(r'<datalist id="recovery-colleagues">(.*?)</datalist>', page)
    assert 'list="recovery-colleagues"' in page
    return re.findall(r'<option value="([^"]*)">', listed)


def friends_of_ada(actor: Any, user: Any) -> bool:
    return user.get_username() != "ada" or actor.get_username().startswith("friend")


FRIENDS = f"{__name__}.friends_of_ada"


@pytest.mark.parametrize("name", ["nobody", "reader"])
def test_a_case_is_assigned_to_staff_alone(name: str, ada: Any) -> None:
    UserFactory.create(username="reader")
    case = case_of(ada)
    answer = posted(superuser(), working(case, "assign"), reason=REASON, to=name)
    assert "no such member of staff" in answer.content.decode()
    case.refresh_from_db()
    assert case.assigned_to == ""


@pytest.mark.parametrize("rights", [(), *((right,) for right in RIGHTS)])
def test_a_case_is_not_assigned_to_staff_who_may_not_work_on_it(rights: tuple[str, ...], ada: Any) -> None:
    staff(*rights, username="desk")
    case = case_of(ada)
    answer = posted(superuser(), working(case, "assign"), reason=REASON, to="desk")
    assert "may not work on cases" in answer.content.decode()
    case.refresh_from_db()
    assert case.assigned_to == ""


def test_a_user_model_needs_no_more_than_django_asks_of_it(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin's custom user: ``has_perm`` and ``has_module_perms``."""
    monkeypatch.delattr(PermissionsMixin, "has_perms")
    case, other = case_of(ada), StaffFactory.create(is_superuser=True)
    posted(superuser(), working(case, "assign"), reason=REASON, to=other.username)
    case.refresh_from_db()
    assert case.assigned_to == accounts.key_of(other)


@pytest.mark.parametrize(("active", "assigned"), [(True, True), (False, False)])
def test_a_case_is_assigned_to_an_active_superuser(active: bool, assigned: bool, ada: Any) -> None:
    chief = StaffFactory.create(is_superuser=True, is_active=active)
    case = case_of(ada)
    answer = posted(staff(*RIGHTS), working(case, "assign"), reason=REASON, to=chief.username)
    case.refresh_from_db()
    assert (case.assigned_to == accounts.key_of(chief)) == assigned
    assert ("no such member of staff" in answer.content.decode()) != assigned


def test_a_case_is_not_assigned_to_staff_who_do_not_reach_its_person(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": FRIENDS}
    case, client = case_of(ada), staff(*RIGHTS, username="friend")
    staff(*RIGHTS, username="stranger")
    staff(*RIGHTS, username="friendly")
    answer = posted(client, working(case, "assign"), reason=REASON, to="stranger")
    assert "may not act on this person" in answer.content.decode()
    case.refresh_from_db()
    assert case.assigned_to == ""
    posted(client, working(case, "assign"), reason=REASON, to="friendly")
    case.refresh_from_db()
    assert accounts.by_key(case.assigned_to).get_username() == "friendly"  # type: ignore[union-attr]


def test_a_case_of_somebody_who_is_gone_is_in_everybodys_reach(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": FRIENDS}
    case, client = case_of(ada), staff(*RIGHTS, username="stranger")
    ada.delete()
    assert offered(client, case) == ["stranger"]
    posted(client, working(case, "assign"), reason=REASON, to="stranger")
    case.refresh_from_db()
    assert case.assigned_to == accounts.key_of(client.user)  # type: ignore[attr-defined]


def test_those_are_offered_who_may_and_reach_the_person(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": FRIENDS}
    case, client = case_of(ada), staff(*RIGHTS, username="friend-b")
    by_group: Any = StaffFactory.create(username="friend-a")
    group = Group.objects.create(name="desk")
    group.permissions.set(Permission.objects.filter(codename__in=[right.split(".")[1] for right in RIGHTS]))
    by_group.groups.add(group)
    StaffFactory.create(username="friend-c", is_superuser=True)
    staff(*RIGHTS, username="stranger")
    staff(*RIGHTS, username="friend-inactive", is_active=False)
    staff(*RIGHTS, username="friend-no-staff", is_staff=False)
    for right in RIGHTS:
        staff(right, username=f"friend-{right}")
    StaffFactory.create(username="friend-without")
    assert offered(client, case) == ["friend-a", "friend-b", "friend-c"]


def test_of_many_some_are_offered_and_each_may_be_typed(ada: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colleagues, "MOST", 3)
    case, client = case_of(ada), superuser()
    for number in range(5):
        StaffFactory.create(username=f"a{number}", is_superuser=True)
    assert offered(client, case) == ["a0", "a1", "a2"]
    posted(client, working(case, "assign"), reason=REASON, to="a4")
    case.refresh_from_db()
    assert accounts.by_key(case.assigned_to).get_username() == "a4"  # type: ignore[union-attr]


def test_many_staff_cost_no_more_statements(ada: Any, django_assert_max_num_queries: Any) -> None:
    viewer = Viewer(StaffFactory.create(is_superuser=True))
    StaffFactory.create_batch(20, is_superuser=True)
    with django_assert_max_num_queries(1):
        assert len(colleagues.names_for(ada, viewer)) == 21


def test_a_user_name_that_is_an_address_is_offered_to_whom_may_see_it(ada: Any) -> None:
    case, client = case_of(ada), staff(*RIGHTS, username="desk")
    StaffFactory.create(username="colleague@example.com", is_superuser=True)
    assert offered(client, case) == ["desk"]
    sees = staff(*RIGHTS, "recovery.see_addresses", username="eve")
    assert offered(sees, case) == ["colleague@example.com", "desk", "eve"]


def test_a_hostile_user_name_is_a_name(ada: Any) -> None:
    UserFactory.create(username='"><script>', is_staff=True, is_superuser=True)
    page = superuser().get(working(case_of(ada), "assign")).content.decode()
    assert "&quot;&gt;&lt;script&gt;" in page
    assert '"><script>' not in page


def test_where_no_query_finds_who_has_a_right_nobody_is_offered(ada: Any, settings: Any) -> None:
    """A user model that keeps rights elsewhere, and a backend that cannot say who has one."""
    viewer = Viewer(StaffFactory.create(is_superuser=True))
    settings.AUTH_USER_MODEL = Member._meta.label
    assert colleagues.names_for(ada, viewer) == []
    settings.AUTH_USER_MODEL = "auth.User"
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.BaseBackend"]
    assert colleagues.names_for(ada, viewer) == []
