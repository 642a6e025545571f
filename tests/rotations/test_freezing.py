"""After a forced rotation nobody leads an account's mail elsewhere for a while, whoever is signed in as its owner."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from recovery import accounts, backup_addresses, codes, resets
from recovery.conf import DEFAULTS
from recovery.exceptions import BackupRefused
from recovery.models import AccountState, BackupAddress
from recovery.origin import Origin
from recovery.reasons import BackupRefusal, BackupState
from tests.asking import NEW_PASSWORD, links
from tests.factories import PASSWORD, UserFactory
from tests.following import let_pass, works
from tests.rotations.people import force

pytestmark = [pytest.mark.django_db, pytest.mark.attack(43)]

PAGE = "/recovery/backup-addresses/"
FROZEN = "addresses stay as they are for now"
DAY = timedelta(days=1)


def added(user: Any, address: str = "backup@example.org", *, password: str = PASSWORD) -> BackupAddress:
    return backup_addresses.add(user, address, password=password, origin=Origin())


def confirmed(user: Any, address: str) -> BackupAddress:
    backup = added(user, address)
    assert backup_addresses.confirm(backup, codes.of(backup))
    return backup


def rotated(user: Any) -> Any:
    resets.rotate(force([user]).pk)
    user.refresh_from_db()
    return user


def back_in(user: Any) -> Client:
    """The person, or whoever reads their mail, has set a new password and is signed in."""
    assert works(links(mail.outbox[-1])[0], user)
    client = Client()
    assert client.login(username=user.username, password=NEW_PASSWORD)
    return client


def test_nothing_is_added_confirmed_or_removed_until_it_is_over_a_completed_reset_or_not() -> None:
    user = UserFactory.create()
    pending, kept = added(user, "pending@example.org"), confirmed(user, "kept@example.org")
    client = back_in(rotated(user))
    add = client.post(PAGE, {"address": "thief@example.com", "password": NEW_PASSWORD})
    assert FROZEN in add.content.decode()
    for again in ({"code": "00000000"}, {"again": "1"}):
        assert FROZEN in client.post(f"{PAGE}{pending.pk}/", again).content.decode()
    assert FROZEN in client.post(f"{PAGE}{kept.pk}/remove/", {"password": NEW_PASSWORD}).content.decode()
    assert {each.address for each in backup_addresses.of_user(user)} == {"pending@example.org", "kept@example.org"}
    assert BackupAddress.objects.get(pk=pending.pk).confirmed_at is None

    let_pass(DEFAULTS["ADDRESS_FREEZE"] + timedelta(seconds=1))
    assert not accounts.addresses_are_frozen(user)
    backup_addresses.remove(user, kept, password=NEW_PASSWORD, origin=Origin())
    assert added(user, "another@example.org", password=NEW_PASSWORD)


def test_it_is_over_for_the_person_when_staff_end_it() -> None:
    user = rotated(UserFactory.create())
    back_in(user)
    user.refresh_from_db()
    with pytest.raises(BackupRefused) as refused:
        added(user, password=NEW_PASSWORD)
    assert refused.value.why == BackupRefusal.FROZEN
    assert resets.free_addresses(user, actor=UserFactory.create(), reason="seen in person")
    assert not resets.free_addresses(user, actor=UserFactory.create(), reason="again")
    assert added(user, password=NEW_PASSWORD)


def test_nobody_else_is_concerned_and_a_known_device_is_not_forgotten_with_it() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    AccountState.objects.create(user_key=accounts.key_of(user), device_known_since="2026-01-01T00:00Z")
    rotated(user)
    assert accounts.addresses_are_frozen(user)
    assert not accounts.addresses_are_frozen(other)
    assert AccountState.objects.get(user_key=accounts.key_of(user)).device_known_since is not None


def test_a_second_rotation_begins_it_anew() -> None:
    user = rotated(UserFactory.create())
    let_pass(2 * DAY)
    rotated(user)
    let_pass(2 * DAY)
    assert accounts.addresses_are_frozen(user)


@pytest.mark.attack(44)
def test_an_address_that_still_waits_waits_anew_so_that_its_owner_can_remove_it_in_time() -> None:
    """A thief added it six days ago: it would be usable before the freeze is over."""
    user = UserFactory.create()
    fresh, old = confirmed(user, "thief@example.com"), confirmed(user, "old@example.org")
    BackupAddress.objects.filter(pk=old.pk).update(confirmed_at=fresh.confirmed_at - 30 * DAY)
    let_pass(6 * DAY)
    rotated(user)
    let_pass(DEFAULTS["ADDRESS_FREEZE"] + timedelta(hours=1))
    states = {each.address: each.state for each in backup_addresses.of_user(user)}
    assert states == {"thief@example.com": BackupState.WAITING, "old@example.org": BackupState.USABLE}
    assert DEFAULTS["ADDRESS_FREEZE"] < DEFAULTS["BACKUP_WAIT"]
    let_pass(4 * DAY)
    assert {each.state for each in backup_addresses.of_user(user)} == {BackupState.USABLE}
