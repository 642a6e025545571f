"""The head of the chain leaves the house once an hour, to everybody whom the settings name, until they took it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.utils import timezone

from recovery import anchors, audit, metrics, sweep
from recovery.audit import offline
from recovery.models import AuditAnchor
from recovery.reasons import Action, Alarm
from tests.trail.written import sealed

pytestmark = pytest.mark.django_db

taken: list[str] = []


def of_our_own(anchor: AuditAnchor, *, fails: bool = False) -> None:
    """A site's own way."""
    if fails:
        raise OSError("nobody listens")
    taken.append(str(anchor))


@pytest.fixture(autouse=True)
def nothing_taken() -> None:
    taken.clear()


def told(*entries: dict[str, Any], settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "AUDIT_ANCHORS": list(entries)}


def test_each_hour_the_newest_head_is_told_to_the_log_a_file_and_by_mail(
    settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "anchors"
    told(
        {"ANCHOR": "recovery.anchors.log"},
        {"ANCHOR": "recovery.anchors.file", "PATH": str(path)},
        {"ANCHOR": "recovery.anchors.mail", "TO": ["auditor@example.org"]},
        settings=settings,
    )
    assert anchors.tell_due() == 0, "there is nothing to tell of"
    sealed(3)
    with caplog.at_level("INFO", logger="recovery.anchors"):
        assert anchors.tell_due() == 1
        sealed(1, at=timezone.now())
        assert anchors.tell_due() == 0, "one an hour"
    sweep.sweep()
    [line] = path.read_text().splitlines()
    assert offline.ANCHOR.fullmatch(line)
    assert line in caplog.text
    assert line in str(mail.outbox[0].body).splitlines(), "by itself, so that the mail is an anchor as it stands"
    AuditAnchor.objects.update(hour=timezone.now() - timedelta(hours=2))
    assert anchors.tell_due() == 1
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert audit.verify(anchors=path.read_text()).anchors == 2


def test_nothing_is_told_twice_while_nothing_happens(settings: Any) -> None:
    told({"ANCHOR": f"{__name__}.of_our_own"}, settings=settings)
    with time_machine.travel(timezone.now().replace(minute=10), tick=False):
        sealed(3)
        assert anchors.tell_due() == 1
        sealed(1, at=timezone.now())
        assert anchors.tell_due() == 0, "the hour has its anchor"
        AuditAnchor.objects.update(hour=timezone.now() - timedelta(hours=2), number=audit.newest().number)
        assert anchors.tell_due() == 0, "and so has the head"
    assert len(taken) == 1


@pytest.mark.django_db(transaction=True)
def test_who_could_not_be_told_is_asked_again_alone_and_an_alarm_sounds(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    own = f"{__name__}.of_our_own"
    told({"ANCHOR": own}, {"ANCHOR": own, "FAILS": True}, settings=settings)
    sealed(3)
    assert anchors.tell_due() == 0
    assert anchors.tell_due() == 0
    assert "anchor_not_told" in caplog.text
    assert len(taken) == 1
    told({"ANCHOR": own}, {"ANCHOR": own}, settings=settings)
    assert anchors.tell_due() == 1
    assert len(taken) == 2


@contextmanager
def deaf(why: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A process whose logging throws INFO of anchors away, as Django's own does, which has no level for it."""
    if why == "by its level":
        with caplog.at_level("WARNING", logger="recovery.anchors"):
            yield
        return
    handler = logging.NullHandler() if why == "by a handler that is none" else logging.StreamHandler()
    handler.setLevel(logging.NOTSET if why == "by a handler that is none" else logging.WARNING)
    logger = logging.getLogger("recovery.anchors")
    with monkeypatch.context() as patch:
        patch.setattr(logger, "propagate", False)
        patch.setattr(logger, "handlers", [handler])
        yield


@pytest.mark.parametrize("why", ["by its level", "by a handler that is none", "by the level of its handler"])
def test_a_log_that_throws_an_anchor_away_has_not_taken_it_and_a_deployment_is_warned(
    why: str, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sealed(3)
    with deaf(why, monkeypatch, caplog):
        assert anchors.tell_due() == 0
        assert AuditAnchor.objects.get().told_at is None
        assert W031 in ids()
        told({"ANCHOR": f"{__name__}.of_our_own"}, settings=settings)
        assert W031 not in ids(), "no log is told"
    told({"ANCHOR": "recovery.anchors.log"}, settings=settings)
    assert W031 not in ids()
    assert anchors.tell_due() == 1, "another process is heard"


W031 = "recovery.W031"


def ids() -> set[str]:
    return {str(each.id) for each in run_checks(include_deployment_checks=True, databases=["default"])}


def test_an_anchor_that_not_everybody_took_is_an_alarm_of_whoever_did_not_and_ends_with_it(
    settings: Any, tmp_path: Path
) -> None:
    place = tmp_path / "gone"
    told(
        {"ANCHOR": f"{__name__}.of_our_own"},
        {"ANCHOR": "recovery.anchors.file", "PATH": str(place / "anchors")},
        settings=settings,
    )
    sealed(3)
    anchors.tell_due()
    now = timezone.now()
    for hours, alarmed in ((2, []), (4, ["recovery.anchors.file"]), (24 * 60, ["recovery.anchors.file"])):
        AuditAnchor.objects.update(hour=now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours))
        assert not_told() == alarmed, hours
    place.mkdir()
    assert anchors.tell_due() == 1
    assert not_told() == []


def not_told() -> list[str]:
    return [trouble.subject for trouble in metrics.alarms() if trouble.alarm == Alarm.ANCHOR_NOT_TOLD]


def test_verify_takes_anchors_from_any_text_and_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed(3)
    anchors.tell_due()
    log = tmp_path / "site.log"
    strange = f"Not Found: /\rrecovery-anchor:1:3:{'0' * 64}"
    log.write_bytes(f"09:00 INFO {AuditAnchor.objects.get()}\r\n{strange}\n".encode())
    call_command("recovery_audit", "verify", "--anchor", str(log))
    said = capsys.readouterr().out
    assert "proven by 1 anchors up to position 3" in said
    assert "everything that is sealed fits" in said
    assert "newer than the newest anchor" not in said
    assert "Give --anchor" not in said
    sealed(1, at=timezone.now())
    call_command("recovery_audit", "verify", "--anchor", str(log))
    assert "rows after position 3 are newer than the newest anchor" in capsys.readouterr().out
    log.write_text(f"recovery-anchor:1:3:{'0' * 64}\n")
    with pytest.raises(SystemExit) as ended:
        call_command("recovery_audit", "verify", "--anchor", str(log), "--json")
    assert ended.value.code == 1
    assert '"damage": "forged"' in capsys.readouterr().out
    for wrong in ("nothing here", None):
        log.write_text(wrong) if wrong else log.unlink()
        with pytest.raises(CommandError) as refused:
            call_command("recovery_audit", "verify", "--anchor", str(log))
        assert refused.value.returncode == 2


def test_verify_counts_what_waits_and_seal_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    audit.record(Action.LINK_REVOKED)
    call_command("recovery_audit", "verify", "--json")
    told = capsys.readouterr().out
    assert '"waiting": 1' in told
    assert "1 newest rows wait for their seal" in told
    call_command("recovery_audit", "seal", "--dry-run")
    call_command("recovery_audit", "seal")
    said = capsys.readouterr().out
    assert "1 rows have no seal yet" in said
    assert "1 rows sealed" in said
