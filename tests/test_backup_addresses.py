"""Backup addresses: added with the password, proved by a code, waited for, told to the main address, removed."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from recovery import backup_addresses, suppressions
from recovery.models import AuditEvent, BackupAddress, Email, ResetToken
from recovery.origin import Origin
from recovery.reasons import Action, BackupState, EmailKind, EmailReason, EmailState, TokenState
from tests.asking import browser
from tests.factories import PASSWORD, UserFactory
from tests.following import let_pass, works
from tests.homes import at_home
from tests.ladder import (
    BACKUPS,
    WAIT,
    added,
    asks,
    bodies_to,
    code_for,
    fails,
    link_at,
    newest_reset,
    signed_in,
    with_backup,
)

pytestmark = pytest.mark.django_db(transaction=True)

SPARE = "spare@example.net"


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


def test_it_is_confirmed_by_the_code_and_usable_after_the_wait(user: Any) -> None:
    client = signed_in(user)
    page = added(client, SPARE).url
    backup = BackupAddress.objects.get()
    assert (backup.state, backup.usable_from) == (BackupState.UNCONFIRMED, None)
    assert client.post(page, {"code": code_for(SPARE)}).url == BACKUPS
    assert BackupAddress.objects.get().state == BackupState.WAITING
    assert not BackupAddress.objects.usable()
    let_pass(WAIT)
    assert BackupAddress.objects.get().state == BackupState.USABLE
    assert BackupAddress.objects.usable().count() == 1
    assert SPARE in client.get(BACKUPS).content.decode()
    actions = AuditEvent.objects.order_by("occurred_at", "id").values_list("action", flat=True)
    assert list(actions) == [Action.BACKUP_ADDED, Action.BACKUP_CONFIRMED]


def test_the_addresses_are_told_when_one_is_added_and_when_it_is_removed(user: Any) -> None:
    backup = with_backup(user)
    told = Email.objects.get(kind=EmailKind.BACKUP_CHANGED)
    assert (told.recipient, told.state) == (user.email, EmailState.HANDED_OVER)
    client = signed_in(user)
    assert client.post(f"{BACKUPS}{backup.pk}/remove/", {"password": PASSWORD}).url == BACKUPS
    assert not BackupAddress.objects.exists()
    told = Email.objects.filter(kind=EmailKind.BACKUP_CHANGED, context__removed=True)
    assert {each.recipient for each in told} == {user.email, SPARE}
    assert SPARE not in str([message.body for message in mail.outbox])


def test_without_the_password_nothing_is_added_or_removed(user: Any) -> None:
    backup, client = with_backup(user), signed_in(user)
    for path, more in ((BACKUPS, {"address": "thief@example.net"}), (f"{BACKUPS}{backup.pk}/remove/", {})):
        for given in ({"password": "a guess"}, {"password": ""}, {}):
            answer = client.post(path, {**more, **given})
            assert answer.status_code == 200
            assert answer.context["form"].errors["password"]
    assert [row.address for row in BackupAddress.objects.all()] == [SPARE]
    assert AuditEvent.objects.filter(action=Action.BACKUP_REFUSED).count() == 2


def test_a_session_cannot_guess_the_password_here(user: Any) -> None:
    client = signed_in(user)
    bodies = [added(client, SPARE, password=f"guess {n}").content.decode() for n in range(10)]
    assert ["not your password" in body for body in bodies] == [*[True] * 5, *[False] * 5]
    assert ["too many tries" in body for body in bodies] == [*[False] * 5, *[True] * 5]
    assert "too often" in added(client, SPARE).content.decode()
    assert not BackupAddress.objects.exists()


def test_whoever_used_up_the_adding_can_still_remove_one_and_the_other_way_round(user: Any) -> None:
    """A thief's tries in a stolen session keep nobody from removing, in a known browser, what the thief added."""
    backup, thief, owner = with_backup(user), signed_in(user), at_home(user)
    owner.force_login(user)
    other = with_backup(user, "second@example.net")
    for _ in range(10):
        added(thief, "third@example.net", password="a guess")
    assert "too often" in added(owner, "third@example.net").content.decode()
    assert owner.post(f"{BACKUPS}{backup.pk}/remove/", {"password": PASSWORD}).url == BACKUPS
    let_pass(WAIT)
    removal = f"{BACKUPS}{other.pk}/remove/"
    for _ in range(10):
        thief.post(removal, {"password": "a guess"})
    assert "too often" in owner.post(removal, {"password": PASSWORD}).content.decode()
    assert added(owner, "third@example.net").status_code == 302
    assert {row.address for row in BackupAddress.objects.all()} == {"second@example.net", "third@example.net"}


