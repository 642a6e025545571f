"""Where everybody is: each account at one stage, read from rows by one statement, and together they are all."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from recovery import feedback, objections, outbox, resets, revoking, suppressions, sweep
from recovery.feedback import Report
from recovery.models import Email, Rotation, RotationMember
from recovery.models.rotations import NOT_MAILED
from recovery.reasons import (
    EmailKind,
    EmailVerb,
    EventKind,
    Outcome,
    RotationSnag,
    RotationStage,
)
from tests.asking import links, statements
from tests.factories import StaffFactory, UserFactory
from tests.following import failing, let_pass, opened, provider, set_password
from tests.rotations.people import force, funnel, readers, work

pytestmark = pytest.mark.django_db

STAGES, SNAGS = RotationStage, RotationSnag


def email() -> Email:
    return Email.objects.filter(kind=EmailKind.FORCED_RESET).latest("id")


def reported(kind: EventKind) -> None:
    feedback.ingest([Report(esp="postmark", kind=kind, recipient=email().recipient, email_id=email().pk)])


def link() -> str:
    return links(mail.outbox[-1])[0]


def told(settings: Any, user: Any) -> None:
    work()


def nothing(settings: Any, user: Any) -> None:
    """No worker came yet."""


def stopped(settings: Any, user: Any) -> None:
    resets.stop_rotation(Rotation.objects.get(), actor=StaffFactory.create(), reason="wrong list")


def undecided(settings: Any, user: Any) -> None:
    with failing('INSERT INTO "recovery_decision"', LookupError()):
        sweep.sweep()


def deferred(settings: Any, user: Any) -> None:
    with provider("tests.backends.Unreachable", settings):
        sweep.sweep()


def waits_for_a_fresh_link(settings: Any, user: Any) -> None:
    link_over(settings, user)
    resets.renew_links(Rotation.objects.get(), actor=StaffFactory.create(), reason="x")


def delivered(settings: Any, user: Any) -> None:
    work()
    reported(EventKind.DELIVERED)


def opened_by_person(settings: Any, user: Any) -> None:
    delivered(settings, user)
    opened(link())


def opened_by_scanner(settings: Any, user: Any) -> None:
    delivered(settings, user)
    Client().get(link())


def completed(settings: Any, user: Any) -> None:
    opened_by_person(settings, user)
    assert set_password(*opened(link())).status_code == 302
    reported(EventKind.BOUNCED)


def error(settings: Any, user: Any) -> None:
    for _ in range(7):
        with failing('UPDATE "auth_user"', LookupError()):
            sweep.sweep()
        let_pass(timedelta(seconds=61))


def too_late_to_decide(settings: Any, user: Any) -> None:
    undecided(settings, user)
    let_pass(timedelta(minutes=31))
    work()


def too_late_to_send(settings: Any, user: Any) -> None:
    deferred(settings, user)
    let_pass(timedelta(minutes=31))
    work()


def suppressed(settings: Any, user: Any) -> None:
    suppressions.add(user.email, reason="bounced", source="a test")
    work()


def cancelled(settings: Any, user: Any) -> None:
    deferred(settings, user)
    assert outbox.steer(email(), EmailVerb.STOP, actor=StaffFactory.create(), reason="x")


def refused(settings: Any, user: Any) -> None:
    with provider("tests.backends.Refusing", settings):
        work()


def bounced(settings: Any, user: Any) -> None:
    work()
    reported(EventKind.BOUNCED)


def link_over(settings: Any, user: Any) -> None:
    opened_by_person(settings, user)
    let_pass(timedelta(hours=25))


def not_revoked(settings: Any, user: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "REVOKERS": ["tests.rotations.api.fail"]}
    completed(settings, user)
    for _ in range(revoking.MOST_TRIES):
        let_pass(revoking.LONGEST_WAIT)
        sweep.sweep()


def inactive(settings: Any, user: Any) -> None:
    type(user)._default_manager.filter(pk=user.pk).update(is_active=False)
    work()


def gone(settings: Any, user: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    user.delete()
    work()


def without_address(settings: Any, user: Any) -> None:
    type(user)._default_manager.filter(pk=user.pk).update(email="")
    work()


def unverified(settings: Any, user: Any) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)
    work()


def without_password(settings: Any, user: Any) -> None:
    user.set_unusable_password()
    user.save()
    work()


def disputed(settings: Any, user: Any) -> None:
    objections.dispute(str(user.pk))
    work()


PLACES: list[tuple[Callable[[Any, Any], None], str, str]] = [
    (nothing, STAGES.WAITING, ""),
    (stopped, STAGES.STOPPED, ""),
    (undecided, STAGES.STARTED, ""),
    (deferred, STAGES.STARTED, ""),
    (waits_for_a_fresh_link, STAGES.STARTED, ""),
    (told, STAGES.TOLD, ""),
    (delivered, STAGES.DELIVERED, ""),
    (opened_by_scanner, STAGES.DELIVERED, ""),
    (opened_by_person, STAGES.OPENED, ""),
    (completed, STAGES.COMPLETED, ""),
    (error, STAGES.STUCK, SNAGS.ERROR),
    (too_late_to_decide, STAGES.STUCK, SNAGS.TOO_LATE),
    (too_late_to_send, STAGES.STUCK, SNAGS.TOO_LATE),
    (suppressed, STAGES.STUCK, SNAGS.WITHHELD),
    (cancelled, STAGES.STUCK, SNAGS.CANCELLED),
    (refused, STAGES.STUCK, SNAGS.REFUSED),
    (bounced, STAGES.STUCK, SNAGS.BOUNCED),
    (not_revoked, STAGES.STUCK, SNAGS.NOT_REVOKED),
    (link_over, STAGES.STUCK, SNAGS.LINK_OVER),
    (inactive, STAGES.NOT_MAILED, Outcome.INACTIVE),
    (gone, STAGES.NOT_MAILED, Outcome.NO_ACCOUNT),
    (without_password, STAGES.NOT_MAILED, Outcome.NO_PASSWORD),
    (without_address, STAGES.NOT_MAILED, Outcome.NO_ADDRESS),
    (unverified, STAGES.NOT_MAILED, Outcome.UNVERIFIED_ADDRESS),
    (disputed, STAGES.NOT_MAILED, Outcome.DISPUTED),
]


@pytest.mark.parametrize(("come", "stage", "why"), PLACES, ids=[come.__name__ for come, _, _ in PLACES])
def test_an_account_is_where_what_happened_to_it_says(come: Any, stage: str, why: str, settings: Any) -> None:
    user = UserFactory.create()
    rotation = force([user])
    come(settings, user)
    assert funnel(rotation) == {f"{stage}.{why}" if why else str(stage): 1}
    members = RotationMember.objects.filter(rotation=rotation).placed()
    assert members.at(stage).count() == members.at(stage, why).count() == 1


def test_every_stage_every_snag_and_every_reason_for_no_mail_has_an_example() -> None:
    assert {stage for _, stage, _ in PLACES} == set(RotationStage)
    assert {why for _, stage, why in PLACES if stage == STAGES.STUCK} == set(RotationSnag)
    assert {why for _, stage, why in PLACES if stage == STAGES.NOT_MAILED} == set(NOT_MAILED)


def test_the_funnel_is_one_statement() -> None:
    rotation = force(readers(3))
    work()
    with statements() as found:
        assert RotationMember.objects.filter(rotation=rotation).counts() == {(STAGES.TOLD, ""): 3}
    assert len(found.texts) == 1


@pytest.mark.sqlite
def test_no_table_is_read_through_for_it() -> None:
    """Ten thousand people, and as many rows of each table for each of them, would be minutes."""
    plan = RotationMember.objects.filter(rotation=force(readers(1))).placed().explain()
    assert "SEARCH" in plan
    assert "SCAN" not in plan.replace("SCALAR", "")
