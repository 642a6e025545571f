"""What goes when its time is over, what stays, and that nothing goes that is still of use."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from recovery import backup_addresses, cases, retention, suppressions, sweep, tokens
from recovery.models import (
    AuditEvent,
    BackupAddress,
    Decision,
    Email,
    EmailEvent,
    LimitCounter,
    ResetRequest,
    ResetToken,
    SupportCase,
    Suppression,
)
from recovery.reasons import Action, TokenState
from recovery.retention import batches
from tests.asking import ask, browser, links, work
from tests.factories import StaffFactory, UserFactory
from tests.following import (
    dead_page,
    held_back,
    let_pass,
    mailed_link,
    make_due,
    opened,
    row_of,
    selector_of,
    trail,
    works,
)
from tests.ladder import BACKUPS, added, asks, code_for, fails, signed_in, with_backup

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = (ResetRequest, Decision, ResetToken, Email, EmailEvent)


def counts() -> list[int]:
    return [model._default_manager.count() for model in MODELS]


def keep(settings: Any, **how_long: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": how_long}


def test_an_expired_link_becomes_a_tombstone_whose_page_still_says_expired_and_asks_anew_in_one_click() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    let_pass(timedelta(hours=2, minutes=1))
    assert retention.purge().links == 1
    row = row_of(link)
    assert (row.state, row.address, row.fingerprint, row.ended_at) == (TokenState.EXPIRED, "", "", row.expires_at)
    client, form = opened(link)
    assert dead_page(client.get(form)) == "expired"
    client.post(form, {"again": "1"})
    work()
    assert works(links(mail.outbox[-1])[0], user)


def test_a_link_is_left_alone_for_an_hour_after_its_end_and_before_it() -> None:
    link = mailed_link(UserFactory.create())
    for moment in (timedelta(minutes=59), timedelta(minutes=60)):
        let_pass(moment)
        assert retention.purge().links == 0
        assert row_of(link).state == TokenState.LIVE
    let_pass(timedelta(minutes=2))
    assert retention.purge().links == 1


def test_one_run_ends_as_many_links_as_it_was_told_and_the_next_the_rest() -> None:
    for number in range(3):
        mailed_link(UserFactory.create(), REMOTE_ADDR=f"198.51.100.{number}")
    let_pass(timedelta(hours=3))
    assert [tokens.purge(most=2), tokens.purge(most=2), tokens.purge(most=2)] == [2, 1, 0]


def test_rows_go_with_all_that_hangs_on_them_and_younger_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    for number in range(5):
        mailed_link(UserFactory.create(), REMOTE_ADDR=f"198.51.100.{number}")
    let_pass(timedelta(days=401))
    mailed_link(UserFactory.create())
    gone = retention.purge()
    assert (gone.emails, gone.requests) == (5, 5)
    assert counts() == [1, 1, 1, 1, EmailEvent.objects.filter(email=Email.objects.get()).count()]


def test_mails_and_requests_go_each_in_its_own_time(settings: Any) -> None:
    link = mailed_link(UserFactory.create())
    let_pass(timedelta(days=31))
    keep(settings, emails=timedelta(days=30))
    retention.purge()
    assert (Email.objects.count(), ResetRequest.objects.count()) == (0, 1)
    client, form = opened(link)
    assert dead_page(client.get(form)) == "expired"
    keep(settings, emails=None, requests=timedelta(days=30))
    assert retention.purge().requests == 1
    assert dead_page(client.get(form)) == "invalid"


def test_nothing_goes_where_the_site_keeps_for_good(settings: Any) -> None:
    keep(settings, emails=None, requests=None, audit=None)
    mailed_link(UserFactory.create())
    let_pass(timedelta(days=4000))
    before = counts()
    gone = retention.purge()
    assert (gone.emails, gone.requests, gone.trail) == (0, 0, 0)
    assert counts() == before


def test_a_link_that_still_works_is_not_purged_however_short_the_site_keeps_its_requests(settings: Any) -> None:
    keep(settings, emails=timedelta(minutes=10), requests=timedelta(minutes=10))
    user = UserFactory.create()
    link = mailed_link(user)
    let_pass(timedelta(minutes=30))
    retention.purge()
    assert works(link, user)
    let_pass(timedelta(hours=2))
    assert retention.purge().requests == 1


def test_mail_that_may_still_leave_is_not_purged_however_short_the_site_keeps_its_mail(settings: Any) -> None:
    keep(settings, emails=timedelta(minutes=10), requests=timedelta(minutes=10))
    user = UserFactory.create()
    email = held_back(user, settings)
    let_pass(timedelta(minutes=20))
    assert retention.purge().emails == 0
    make_due(email)
    sweep.sweep()
    assert works(links(mail.outbox[0])[0], user)


def test_the_trail_goes_only_where_the_site_says_so_and_says_how_much_went(settings: Any) -> None:
    mailed_link(UserFactory.create())
    let_pass(timedelta(days=800))
    assert retention.purge().trail == 0
    rows = AuditEvent.objects.count()
    let_pass(timedelta(days=800))
    keep(settings, audit=timedelta(days=730))
    assert retention.purge().trail == rows
    assert trail(Action.PURGED) == [{"what": "auditevent", "rows": rows}]
    assert retention.purge().trail == 0
    assert AuditEvent.objects.count() == 1


def test_counters_whose_window_is_over_go_and_the_others_stay() -> None:
    ask(browser(), "amelie@example.com")
    let_pass(timedelta(minutes=61))
    ask(browser(REMOTE_ADDR="192.0.2.9"), "blake@example.com")
    assert LimitCounter.objects.count() == 4
    assert retention.purge().counters == 2
    assert LimitCounter.objects.count() == 2


def test_the_outlook_tells_what_the_purge_will_do_and_does_nothing(settings: Any) -> None:
    keep(settings, emails=timedelta(days=30), requests=timedelta(days=30), audit=timedelta(days=30))
    user = UserFactory.create()
    assert works(mailed_link(user), user)
    mailed_link(UserFactory.create())
    let_pass(timedelta(days=31))
    mailed_link(UserFactory.create())
    before = counts(), AuditEvent.objects.count()
    told = retention.outlook()
    assert (counts(), AuditEvent.objects.count()) == before
    assert told.links == 2  # the used one and the expired one
    assert retention.purge() == told


def test_the_tombstone_of_a_link_holds_no_address() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    let_pass(timedelta(hours=3))
    retention.purge()
    assert user.email not in repr(list(ResetToken.objects.filter(selector=selector_of(link)).values()))


def test_a_closed_case_goes_with_old_requests_and_an_open_one_stays(settings: Any) -> None:
    keep(settings, requests=timedelta(days=30))
    closed, still_open = UserFactory.create(), UserFactory.create()
    for user in (closed, still_open):
        fails(asks(user))
    cases.close(SupportCase.objects.get(user_key=str(closed.pk)), actor=StaffFactory.create(), reason="called back")
    let_pass(timedelta(days=31))
    told = retention.outlook().cases
    assert (told, retention.purge().cases) == (1, 1)
    [case] = SupportCase.objects.all()
    assert (case.user_key, case.request, ResetRequest.objects.count()) == (str(still_open.pk), None, 0)


def suppressed(address: str, *, days: int | None) -> Suppression:
    until = timezone.now() + timedelta(days=days) if days else None
    return suppressions.add(address, reason="bounced", source="ours", until=until)


def test_suppressions_go_when_they_are_so_long_over_that_they_count_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 2)
    actor = StaffFactory.create()
    for number in range(5):
        suppressed(f"over{number}@example.com", days=7)
    lifted, lifted_late = suppressed("lifted@example.com", days=None), suppressed("late@example.com", days=None)
    for_good, for_long = suppressed("good@example.com", days=None), suppressed("long@example.com", days=800)
    suppressions.lift(lifted, actor=actor, reason="the mailbox is back")
    let_pass(timedelta(days=7) + suppressions.MEMORY - timedelta(minutes=1))
    young = suppressed("young@example.com", days=7)
    assert suppressions.lift(lifted_late, actor=actor, reason="the mailbox is back")
    let_pass(timedelta(days=1, minutes=2))
    told = retention.outlook().suppressions
    assert Suppression.objects.count() == 10
    assert (told, retention.purge().suppressions) == (6, 6)
    assert set(Suppression.objects.all()) == {lifted_late, for_good, for_long, young}
    assert set(suppressions.of(["good@example.com", "long@example.com", "young@example.com"])) == {
        "good@example.com", "long@example.com", "young@example.com"
    }  # fmt: skip
    assert (retention.outlook().suppressions, retention.purge().suppressions) == (0, 0)


def test_suppressions_that_still_count_are_kept_though_they_are_over() -> None:
    suppressed("ada@example.com", days=7)
    let_pass(timedelta(days=6) + suppressions.MEMORY)
    assert (retention.outlook().suppressions, retention.purge().suppressions) == (0, 0)


def test_a_backup_address_that_nobody_confirmed_goes_when_its_code_is_long_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH", 1)
    confirmed, late = with_backup(UserFactory.create()), signed_in(UserFactory.create())
    for number in range(2):
        added(signed_in(UserFactory.create()), f"forgotten{number}@example.net")
    page = added(late, "late@example.net").url
    let_pass(timedelta(days=20))
    late.post(page, {"again": "1"})
    let_pass(timedelta(days=10, minutes=29))
    assert (retention.outlook().backups, retention.purge().backups) == (0, 0)
    let_pass(timedelta(minutes=2))
    told = retention.outlook().backups
    assert BackupAddress.objects.count() == 4
    assert (told, retention.purge().backups) == (2, 2)
    assert set(BackupAddress.objects.values_list("address", flat=True)) == {confirmed.address, "late@example.net"}


def test_a_backup_address_that_gets_a_new_code_while_the_purge_runs_stays() -> None:
    client = signed_in(UserFactory.create())
    page = added(client, "spare@example.net").url
    let_pass(backup_addresses.UNCONFIRMED + timedelta(hours=1))

    def asked_again_before(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith('DELETE FROM "recovery_backupaddress"'):
            client.post(page, {"again": "1"})
        return execute(sql, params, many, context)

    with connection.execute_wrapper(asked_again_before):
        assert retention.purge().backups == 0
    sweep.sweep()
    assert client.post(page, {"code": code_for("spare@example.net")}).url == BACKUPS


def test_a_backup_address_that_went_can_be_added_and_confirmed_anew() -> None:
    client = signed_in(UserFactory.create())
    added(client, "spare@example.net")
    let_pass(backup_addresses.UNCONFIRMED + timedelta(hours=1))
    assert retention.purge().backups == 1
    page = added(client, "spare@example.net").url
    assert client.post(page, {"code": code_for("spare@example.net")}).url == BACKUPS


def test_the_command_says_how_much_of_each_kind_goes(capsys: pytest.CaptureFixture[str]) -> None:
    suppressed("ada@example.com", days=7)
    added(signed_in(UserFactory.create()), "spare@example.net")
    let_pass(timedelta(days=8) + suppressions.MEMORY)
    for options, rows in ((["--dry-run"], 1), ([], 0)):
        call_command("recovery_purge", *options)
        assert "suppressions 1, backups 1, " in capsys.readouterr().out
        assert (Suppression.objects.count(), BackupAddress.objects.count()) == (rows, rows)