def test_new_codes_are_not_sent_without_end(user: Any) -> None:
    client = signed_in(user)
    page = added(client, SPARE).url
    answers = [client.post(page, {"again": "1"}) for _ in range(10)]
    assert [answer.context["was_sent"] for answer in answers] == [*[True] * 9, False]
    assert "too often" in answers[-1].content.decode()


def test_a_code_can_be_tried_five_times(user: Any) -> None:
    client = signed_in(user)
    page = added(client, SPARE).url
    code = code_for(SPARE)
    wrong = f"{(int(code) + 1) % 10**8:08}"
    for _ in range(5):
        assert client.post(page, {"code": wrong}).status_code == 200
    assert client.post(page, {"code": code}).status_code == 200
    assert BackupAddress.objects.get().confirmed_at is None


def test_a_code_ages_and_a_new_one_replaces_it(user: Any) -> None:
    client = signed_in(user)
    page = added(client, SPARE).url
    first = code_for(SPARE)
    let_pass(WAIT)
    assert client.post(page, {"code": first}).status_code == 200
    assert added(client, SPARE).url == page
    second = code_for(SPARE)
    assert client.post(page, {"code": first}).status_code == 200
    assert client.post(page, {"again": "1"}).context["was_sent"]
    assert client.post(page, {"code": second}).status_code == 200
    assert BackupAddress.objects.get().confirmed_at is None
    assert BackupAddress.objects.count() == 1


def test_a_code_that_was_replaced_while_it_was_typed_confirms_nothing(user: Any) -> None:
    added(signed_in(user), SPARE)
    seen, code = BackupAddress.objects.get(), code_for(SPARE)
    backup_addresses.send_again(BackupAddress.objects.get(), origin=Origin())
    assert not backup_addresses.confirm(seen, code)
    assert BackupAddress.objects.get().confirmed_at is None


def test_a_mail_whose_code_was_replaced_is_not_sent(user: Any) -> None:
    client = signed_in(user)
    page = client.post(BACKUPS, {"address": SPARE, "password": PASSWORD}).url
    added(client, SPARE)
    codes = Email.objects.filter(kind=EmailKind.BACKUP_CODE).order_by("queued_at", "id")
    assert [(code.state, code.reason) for code in codes] == [
        (EmailState.CANCELLED, EmailReason.TOKEN_DEAD),
        (EmailState.HANDED_OVER, ""),
    ]
    assert client.post(page, {"code": code_for(SPARE)}).url == BACKUPS


def test_the_code_stands_in_no_row(user: Any) -> None:
    added(signed_in(user), SPARE)
    code = code_for(SPARE)
    rows = [row for model in (BackupAddress, Email, AuditEvent) for row in model._default_manager.values()]
    assert code not in str(rows)


def test_somebody_else_finds_nothing_and_confirms_nothing(user: Any) -> None:
    page = added(signed_in(user), SPARE).url
    stranger = signed_in(UserFactory.create())
    for path in (page, f"{page}remove/"):
        assert stranger.get(path).status_code == 404
        assert stranger.post(path, {"code": code_for(SPARE), "password": PASSWORD}).status_code == 404
    assert BackupAddress.objects.get().confirmed_at is None


