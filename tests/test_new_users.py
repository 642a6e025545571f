"""``ACTIVATE_NEW_USERS``: everybody who is created without a password gets one link, and nobody else."""

from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import update_last_login
from django.core import mail, serializers
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.test.utils import isolate_apps
from django.utils import timezone

from recovery import resets
from recovery.models import AuditEvent, ResetRequest
from recovery.reasons import Action, Kind, Outcome
from tests.asking import recipients, work
from tests.factories import StaffFactory, UserFactory
from tests.following import failing
from tests.joining import has_joined, joins, mailed_to
from tests.test_elsewhere import Elsewhere

pytestmark = pytest.mark.django_db(transaction=True)
USERS = get_user_model()


@pytest.fixture(autouse=True)
def activate_all(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ACTIVATE_NEW_USERS": True}


def test_by_default_nobody_is_mailed_unasked(settings: Any) -> None:
    settings.RECOVERY = {name: value for name, value in settings.RECOVERY.items() if name != "ACTIVATE_NEW_USERS"}
    UserFactory.create(password=None)
    assert not ResetRequest.objects.exists()


def test_whoever_is_created_without_a_password_gets_a_link_and_joins() -> None:
    user = USERS.objects.create_user("grace", "grace@example.com")
    assert work() == [Outcome.SENT]
    joins(mailed_to(user))
    assert has_joined(user)
    [request] = ResetRequest.objects.all()
    assert (request.kind, request.actor_key, request.user_key) == (Kind.ACTIVATION, "", str(user.pk))
    assert AuditEvent.objects.filter(action=Action.REQUESTED, user_key=str(user.pk)).count() == 1


def test_a_blank_password_is_none() -> None:
    USERS.objects.create(username="grace", email="grace@example.com")
    work()
    assert recipients() == ["grace@example.com"]


def test_the_ask_comes_and_goes_with_the_person() -> None:
    with transaction.atomic():
        UserFactory.create(password=None)
        assert ResetRequest.objects.count() == 1
        transaction.set_rollback(True)
    assert not ResetRequest.objects.exists()
    with failing('INSERT INTO "recovery_auditevent"'), pytest.raises(OperationalError), transaction.atomic():
        UserFactory.create(password=None)
    assert not USERS.objects.exists()
    assert not ResetRequest.objects.exists()


def test_nobody_with_a_password_or_a_sign_in_is_activated() -> None:
    UserFactory.create()
    USERS.objects.create_user("grace", "grace@example.com", "a quite long passphrase")
    UserFactory.create(password=None, last_login=timezone.now())
    assert not ResetRequest.objects.exists()


def test_a_password_that_is_set_in_the_same_transaction_leaves_no_mail() -> None:
    with transaction.atomic():
        user = USERS.objects.create(username="grace", email="grace@example.com")
        user.set_password("a quite long passphrase")
        user.save()
    assert work() == [Outcome.JOINED]
    assert not mail.outbox


def test_saving_again_asks_nothing_again() -> None:
    user = UserFactory.create(password=None)
    for first_name in ("Grace", "Amazing Grace"):
        user.first_name = first_name
        user.save()
        work()
    assert recipients() == [user.email]
    assert ResetRequest.objects.count() == 1


def test_somebody_who_was_there_before_is_never_mailed_by_a_save(settings: Any) -> None:
    on = settings.RECOVERY
    settings.RECOVERY = {**on, "ACTIVATE_NEW_USERS": False}
    user = UserFactory.create(password=None)
    settings.RECOVERY = on
    user.save()
    update_last_login(None, user)
    assert not ResetRequest.objects.exists()


def test_an_explicit_call_beside_it_is_the_same_ask_and_one_mail() -> None:
    staff = StaffFactory.create()
    with transaction.atomic():
        user = UserFactory.create(password=None)
        resets.activate(user, actor=staff, reason="hired today")
    [request] = ResetRequest.objects.all()
    assert (request.actor_key, request.reason) == (str(staff.pk), "hired today")
    work()
    assert recipients() == [user.email]


def test_an_inactive_person_gets_none_until_they_are_active_and_then_one() -> None:
    user = UserFactory.create(password=None, is_active=False)
    assert work() == [Outcome.INACTIVE]
    user.first_name = "Grace"
    user.save()
    assert work() == []
    user.is_active = True
    user.save()
    assert work() == [Outcome.SENT]
    user.save()
    assert work() == []
    assert recipients() == [user.email]


def test_an_inactive_person_whom_staff_make_active_gets_one_too() -> None:
    user = UserFactory.create(password=None, is_active=False)
    work()
    assert resets.activate_account(user, actor=StaffFactory.create(), reason="back from leave")
    work()
    assert recipients() == [user.email]


def test_a_fixture_and_a_bulk_create_mail_nobody() -> None:
    [row] = serializers.deserialize("json", serializers.serialize("json", [USERS(pk=4711, username="grace")]))
    row.save()
    USERS.objects.bulk_create([USERS(username="ada", email="ada@example.com")])
    assert USERS.objects.count() == 2
    assert not ResetRequest.objects.exists()


def test_a_fixture_file_mails_nobody(tmp_path: Any) -> None:
    path = tmp_path / "people.json"
    path.write_text(serializers.serialize("json", [USERS(pk=4711, username="grace", email="grace@example.com")]))
    call_command("loaddata", str(path), stdout=StringIO())
    assert USERS.objects.count() == 1
    assert not ResetRequest.objects.exists()


def test_who_is_created_by_a_proxy_of_the_user_model_is_seen() -> None:
    with isolate_apps("tests.people"):
        meta = type("Meta", (), {"proxy": True, "app_label": "people"})
        newcomers = type("Newcomer", (USERS,), {"__module__": __name__, "Meta": meta})
    guest: Any = newcomers(username="grace", email="grace@example.com")
    guest.save()
    work()
    assert recipients() == [guest.email]


@pytest.mark.django_db(transaction=True, databases=["default", "elsewhere"])
def test_where_rows_are_in_another_database_the_ask_waits_for_the_commit(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [Elsewhere()]
    with transaction.atomic():
        user = UserFactory.create(password=None)
        assert not ResetRequest.objects.exists()
    work()
    assert recipients() == [user.email]
    with transaction.atomic():
        UserFactory.create(password=None)
        transaction.set_rollback(True)
    assert ResetRequest.objects.count() == 1
