"""The password asked once more, before a new one or another backup address: counted with sign-in."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.views import PasswordChangeView
from django.test import Client
from django.urls import include, path

from recovery import accounts, devices, lockouts
from recovery.models import AuditEvent, BackupAddress, Lockout, LoginCounter
from recovery.password_change import OldPasswordMixin
from recovery.reasons import Action
from tests.asking import browser
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import let_pass
from tests.homes import CURTAIN, at_home, cookie_of, signs_in
from tests.ladder import BACKUPS, added, with_backup
from tests.signing_in import counter, fail, locked, lockouts_of, sign_in

pytestmark = pytest.mark.django_db(transaction=True)

CHANGE = "/accounts/password_change/"
ADMIN_CHANGE = "/admin/password_change/"


@pytest.fixture
def user() -> Any:
    return UserFactory.create(username="mike")


def inside(user: Any) -> Client:
    """A session that somebody left open, in a browser that is not known."""
    client = browser()
    client.force_login(user)
    return client


def changes(client: Client, old: str, path: str = CHANGE, new: str = CURTAIN) -> Any:
    return client.post(path, {"old_password": old, "new_password1": new, "new_password2": new})


def errors(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.context["form"].errors["old_password"])


def test_the_right_old_password_changes_it(user: Any) -> None:
    client = inside(user)
    assert changes(client, PASSWORD).url == "/accounts/password_change/done/"
    user.refresh_from_db()
    assert user.check_password(CURTAIN)
    assert client.get(CHANGE).status_code == 200  # still inside


@pytest.mark.attack(58)
def test_the_old_password_is_counted_as_at_sign_in(user: Any) -> None:
    """Case 58: guesses here and there are one count; while it is full, the right password is as good as a wrong one."""
    client = inside(user)
    for _ in range(3):
        assert "entered incorrectly" in errors(changes(client, "a guess"))
    fail("mike", 2)
    for old in (PASSWORD, "a guess"):
        assert "too many tries" in errors(changes(client, old))
    assert not sign_in("mike")
    assert [(each.kind, each.failure_count) for each in lockouts_of(user)] == [("account", 5)]
    let_pass(timedelta(minutes=2))
    assert changes(client, PASSWORD).status_code == 302


def test_guesses_at_a_known_device_are_its_own(user: Any) -> None:
    home = at_home(user)
    signs_in(home, user)
    for _ in range(5):
        changes(home, "a guess")
    assert "too many tries" in errors(changes(home, PASSWORD))
    assert [each.kind for each in lockouts_of(user)] == ["device"]
    assert sign_in("mike")


def test_many_accounts_behind_one_address_are_counted_as_a_source(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "LOGIN_FAILURE_LIMIT": {"account": 5, "device": 5, "source": 3}}
    for number in range(4):
        changes(inside(UserFactory.create(username=f"person{number}")), "a guess")
    assert [each.kind for each in Lockout.objects.all()] == ["source"]


def test_who_is_locked_by_staff_proves_nothing_under_whatever_name(user: Any) -> None:
    client = inside(user)
    lockouts.lock(user, actor=StaffFactory.create(), reason="reported as stolen")
    user.username = "michael"
    user.save()
    assert "too many tries" in errors(changes(client, PASSWORD))


@pytest.mark.attack(17)
def test_a_lone_surrogate_is_a_wrong_password(user: Any) -> None:
    body = '--b\r\nContent-Disposition: form-data; name="old_password"\r\n\r\nmi+2AA-ke\r\n--b--\r\n'
    charset = "multipart/form-data; boundary=b; charset=utf-7"
    answer = inside(user).generic("POST", CHANGE, body.encode(), content_type=charset)
    assert "entered incorrectly" in errors(answer)
    assert len(counted("mike").slots) == 1


class Broken(MD5PasswordHasher):
    """Fails as a library does that is gone."""

    algorithm = "broken"

    def verify(self, password: str, encoded: str) -> bool:
        raise ZeroDivisionError


def test_what_could_not_be_judged_is_no_failure(user: Any, settings: Any) -> None:
    client = inside(user)
    settings.PASSWORD_HASHERS = [f"{__name__}.Broken"]
    type(user).objects.update(password="broken$salt$hash")
    client.force_login(type(user).objects.get())
    with pytest.raises(ZeroDivisionError):
        changes(client, PASSWORD)
    assert counted("mike").slots == {}


def counted(name: str) -> LoginCounter:
    found = counter(name)
    assert found is not None
    return found


class AdminForm(OldPasswordMixin, AdminPasswordChangeForm):
    """As a site makes one for the admin, whose page gives no request to it."""


urlpatterns = [
    path("admin/password_change/", PasswordChangeView.as_view(form_class=AdminForm)),
    path("", include("example_project.urls")),
]


@pytest.mark.attack(58)
@pytest.mark.urls(__name__)
def test_the_admins_form_can_count_as_well(user: Any) -> None:
    client = inside(user)
    for _ in range(5):
        assert "entered incorrectly" in errors(changes(client, "a guess", ADMIN_CHANGE))
    assert "too many tries" in errors(changes(client, PASSWORD, ADMIN_CHANGE))
    assert [each.kind for each in lockouts_of(user)] == ["account"]


def test_whoever_changes_the_password_at_a_known_device_is_known_there_afterwards_and_nowhere_else(user: Any) -> None:
    home, other = at_home(user), at_home(user)
    signs_in(home, user)
    before = cookie_of(home)
    assert changes(home, PASSWORD).status_code == 302
    user.refresh_from_db()
    request = home.get(CHANGE).wsgi_request
    assert devices.is_known(request, user)
    assert cookie_of(home) != before
    request.COOKIES[devices.NAME] = before
    assert not devices.is_known(request, user)
    request.COOKIES[devices.NAME] = cookie_of(other)
    assert not devices.is_known(request, user)


def test_whoever_changes_the_password_elsewhere_is_not_known_by_that(user: Any) -> None:
    at_home(user)
    client = inside(user)
    assert changes(client, PASSWORD).status_code == 302
    assert cookie_of(client) == ""


def test_a_locked_session_cannot_be_told_from_its_waits(user: Any) -> None:
    locked("mike")
    told = {errors(changes(inside(user), old)) for old in (PASSWORD, "a guess")}
    assert len(told) == 1


# Before a backup address changes


@pytest.mark.attack(58)
def test_the_password_before_a_backup_address_is_counted_as_at_sign_in(user: Any) -> None:
    """Case 58: guesses here and there are one count; while it is full, the right password is as good as a wrong one."""
    backup, client, home = with_backup(user), inside(user), at_home(user)
    for _ in range(2):
        added(client, "thief@example.net", password="a guess")
    fail(user.username, 3)
    bodies = [
        client.post(path, {"address": "thief@example.net", "password": password}).content.decode()
        for path in (BACKUPS, f"{BACKUPS}{backup.pk}/remove/")
        for password in (PASSWORD, "a guess")
    ]
    assert all("too many tries" in body for body in bodies)
    assert [row.address for row in BackupAddress.objects.all()] == [backup.address]
    refused = AuditEvent.objects.filter(action=Action.BACKUP_REFUSED, detail__why="locked")
    assert refused.count() == 4
    home.force_login(user)
    assert added(home, "own@example.net").status_code == 302  # a known device has a count of its own


def test_a_lock_is_seen_to_end(user: Any) -> None:
    client = inside(user)
    locked(user.username)
    assert "Wait 1 minute, until " in added(client, "spare@example.net").content.decode()
    let_pass(timedelta(minutes=2))
    assert added(client, "spare@example.net").status_code == 302


class Between:
    """A validator during whose work something else happens: between the proof of the old password and the new one."""

    happens: list[Any] = []

    def validate(self, password: str, user: Any = None) -> None:
        while self.happens:
            self.happens.pop()()

    def get_help_text(self) -> str:
        return ""


@pytest.mark.attack(113)
def test_a_change_in_flight_undoes_no_forced_rotation(user: Any, settings: Any) -> None:
    """A thief with the session and the old password posts while all access is ended."""
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{__name__}.Between"}]
    thief = inside(user)
    Between.happens.append(lambda: accounts.end_password(type(user).objects.get(pk=user.pk)))
    assert "was changed meanwhile" in errors(changes(thief, PASSWORD))
    user.refresh_from_db()
    assert not user.has_usable_password()
    assert thief.get(CHANGE).status_code == 302