@pytest.mark.parametrize("path", [BACKUPS, f"{BACKUPS}8e0a2c0e-3a63-4b5a-9d3c-6f2f0f1c7b11/"])
def test_whoever_is_not_signed_in_is_led_to_the_sign_in(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/?next=")


@pytest.mark.parametrize("wanted", ["own", "there", "sixth"])
def test_what_cannot_be_added_is_said(user: Any, wanted: str) -> None:
    client = signed_in(user)
    if wanted == "there":
        with_backup(user)
    for number in range(5 if wanted == "sixth" else 0):
        added(client, f"spare{number}@example.net")
    before = BackupAddress.objects.count()
    address = user.email.upper() if wanted == "own" else SPARE
    assert added(client, address).status_code == 200
    assert BackupAddress.objects.count() == before


@pytest.mark.attack(10)
@pytest.mark.parametrize(
    "text", ["a@example.net,b@example.net", "a@example.net\r\nBcc: b@example.net", "<a@example.net>"]
)
def test_one_address_is_added_or_none(user: Any, text: str) -> None:
    assert added(signed_in(user), text).status_code == 200
    assert not BackupAddress.objects.exists()
    assert mail.outbox == []


@pytest.mark.attack(43)
def test_confirming_one_address_confirms_no_other(user: Any) -> None:
    client = signed_in(user)
    first, second = added(client, SPARE).url, added(client, "other@example.net").url
    assert client.post(second, {"code": code_for(SPARE)}).status_code == 200
    assert client.post(first, {"code": code_for("other@example.net")}).status_code == 200
    assert not BackupAddress.objects.exclude(confirmed_at=None).exists()


@pytest.mark.attack(44)
def test_a_fresh_backup_address_takes_over_nothing_and_the_owner_is_told(user: Any) -> None:
    with_backup(user, waited=False)
    assert Email.objects.filter(kind=EmailKind.BACKUP_CHANGED, recipient=user.email).exists()
    fails(asks(user))
    assert newest_reset().recipient == user.email
    assert bodies_to(SPARE) == []


def test_a_link_at_a_backup_address_dies_with_its_removal(user: Any) -> None:
    backup = with_backup(user)
    fails(asks(user))
    link = link_at(SPARE)
    signed_in(user).post(f"{BACKUPS}{backup.pk}/remove/", {"password": PASSWORD})
    assert ResetToken.objects.get(address=SPARE).state == TokenState.REVOKED
    client = browser()
    page = client.get(client.get(link).url)
    assert page.context["reason"] == "invalid"


def test_and_the_link_at_the_main_address_lives_on(user: Any) -> None:
    backup = with_backup(user)
    asks(user)
    link = link_at(user.email)
    signed_in(user).post(f"{BACKUPS}{backup.pk}/remove/", {"password": PASSWORD})
    assert not BackupAddress.objects.exists()
    assert works(link, user)


def test_a_link_does_not_outlive_the_row_of_its_backup_address(user: Any) -> None:
    """Also where the site removed the row by code of its own, which revokes nothing."""
    with_backup(user)
    fails(asks(user))
    link = link_at(SPARE)
    BackupAddress.objects.all().delete()
    client = browser()
    assert client.get(client.get(link).url).context["reason"] == "invalid"


def test_the_person_reads_that_mail_to_a_backup_address_came_back_once_it_is_proved_theirs(user: Any) -> None:
    client = signed_in(user)
    with_backup(user)
    added(client, "strangers@example.net")
    for address in (SPARE, "strangers@example.net"):
        suppressions.add(address, reason="bounced", source="postmark")
    assert client.get(BACKUPS).content.decode().count("Mail to it came back") == 1
    assert client.get(BACKUPS).context["failing"] == [SPARE]


def test_the_pages_are_readable_in_every_language(user: Any) -> None:
    backup = with_backup(user)
    client = signed_in(user)
    open_one = added(client, "open@example.net").url
    for path in (BACKUPS, open_one, f"{BACKUPS}{backup.pk}/remove/"):
        texts = {client.get(path, headers={"accept-language": language}).content for language in ("en", "de", "fr")}
        assert len(texts) == 3


def test_with_an_account_go_its_backup_addresses(user: Any) -> None:
    """Whoever gets the key of a deleted account one day must not inherit them."""
    with_backup(user)
    other = UserFactory.create()
    kept = with_backup(other, "second@example.net")
    key = user.pk
    type(user).objects.filter(pk=key).delete()
    assert BackupAddress.objects.get() == kept
    heir = UserFactory.create(pk=key)
    fails(asks(heir))
    assert bodies_to(SPARE) == []
