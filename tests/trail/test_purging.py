"""Cases 109 and 110: the trail goes by whole sealed batches, on record, and what is left still verifies."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery import audit, retention
from recovery.audit import sealing
from recovery.models import AuditEvent, AuditOrigin, AuditSeal
from recovery.reasons import Action, Damage
from tests.following import overtaken, trail
from tests.trail.written import anchor, rows, run, sealed

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten batches of ten rows; the first six were sealed long ago."""
    monkeypatch.setattr(sealing, "BATCH", 10)
    long_ago = timezone.now() - timedelta(days=900)
    with monkeypatch.context() as patch:
        patch.setattr(sealing, "_now", lambda: long_ago)
        sealed(60, persons=("7", "8"))
    sealed(40, at=timezone.now() - timedelta(minutes=50), step=timedelta(seconds=10), persons=("9",))


@pytest.mark.attack(110)
def test_a_purge_takes_whole_batches_and_what_is_left_verifies(old: None, settings: Any) -> None:
    known = anchor()
    audit.protect()
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"audit": timedelta(days=800)}}
    assert retention.outlook().trail == 60
    assert retention.purge().trail == 60
    assert AuditEvent.objects.filter(action=Action.LINK_REVOKED).count() == 40
    assert [each.person_key for each in AuditOrigin.objects.all()] == ["9"]
    assert [(each["seals"], each["rows"]) for each in trail(Action.TRAIL_PURGED)] == [([1, 5], 50), ([6, 6], 10)]
    assert audit.seal(far=True) == 3, "the purge itself, and that it is protected"
    told = audit.verify(anchors=known)
    assert told.is_sound, told.found
    assert (told.first, told.anchored) == (61, 100)
    [said] = [each for each in told.unproven if "positions 1 to 60 are gone" in each]
    assert "0 of the anchors" in said
    assert "allows no such purge" not in said
    assert retention.purge().trail == 0


def test_the_trail_is_kept_for_good_unless_a_site_says_otherwise(old: None) -> None:
    assert retention.outlook().trail == retention.purge().trail == 0
    assert AuditEvent.objects.count() == 100


def test_a_purge_that_the_settings_do_not_allow_and_the_anchors_of_what_it_took_are_told(
    old: None, settings: Any
) -> None:
    known = anchor()
    rows(1, at=timezone.now())
    assert audit.seal(far=True) == 1
    assert audit.purge(before=timezone.now() + timedelta(days=1)) == 100
    for kept in (None, timedelta(days=800)):
        settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"audit": kept}}
        told = audit.verify(anchors=known)
        [said] = [each for each in told.unproven if "positions 1 to 100 are gone" in each]
        assert "1 of the anchors that were given are of seals among them" in said
        assert "RETENTION as it is today allows no such purge" in said


def test_rows_without_a_seal_and_the_newest_seal_stay(old: None) -> None:
    rows(1, at=timezone.now())
    assert audit.purge(before=timezone.now() + timedelta(days=1)) == 90
    assert AuditSeal.objects.count() == 1
    assert AuditEvent.objects.filter(action=Action.LINK_REVOKED).count() == 11


def test_a_beginning_that_went_without_the_gate_is_no_purge_whatever_the_trail_says(old: None) -> None:
    audit.purge(before=timezone.now() - timedelta(days=800))
    assert audit.destroy_person("9") == 1
    assert audit.verify().is_sound
    last = AuditSeal.objects.get(number=7)
    run('DELETE FROM "recovery_auditseal" WHERE number = 7')
    for key in last.row_keys():
        AuditEvent.objects.purge([key])
    facts = {"seals": [7, 7], "rows": 10, "position": 70, "head": last.head}
    for proof in ("f" * 64, "ü", None):
        audit.record(Action.TRAIL_PURGED, **facts, proof=proof)
        assert [(each.position, each.damage) for each in audit.verify().found] == [(71, Damage.DELETED)]
    run('UPDATE "recovery_auditevent" SET detail = %s WHERE action = %s', "[7]", Action.TRAIL_PURGED.value)
    assert [(each.position, each.damage) for each in audit.verify().found] == [(71, Damage.DELETED)]


def test_a_purge_outlives_a_change_of_the_secret_with_its_fallback_alone(old: None, settings: Any) -> None:
    audit.purge(before=timezone.now() - timedelta(days=800))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]
    assert audit.verify().is_sound
    settings.SECRET_KEY_FALLBACKS = []
    assert "that a key of this site proves" in audit.verify(anchors=anchor()).found[0].said


def test_a_verification_that_a_purge_overtakes_is_done_anew(old: None) -> None:
    long_ago = timezone.now() - timedelta(days=800)
    with overtaken('FROM "recovery_auditevent"', lambda: audit.purge(before=long_ago)) as gone:  # the seals were read
        told = audit.verify()
    assert (told.is_sound, told.first, gone) == (True, 61, [60])


@pytest.mark.attack(109)
def test_a_person_is_destroyed_and_every_seal_still_verifies(old: None) -> None:
    AuditOrigin.objects.filter(person_key="9").update(person_key="")
    before = [each.head for each in AuditSeal.objects.all()]
    assert audit.destroy_person("7") == 1
    assert audit.destroy_person("") == 0, "which is nobody"
    assert set(AuditOrigin.objects.values_list("person_key", flat=True)) == {"8", ""}
    assert audit.verify().is_sound
    assert [each.head for each in AuditSeal.objects.all()] == before


@pytest.mark.attack(110)
def test_where_people_acted_from_goes_with_the_requests_of_its_time(old: None, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"requests": timedelta(days=30)}}
    assert retention.outlook().origins == retention.purge().origins == 2
    assert {"what": "auditorigin", "rows": 2} in trail(Action.PURGED), "the trail says that it was, and that once"
    assert AuditOrigin.objects.get().person_key == "9"
    assert AuditEvent.objects.filter(action=Action.LINK_REVOKED).count() == 100
    assert audit.verify().is_sound
