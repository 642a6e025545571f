"""The trail is only added to, and no state changes without its row."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError
from django.db.models.functions import Now

from recovery import audit, intake, resets, retention, tokens
from recovery.models import AuditEvent, ResetRequest
from recovery.models.audit import AppendOnly
from recovery.origin import Origin
from recovery.reasons import Action, Verdict
from tests.asking import ask, asked, browser, set_password
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, let_pass, mailed_link, opened, selector_of, verifier_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event() -> AuditEvent:
    return audit.record(Action.LINK_REVOKED, reason="as it was")


def rewrite(event: AuditEvent) -> AuditEvent:
    event.reason = "as it never was"
    return event


WAYS_TO_REWRITE: dict[str, Callable[[AuditEvent], Any]] = {
    "save": lambda event: rewrite(event).save(),
    "save of a read row": lambda event: rewrite(AuditEvent.objects.get()).save(),
    "save of some fields": lambda event: rewrite(event).save(update_fields=["reason"]),
    "save of a twin": lambda event: AuditEvent(pk=event.pk, reason="as it never was").save(force_update=True),
    "save of a twin's field": lambda event: AuditEvent(pk=event.pk, reason="no").save(update_fields=["reason"]),
    "update": lambda event: AuditEvent.objects.update(reason="as it never was"),
    "update of some": lambda event: AuditEvent.objects.filter(pk=event.pk).update(reason="as it never was"),
    "bulk_update": lambda event: AuditEvent.objects.bulk_update([rewrite(event)], ["reason"]),
    "bulk_create over it": lambda event: AuditEvent.objects.bulk_create(
        [rewrite(event)], update_conflicts=True, unique_fields=["id"], update_fields=["reason"]
    ),
    "update_or_create": lambda event: AuditEvent.objects.update_or_create(pk=event.pk, defaults={"reason": "no"}),
    "delete": lambda event: event.delete(),
    "delete of all": lambda event: AuditEvent.objects.all().delete(),
}


@pytest.mark.parametrize("way", WAYS_TO_REWRITE)
def test_a_row_of_the_trail_cannot_be_rewritten_or_removed(way: str, event: AuditEvent) -> None:
    with pytest.raises(AppendOnly):
        WAYS_TO_REWRITE[way](event)
    assert AuditEvent.objects.get().reason == "as it was"


def test_an_instance_of_the_same_key_is_no_second_row(event: AuditEvent) -> None:
    with pytest.raises(IntegrityError):
        AuditEvent(pk=event.pk, action=Action.PURGED).save()
    assert AuditEvent.objects.get().reason == "as it was"


def everything() -> list[Any]:
    """All rows of the app and of the accounts, without what a claim counts and which limits were taken."""
    claim = {"attempt_count", "next_try_at", "last_login"}
    models = [*apps.get_app_config("recovery").get_models(), User]
    return [
        [{name: value for name, value in row.items() if name not in claim} for row in model._default_manager.values()]
        for model in models
        if model._meta.model_name != "limitcounter"
    ]


def asking(user: Any, link: str) -> Any:
    return lambda: intake.ask(user.email, origin=Origin(ip="192.0.2.1"))


def deciding(user: Any, link: str) -> Any:
    let_pass(timedelta(minutes=2))
    ask(browser(), user.email)
    return lambda: resets.fulfil(asked().pk)


def ending_late(user: Any, link: str) -> Any:
    ask(browser(), user.email)
    let_pass(timedelta(minutes=31))
    return resets.expire_late


def opening(user: Any, link: str) -> Any:
    return lambda: resets.open_link(selector_of(link), verifier_of(link), verdict=Verdict.PERSON, origin=Origin())


def completing(user: Any, link: str) -> Any:
    client, form = opened(link)
    return lambda: set_password(client, form)


def sending_by_staff(user: Any, link: str) -> Any:
    actor = StaffFactory.create()
    return lambda: resets.send_by_staff(user, actor=actor, reason="on the phone", origin=Origin())


def correcting(user: Any, link: str) -> Any:
    actor = StaffFactory.create()
    return lambda: resets.address_changed(user, old="old@example.com", new=user.email, actor=actor, reason="typo")


def purging(user: Any, link: str) -> Any:
    audit.seal(far=True)
    audit.record(Action.LINK_REVOKED)
    audit.seal(far=True)  # the newest seal stays, whatever its age
    let_pass(timedelta(days=2))
    tokens.purge()
    return retention.purge


@pytest.mark.parametrize(
    "verb", [asking, deciding, ending_late, opening, completing, sending_by_staff, correcting, purging]
)
def test_nothing_changes_when_its_row_of_the_trail_cannot_be_written(verb: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"audit": timedelta(days=1)}}
    user = UserFactory.create()
    act = verb(user, mailed_link(user))
    before = everything()
    with failing('INSERT INTO "recovery_auditevent"') as refused, pytest.raises(OperationalError):
        act()
    assert refused
    assert everything() == before
    rows = set(AuditEvent.objects.values_list("pk", flat=True))
    ResetRequest.objects.update(next_try_at=Now())
    act()
    assert set(AuditEvent.objects.values_list("pk", flat=True)) - rows


def test_a_row_names_request_and_email_by_id_cuts_a_long_reason_and_masks_addresses_in_it() -> None:
    ask(browser(), "amelie@example.com")
    assert "amelie" not in audit.record(Action.LINK_REVOKED, reason="called from amelie@example.com").reason
    row = audit.record(Action.LINK_REVOKED, actor_key="7", user_key="9", request=asked(), reason="x" * 900, ended=2)
    row.refresh_from_db()
    assert (row.request_id, row.reference, row.actor_key, row.user_key) == (asked().pk, asked().reference, "7", "9")
    assert len(row.reason) == 500
    assert row.detail == {"ended": 2}


def test_the_trail_of_a_whole_reset_holds_no_personal_data() -> None:
    user = UserFactory.create(username="gwendolyn", email="gwendolyn@example.com", first_name="Gwendolyn")
    link = mailed_link(user, REMOTE_ADDR="192.0.2.77")
    client, form = opened(link, REMOTE_ADDR="192.0.2.77")
    set_password(client, form, "gwendolyn")
    set_password(client, form)
    everything_said = repr(list(AuditEvent.objects.values())).lower()
    assert "gwendolyn" not in everything_said
    assert "192.0.2.77" not in everything_said
    assert AuditEvent.objects.count() >= 5
