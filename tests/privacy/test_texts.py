"""What staff and mail servers wrote of a person in others' rows: the address goes, and the rest stays."""

import pytest
from django.apps import apps
from django.db.models import CharField, TextField

from recovery import cases, level, lockouts, origin, privacy, resets, routes, sweep
from recovery.models import AuditEvent, Bounce, CaseNote, EmailEvent, LevelSwitch, Lockout, Rotation, RouteState
from recovery.origin import Origin
from recovery.privacy import mentions
from recovery.reasons import MailLevel
from tests.asking import ask, browser
from tests.factories import StaffFactory, UserFactory
from tests.ladder import asks, fails
from tests.privacy.life import ADDRESS, HOME, erased, grace
from tests.privacy.searching import planted, where

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(109)]

REASON = f"{ADDRESS} called from {HOME}: her mail goes to a wrong box, not to joan.{ADDRESS}"
LEFT = f"… called from …: her mail goes to a wrong box, not to joan.{ADDRESS}"


def test_the_address_leaves_reasons_notes_and_evidence_of_others_and_of_lists() -> None:
    user, boss = grace(), StaffFactory.create(is_superuser=True)
    others = [UserFactory.create() for _ in range(2)]
    ask(browser(REMOTE_ADDR=HOME), ADDRESS)
    resets.force_rotation([user, *others], actor=boss, reason=REASON, evidence=REASON, source="staff")
    case = cases.open_by_hand(others[0], actor=boss, reason=REASON)
    cases.close(case, actor=boss, reason=REASON)
    resets.send_by_staff(others[0], actor=boss, reason=REASON, origin=Origin())
    lockouts.lock(others[0], actor=boss, reason=REASON)
    sweep.sweep()
    erased(user)
    sweep.sweep()
    rotation = Rotation.objects.get()
    assert (rotation.reason, rotation.evidence) == (LEFT, LEFT)
    assert LEFT in CaseNote.objects.values_list("text", flat=True)
    assert where(f"{ADDRESS} called", HOME) == []


def test_it_leaves_what_a_server_said_of_mail_that_was_forwarded_to_it() -> None:
    user, neighbour = grace(), UserFactory.create(username="neighbour")
    fails(asks(neighbour), detail=f"550 5.1.1 <{ADDRESS}>: forwarded mailbox unknown")
    fails(asks(UserFactory.create()), detail=f"550 5.1.1 rfc822;{ADDRESS.replace('.', '+2E', 1)}: unknown")
    assert where(ADDRESS) != []
    erased(user)
    assert where(ADDRESS) == []
    said = "550 5.1.1 <…>: forwarded mailbox unknown"
    assert set(Bounce.objects.values_list("evidence", flat=True)) == {said, "…"}
    assert set(EmailEvent.objects.exclude(detail="").values_list("detail", flat=True)) >= {said, "…"}
    assert privacy.held(privacy.of_user(neighbour))["bounces"] == 1


def test_it_stands_in_no_column_of_anothers_that_holds_text() -> None:
    user, other = UserFactory.create(email="marlowe@reader.example"), UserFactory.create()
    planted(other, (user.email, "somebody", "192.0.2.1"))
    assert len(texts() & set(where(user.email))) > 15
    erased(user)
    assert texts() & set(where(user.email)) == set()


def texts() -> set[str]:
    """Columns with room for a sentence, but for what browsers and providers call themselves and their mails."""
    return {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_app_config("recovery").get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, CharField | TextField) and (field.max_length or 1000) >= 255
        if field.name not in ("user_agent", "esp_message_id", "from_email")
    }


def test_who_shares_the_address_keeps_it_in_texts_too() -> None:
    user, other, boss = grace(), UserFactory.create(email=ADDRESS), StaffFactory.create(is_superuser=True)
    lockouts.lock(other, actor=boss, reason=REASON)
    erased(user)
    assert Lockout.objects.get().reason == REASON


def test_what_is_written_of_all_mail_names_nobody_from_the_start() -> None:
    """Nothing of it is ever taken away."""
    boss = StaffFactory.create(is_superuser=True)
    routes.register()
    level.switch(MailLevel.SYSTEM, actor=boss, reason=REASON)
    routes.switch("default", on=False, actor=boss, reason=REASON)
    assert where(f"{ADDRESS} called", HOME) == []
    rows = [LevelSwitch.objects.get().reason, RouteState.objects.get(name="default").switch_reason]
    rows += AuditEvent.objects.values_list("reason", flat=True)
    for reason in rows:
        assert reason.startswith("G•••r@h•••r.example called from 203.0.113.•: her mail"), reason
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("from 203.0.113.77.", "from 203.0.113.•."),
        ("203.0.113.77:443, [2001:db8:7:1::77]:", "203.0.113.•:443, [2001:db8:7::•]:"),
        ("::ffff:203.0.113.77", "::•"),
        ("at 12:30:45 with 1.2.3, a::b.c and 1.2.3.4.5", "at 12:30:45 with 1.2.3, a::b.c and 1.2.3.4.5"),
        ("999.1.2.3 and std::vector", "999.1.2.3 and std::vector"),
    ],
)
def test_a_client_address_is_shortened_where_it_is_one(text: str, left: str) -> None:
    assert origin.shorten_in(text) == left


def test_another_client_address_that_holds_it_stays() -> None:
    text = "1203.0.113.77, 203.0.113.770, 203.0.113.77.5, 203.0.113.77."
    assert mentions.cut(text, (), [HOME]) == "1203.0.113.77, 203.0.113.770, 203.0.113.77.5, …."
