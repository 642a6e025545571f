"""Case 109: where somebody acted from is destroyed with them, wherever it stands."""

import pytest

from recovery import accounts, audit
from recovery.models import AuditEvent, AuditOrigin, ResetRequest, ResetToken
from tests.asking import set_password
from tests.factories import UserFactory
from tests.following import mailed_link, opened
from tests.privacy.life import erased
from tests.trail.written import AT, STEP, sealed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(109)
def test_where_a_person_opened_a_link_and_chose_the_password_is_destroyed_with_the_rest() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    for each in (user, other):
        client, form = opened(mailed_link(each), REMOTE_ADDR="192.0.2.77")
        set_password(client, form, "short")
        set_password(client, form)
    assert audit.destroy_person(accounts.key_of(user)) == 1
    assert set(ResetToken.objects.filter(opened_ip=None).values_list("user_key", flat=True)) == {accounts.key_of(user)}
    assert set(ResetRequest.objects.exclude(completed_ip=None).values_list("tokens__user_key", flat=True)) == {
        accounts.key_of(other)
    }
    assert set(AuditOrigin.objects.values_list("person_key", flat=True)) == {accounts.key_of(other)}


def unproven() -> list[str]:
    told = audit.verify()
    assert told.is_sound
    return [said for said in told.unproven if "acted from" in said]


@pytest.mark.attack(104)
def test_what_somebody_with_the_database_removed_beside_the_trail_is_told_and_what_a_purge_took_accounted_for() -> None:
    sealed(9, persons=("7", "8", "9", "8"))
    assert unproven() == []
    AuditOrigin.objects.filter(pk__in=AuditEvent.objects.filter(user_key__in=["1", "2"])).delete()
    [said] = unproven()
    assert "Of 2 rows, at positions 2 to 3" in said
    assert "account for 0 such records" in said
    audit.destroy_origins(before=AT + 1.5 * STEP)
    [said] = unproven()
    assert "Of 3 rows, at positions 1 to 3" in said
    assert "account for 1 such records" in said


def test_an_erasure_accounts_for_the_places_that_it_took() -> None:
    user = UserFactory.create()
    sealed(4, persons=(accounts.key_of(user), "8"))
    erased(user)
    assert AuditOrigin.objects.count() == 1
    [said] = unproven()
    assert "Of 1 rows, at positions 1 to 1" in said
    assert "account for 1 such records" in said
