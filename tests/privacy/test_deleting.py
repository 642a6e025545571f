"""The site deletes an account: what is held about the person goes, and the deletion neither waits nor fails."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models.signals import post_delete
from django.test.utils import isolate_apps

from recovery import accounts, privacy, sweep, tasks
from recovery.models import AccountState, BackupAddress, Erasure, ResetRequest
from recovery.reasons import Action
from tests.asking import statements
from tests.factories import UserFactory
from tests.following import failing, mailed_link, trail
from tests.homes import at_home
from tests.ladder import with_backup
from tests.privacy.life import ADDRESS, NAME, grace
from tests.privacy.searching import where

pytestmark = pytest.mark.django_db(transaction=True)


def test_deleting_an_account_writes_one_row_and_a_worker_does_the_rest() -> None:
    user = grace()
    mailed_link(user)
    with statements() as told:
        user.delete()
    assert len([text for text in told.texts if "recovery_erasure" in text]) == 1
    assert ResetRequest.objects.count() == 1
    tasks.erase(str(Erasure.objects.get().pk))
    assert where(ADDRESS, NAME) == []
    assert [each["with_account"] for each in trail(Action.ERASED)] == [True]


@isolate_apps("tests.people")
def proxy() -> Any:
    """Made when all apps are ready, as one in an ``admin.py`` may be."""
    meta = type("Meta", (), {"proxy": True, "app_label": "people"})
    return type("Colleague", (get_user_model(),), {"__module__": __name__, "Meta": meta})


@pytest.mark.parametrize("is_one", [True, False])
def test_whoever_is_deleted_by_a_proxy_is_erased_too(is_one: bool) -> None:
    user = grace()
    mailed_link(user)
    with_backup(user, "spare@example.net")
    at_home(user)
    found = proxy().objects.filter(pk=user.pk)
    found.get().delete() if is_one else found.delete()
    assert not BackupAddress.objects.exists()
    assert not AccountState.objects.exists()
    sweep.sweep()
    assert where(ADDRESS, NAME) == []
    assert len(trail(Action.ERASED)) == 1


def test_a_model_that_is_no_account_goes_by_a_single_statement() -> None:
    """A receiver for all models would have Django read every row of a site before it deletes it."""
    assert not post_delete.has_listeners(Group)


def test_many_at_once_are_swept() -> None:
    for number in range(3):
        mailed_link(UserFactory.create(username=f"leaver{number}"), REMOTE_ADDR=f"198.51.100.{number}")
    get_user_model()._default_manager.filter(username__startswith="leaver").delete()
    assert privacy.waiting() == 3
    assert sweep.sweep().erased == 3
    assert where("leaver") == []


def test_one_that_stumbles_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    """What is wrong with one person's rows is no reason to send no mail."""
    users = [UserFactory.create(username=f"leaver{number}") for number in range(2)]
    for number, user in enumerate(users):
        mailed_link(user, REMOTE_ADDR=f"198.51.100.{number}")
        user.delete()
    broken = Erasure.objects.earliest("pk")
    Erasure.objects.filter(pk=broken.pk).update(names=5)
    assert sweep.sweep().erased == 1
    assert f"{broken.pk} failed" in caplog.text
    assert Erasure.objects.get().pk == broken.pk


def test_a_deletion_that_is_undone_erases_nothing() -> None:
    user = grace()
    mailed_link(user)
    with transaction.atomic():
        user.delete()
        transaction.set_rollback(True)
    sweep.sweep()
    assert ResetRequest.objects.count() == 1
    assert not Erasure.objects.exists()


def test_nor_does_a_row_of_an_account_that_is_there_all_the_same() -> None:
    """As where the rows of recovery are in another database, which the site's ROLLBACK does not reach."""
    user = grace()
    mailed_link(user)
    Erasure.objects.create(user_key=accounts.key_of(user), names=[NAME, ADDRESS], is_of_deletion=True)
    sweep.sweep()
    assert ResetRequest.objects.count() == 1
    assert not Erasure.objects.exists()
    assert trail(Action.ERASED) == []


def test_the_deletion_goes_on_where_our_row_cannot_be_written(caplog: pytest.LogCaptureFixture) -> None:
    user = grace()
    with failing('INSERT INTO "recovery_erasure"'):
        user.delete()
    assert not get_user_model()._default_manager.filter(username=NAME).exists()
    assert "is not written down to be erased" in caplog.text
    assert ADDRESS not in caplog.text


def test_a_site_may_keep_what_is_held(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    user = grace()
    mailed_link(user)
    user.delete()
    sweep.sweep()
    assert where(ADDRESS) != []
    assert not Erasure.objects.exists()
