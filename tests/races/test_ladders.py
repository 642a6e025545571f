"""Case 45: failures, the person and staff in the same moment: one fresh link, one case, none open for who got in."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections

from recovery import cases, outbox, resets, sweep
from recovery.models import AuditEvent, CaseTelling, Email, SupportCase
from recovery.reasons import Action, CaseEnd, EmailKind, EmailVerb
from tests.asking import set_password
from tests.factories import StaffFactory, UserFactory
from tests.following import held_back, let_pass, opened
from tests.ladder import asks, fails, link_at, reported, with_backup
from tests.targets.stand_ins import SECRET, Webhook
from tests.together import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(45)]

SPARE = "spare@example.net"
ROUNDS = 5


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


def two_failures(user: Any) -> list[Email]:
    """Two mails of one person that failed and that nobody has followed up."""
    first = asks(user)
    let_pass(timedelta(minutes=2))
    both = [first, asks(user)]
    for email in both:
        reported(email)
    return both


def opened_cases() -> int:
    return AuditEvent.objects.filter(action=Action.CASE_OPENED).count()


def test_one_failure_that_many_workers_hear_of_brings_one_fresh_link(user: Any) -> None:
    with_backup(user)
    failed = asks(user)
    reported(failed)
    assert sorted(at_once(*[partial(resets.follow_up, failed.pk)] * 6)) == [False] * 5 + [True]
    assert Email.objects.filter(recipient=SPARE, kind=EmailKind.RESET).count() == 1


def test_two_failures_of_one_person_at_once_bring_one_fresh_link(user: Any) -> None:
    with_backup(user)
    at_once(*[partial(resets.follow_up, email.pk) for email in two_failures(user)])
    assert Email.objects.filter(recipient=SPARE, kind=EmailKind.RESET).count() == 1
    assert not SupportCase.objects.exists()


def test_or_one_case() -> None:
    for lap in range(1, ROUNDS + 1):
        both = two_failures(UserFactory.create())
        at_once(*[partial(resets.follow_up, email.pk) for email in both])
        assert SupportCase.objects.count() == opened_cases() == lap
        assert SupportCase.objects.latest("opened_at").failure_count == 2


def test_staff_and_a_failure_at_once_open_one_case() -> None:
    staff = StaffFactory.create()
    for lap in range(1, ROUNDS + 1):
        user = UserFactory.create()
        failed = asks(user)
        reported(failed)
        by_hand = partial(cases.open_by_hand, user, actor=staff, reason="asked by phone")
        at_once(by_hand, by_hand, partial(resets.follow_up, failed.pk))
        assert SupportCase.objects.count() == opened_cases() == lap
        assert SupportCase.objects.latest("opened_at").failure_count == 1


def test_a_person_who_gets_in_while_the_case_is_opened_has_no_open_case_in_the_end() -> None:
    for lap in range(1, ROUNDS + 1):
        user = UserFactory.create()
        failed = asks(user)
        client, form = opened(link_at(user.email))
        reported(failed)
        answer, _ = at_once(partial(set_password, client, form), partial(resets.follow_up, failed.pk))
        assert answer.status_code == 302
        sweep.sweep()
        assert not SupportCase.objects.filter(closed_at=None).exists()
        assert set(SupportCase.objects.values_list("end", flat=True)) <= {CaseEnd.COMPLETED}
        assert SupportCase.objects.count() <= lap


@pytest.mark.postgresql
def test_a_failure_told_while_staff_cancel_the_newer_mail_is_followed_up(user: Any, settings: Any) -> None:
    """Neither sees what the other has not committed: one of them has to wait."""
    old = asks(user)
    let_pass(timedelta(minutes=2))
    new = held_back(user, settings)

    def fail() -> None:
        try:
            reported(old)
            resets.follow_up(old.pk)
        finally:
            connections.close_all()

    other = threading.Thread(target=fail)

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Staff's own look for failures is the last thing before their commit."""
        answer = execute(sql, params, many, context)
        if "recovery_supportcase" in sql and other.ident is None:
            other.start()
            watching = connections.create_connection("default")
            waiting: list[Any] = []
            with watching.cursor() as cursor:
                while other.is_alive() and not waiting:
                    cursor.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                    waiting = cursor.fetchall()
            watching.close()
        return answer

    with connection.execute_wrapper(meanwhile):
        assert outbox.steer(new, EmailVerb.STOP, actor=StaffFactory.create(), reason="ticket 4711")
    other.join()
    sweep.sweep()
    assert SupportCase.objects.count() == 1


def test_one_piece_of_news_that_many_workers_hear_of_is_told_once(user: Any, settings: Any) -> None:
    with Webhook.running() as (server, url):
        given = {"TARGET": "recovery.cases.targets.webhook", "URL": f"{url}/hook", "SECRET": SECRET}
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
        server.faults[:] = [503]
        fails(asks(user))
        let_pass(timedelta(hours=1))
        [row] = CaseTelling.objects.all()
        assert sorted(at_once(*[partial(cases.tell, row.pk)] * 6)) == [False] * 5 + [True]
        assert len(server.asked) == 2


def test_what_many_put_back_at_once_is_put_back_once(user: Any, settings: Any) -> None:
    staff = StaffFactory.create()
    with Webhook.running() as (server, url):
        given = {"TARGET": "recovery.cases.targets.webhook", "URL": f"{url}/hook", "SECRET": SECRET}
        settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
        server.faults[:] = [422]
        fails(asks(user))
        again = partial(cases.tell_again, SupportCase.objects.get(), actor=staff, reason="ticket 4711")
        assert sorted(at_once(*[again] * 6)) == [[]] * 5 + [["webhook"]]
        assert AuditEvent.objects.filter(action=Action.CASE_TOLD_AGAIN).count() == 1
