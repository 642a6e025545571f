"""Sign-ins that their owner is told of: from a new device, and what the site itself finds suspicious."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction

from recovery import notices
from recovery.models import AuditEvent, Email
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind
from tests.factories import UserFactory
from tests.following import failing, let_pass, trail
from tests.ladder import with_backup
from tests.objecting import THIEF, newest_to, subjects_to

pytestmark = pytest.mark.django_db(transaction=True)

SPARE = "spare@example.net"
VERBS = {EmailKind.NEW_DEVICE: notices.new_device, EmailKind.SUSPICIOUS_SIGN_IN: notices.suspicious_sign_in}
each_verb = pytest.mark.parametrize("kind", VERBS)


@pytest.fixture
def user() -> Any:
    return UserFactory.create()


@each_verb
def test_every_address_is_told_when_and_from_where_and_it_is_on_the_trail(user: Any, kind: str) -> None:
    with_backup(user, SPARE)
    queued = VERBS[kind](user, origin=THIEF)
    assert [email.recipient for email in queued] == [user.email, SPARE]
    main, backup = newest_to(user.email).body, newest_to(SPARE).body
    for said in ("(UTC)", "Firefox (Linux)"):
        assert said in main
        assert said in backup
    assert THIEF.ip in main
    assert "203.0.113.•" in backup
    for hidden in (THIEF.ip, user.email):
        assert hidden not in backup
    assert trail(Action.NOTICE_QUEUED) == [{"what": kind, "told": 2, "browser": "Firefox (Linux)"}]


@each_verb
def test_a_user_name_that_is_an_address_is_not_told_to_a_backup(kind: str) -> None:
    user = UserFactory.create(username="gwen@example.com", email="gwen@example.com")
    with_backup(user, SPARE)
    VERBS[kind](user, origin=THIEF)
    assert "gwen@example.com" in newest_to("gwen@example.com").body
    told = newest_to(SPARE)
    assert "gwen" not in told.body + told.subject + str(told.alternatives)


@each_verb
def test_the_same_browser_at_the_same_place_is_told_once_a_day(user: Any, kind: str) -> None:
    for origin in (THIEF, THIEF, Origin(ip="203.0.113.7", user_agent=THIEF.user_agent)):
        VERBS[kind](user, origin=origin)
    assert len(subjects_to(user.email)) == 1
    VERBS[kind](user, origin=Origin(ip="198.51.100.7", user_agent=THIEF.user_agent))
    assert len(subjects_to(user.email)) == 2
    let_pass(timedelta(days=1, minutes=1))
    VERBS[kind](user, origin=THIEF)
    assert len(subjects_to(user.email)) == 3


@each_verb
def test_ten_a_day_are_all_and_other_people_get_theirs(user: Any, kind: str) -> None:
    for number in range(15):
        VERBS[kind](user, origin=Origin(ip=f"198.51.{number}.7"))
    assert len(subjects_to(user.email)) == 10
    other = UserFactory.create()
    VERBS[kind](other, origin=THIEF)
    assert len(subjects_to(other.email)) == 1


@each_verb
def test_inactive_people_and_those_without_an_address_are_told_nothing(user: Any, kind: str) -> None:
    user.is_active = False
    assert VERBS[kind](user, origin=THIEF) == []
    assert VERBS[kind](UserFactory.create(email=""), origin=THIEF) == []
    assert not AuditEvent.objects.exists()
    assert not Email.objects.exists()


@each_verb
def test_notice_and_trail_share_a_transaction_also_the_callers(user: Any, kind: str) -> None:
    with failing('INSERT INTO "recovery_auditevent"'), pytest.raises(OperationalError):
        VERBS[kind](user, origin=THIEF)
    assert not Email.objects.exists()
    with transaction.atomic():
        VERBS[kind](user, origin=THIEF)
        transaction.set_rollback(True)
    assert not Email.objects.exists()
    assert len(VERBS[kind](user, origin=THIEF)) == 1


def test_what_the_site_says_of_it_stands_in_the_mail_on_one_line_and_not_longer(user: Any) -> None:
    notices.suspicious_sign_in(user, origin=THIEF, detail="Lima\nand <b>Berlin</b> " + "x" * 500)
    message = newest_to(user.email)
    assert "Why: Lima and <b>Berlin</b> xxx" in message.body
    assert "x" * 201 not in message.body
    assert "<b>" not in str(message.alternatives[0][0])


def test_a_notice_of_another_door_leads_there(user: Any, settings: Any) -> None:
    door = {"BASE_URL": "https://portal.example", "SITE_NAME": "The Portal"}
    settings.RECOVERY = {**settings.RECOVERY, "AUDIENCES": {"portal": door}}
    notices.new_device(user, origin=THIEF, audience="portal")
    message = newest_to(user.email)
    assert "https://portal.example/recovery/not-me/" in message.body
    assert "The Portal" in message.subject
