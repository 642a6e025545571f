"""Erasing a person: nothing is found afterwards, nothing of others goes, and the trail says that it was done."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from recovery import accounts, lockouts, outbox, privacy, suppressions, sweep
from recovery.models import (
    AccountState,
    AuditEvent,
    CaseTelling,
    Email,
    Erasure,
    Lockout,
    ResetRequest,
    SupportCase,
    Suppression,
)
from recovery.reasons import Action, CaseEnd, EmailKind, EmailReason, EmailState
from tests.asking import ask, browser
from tests.factories import StaffFactory, UserFactory
from tests.following import dead_page, failing, let_pass, mailed_link, opened, trail
from tests.homes import at_home
from tests.ladder import asks, fails
from tests.privacy.life import ADDRESS, NAME, TELLS, erased, grace, key_of_one_who_is_gone, lives, meets_trouble, queued
from tests.privacy.searching import OF_NOBODY, planted, tables, where
from tests.signing_in import fail, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(109)]


def rows_of(user: Any) -> dict[str, int]:
    return privacy.held(privacy.of_user(user))


@pytest.mark.parametrize("with_account", [False, True])
def test_a_search_through_the_whole_database_finds_nothing_of_whoever_was_erased(
    with_account: bool, settings: Any
) -> None:
    user, neighbour = grace(), UserFactory.create(username="neighbour")
    mailed_link(neighbour)
    lives(user, settings)
    before = rows_of(neighbour)
    found = {column.split(".")[0] for column in where(*TELLS)}
    met = (
        "addresscorrection", "auditorigin", "backupaddress", "bounce", "casenote", "decision", "email", "emailevent",
        "lockout", "logincounter", "resetrequest", "resettoken", "suppression",
    )  # fmt: skip
    assert {f"recovery_{name}" for name in met} <= found
    records = AuditEvent.objects.count()
    if with_account:
        user.delete()
        sweep.sweep()
    else:
        erased(user)
    assert where(*TELLS) == []
    assert rows_of(neighbour) == before
    assert AuditEvent.objects.count() > records, "the trail stays"
    [told] = trail(Action.ERASED)
    assert told["with_account"] == with_account
    assert told["rows"]["emails"] > 5
    assert not Erasure.objects.exists()


def test_every_column_that_could_tell_of_a_person_is_emptied_or_its_row_goes() -> None:
    user = UserFactory.create(username="marlowe-the-reader", email="marlowe@reader.example")
    texts = ("marlowe@reader.example", "marlowe-the-reader", "203.0.113.99")
    models = planted(user, texts)
    assert {f"recovery_{name.lower()}" for name in [*models, *OF_NOBODY, "Erasure"]} >= set(tables())
    assert len(where(*texts)) > 30
    user.delete()
    sweep.sweep()
    assert where(*texts) == []


def test_a_key_stays_and_names_nobody() -> None:
    user = grace()
    mailed_link(user)
    erased(user)
    keys = set(AuditEvent.objects.exclude(user_key="").values_list("user_key", flat=True))
    assert keys == {accounts.key_of(user)}
    assert where(NAME, ADDRESS) == []


def test_work_under_way_ends_first(settings: Any) -> None:
    user = grace()
    link, waiting = mailed_link(user), queued(user)
    case = open_case(user)
    ask(browser(REMOTE_ADDR="192.0.2.55"), ADDRESS)
    mail.outbox.clear()
    erased(user)
    sweep.sweep()
    assert mail.outbox == []
    assert not Email.objects.filter(pk=waiting.pk).exists()
    client, form = opened(link)
    assert dead_page(client.get(form)) == "invalid"
    assert len(trail(Action.LINK_REVOKED)) == 1
    assert [told["why"] for told in trail(Action.CASE_CLOSED)] == [CaseEnd.ERASED]
    assert not SupportCase.objects.filter(pk=case.pk).exists()
    assert not ResetRequest.objects.exists()


def open_case(user: Any) -> SupportCase:
    fails(asks(user))
    return SupportCase.objects.get(closed_at=None)


def test_whoever_works_on_the_case_elsewhere_hears_once_that_it_is_closed(settings: Any) -> None:
    settings.RECOVERY = {
        **settings.RECOVERY,
        "CASE_TARGETS": [{"TARGET": "recovery.cases.targets.email", "TO": "desk@example.org"}],
    }
    user = grace()
    open_case(user)
    erased(user)
    sweep.sweep()
    closed = [message for message in mail.outbox if message.to == ["desk@example.org"]][-1]
    assert "erased" in closed.body
    assert not CaseTelling.objects.exists()
    assert where(*TELLS) == []


def test_a_second_erasure_finds_nothing_and_harms_nothing() -> None:
    user = grace()
    mailed_link(user)
    fail(NAME)
    assert erased(user)["requests"] == 1
    assert erased(user) == {}
    assert [told["rows"] for told in trail(Action.ERASED)][-1] == {}


@pytest.mark.parametrize("table", ["email", "resetrequest", "suppression", "lockout", "erasure"])
def test_what_dies_on_the_way_is_gone_on_with(table: str) -> None:
    user = grace()
    meets_trouble(user)
    held = rows_of(user)
    with failing(f'(DELETE FROM|UPDATE) "recovery_{table}"'), pytest.raises(Exception, match="full"):
        erased(user)
    assert trail(Action.ERASED) == []
    let_pass(timedelta(minutes=6))
    assert sweep.outlook().erased == 1
    assert sweep.sweep().erased == 1
    assert where(*TELLS) == []
    assert [told["rows"] for told in trail(Action.ERASED)] == [held], "what was held when the work began"


def test_mail_that_a_worker_is_sending_is_left_until_it_is_noted() -> None:
    user = grace()
    email = queued(user)
    Email.objects.filter(pk=email.pk).update(
        state=EmailState.SENDING, lease_until=timezone.now() + timedelta(seconds=90)
    )
    told = privacy.erase(privacy.of_user(user))
    assert (told.left, Email.objects.count(), trail(Action.ERASED)) == (1, 1, [])
    Email.objects.update(state=EmailState.HANDED_OVER)
    let_pass(timedelta(minutes=3))
    sweep.sweep()
    assert where(ADDRESS, NAME) == []
    assert len(trail(Action.ERASED)) == 1


def test_an_address_that_must_not_be_mailed_stays_so_without_being_written_anywhere() -> None:
    user = grace()
    meets_trouble(user)
    assert suppressions.of([ADDRESS.lower()])
    erased(user)
    [row] = Suppression.objects.all()
    assert row.address_key.startswith(suppressions.HASHED)
    assert where(ADDRESS) == []
    [email] = outbox.queue(EmailKind.PASSWORD_CHANGED, [ADDRESS], user_key="another", context=FACTS)
    sweep.sweep()
    email.refresh_from_db()
    assert (email.state, email.reason) == (EmailState.WITHHELD, EmailReason.SUPPRESSED)


FACTS = {"username": "another", "changed_at": "2026-11-21T09:00Z"}


def test_it_stays_so_under_a_new_secret_key_too(settings: Any) -> None:
    user = grace()
    meets_trouble(user)
    erased(user)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key"
    assert suppressions.of([ADDRESS.lower()])
    settings.SECRET_KEY_FALLBACKS = []
    assert not suppressions.of([ADDRESS.lower()])


def test_an_erasure_opens_no_lock_of_an_account_that_is_there() -> None:
    user = grace()
    lockouts.lock(user, actor=StaffFactory.create(), reason=f"{NAME} lost a phone")
    fail("somebody else", 5)
    erased(user)
    assert not sign_in(NAME)
    [lockout] = Lockout.objects.exclude(user_key="")
    assert (lockout.ip, lockout.reason) == (None, "")
    assert where(ADDRESS) == []


def test_with_the_account_its_locks_go() -> None:
    user = grace()
    lockouts.lock(user, actor=StaffFactory.create(), reason="lost a phone")
    user.delete()
    sweep.sweep()
    assert sign_in(NAME) is False
    UserFactory.create(username=NAME, email=ADDRESS)
    assert sign_in(NAME)


def test_browsers_are_forgotten_and_a_dispute_is_not() -> None:
    user = grace()
    at_home(user)
    AccountState.objects.update(disputed_at=timezone.now())
    erased(user)
    state = AccountState.objects.get()
    assert (state.device_known_since, state.hashed_as, state.known_as) == (None, "", "")
    assert state.disputed_at is not None


def test_the_command_says_how_much_is_held_and_with_dry_run_touches_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    user = grace()
    meets_trouble(user)
    before = where(*TELLS)
    call_command("recovery_erase", NAME, "--dry-run", "--json")
    told = json.loads(capsys.readouterr().out)
    assert where(*TELLS) == before
    assert trail(Action.ERASED) == []
    call_command("recovery_erase", ADDRESS, "--json", "--reason", "ticket 4711")
    assert json.loads(capsys.readouterr().out) == told
    assert where(*TELLS) == []
    assert AuditEvent.objects.get(action=Action.ERASED).reason == "ticket 4711"


def test_the_command_takes_the_key_of_an_account_that_is_gone_and_refuses_what_is_nobodys(
    capsys: pytest.CaptureFixture[str], settings: Any
) -> None:
    key = key_of_one_who_is_gone(settings)
    sweep.sweep()
    assert where(ADDRESS) != []
    call_command("recovery_erase", key, "--name", NAME)
    assert "requests 1" in capsys.readouterr().out
    assert where(ADDRESS, NAME) == []
    with pytest.raises(CommandError, match="no account"):
        call_command("recovery_erase", "whoever")


def test_a_report_that_comes_late_is_kept_no_longer_than_what_is_nobodys() -> None:
    user = grace()
    email = asks(user)
    erased(user)
    fails(email)
    assert where(ADDRESS) != []
    let_pass(timedelta(days=31))
    call_command("recovery_purge")
    assert where(ADDRESS) == []
