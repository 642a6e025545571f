"""Case 114: what an export holds while the trail goes on: sealers and purges do not wait for it."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from recovery import audit, evidence
from recovery.audit import offline, sealing
from recovery.evidence import bundles
from recovery.models import AuditEvent, AuditSeal
from recovery.reasons import Action
from tests.trail.bundled import anchored, verified
from tests.trail.written import AT, anchor, lines_of, sealed

pytestmark = [pytest.mark.django_db, pytest.mark.attack(114)]


def exported(folder: Path, at: int, act: Callable[[], Any], **asked: Any) -> tuple[evidence.Exported, bool]:
    """A bundle, while whose making another process acts, just before the statement of that number; and whether there
    was one."""
    count, is_acting = 0, False

    def wrapper(execute: Any, *args: Any) -> Any:
        nonlocal count, is_acting
        if not is_acting:
            count += 1
            if count == at:
                is_acting = True
                act()
                is_acting = False
        return execute(*args)

    with connection.execute_wrapper(wrapper):
        done = evidence.export(folder, **asked)
    return done, count >= at


def anew() -> None:
    AuditEvent.objects.all()._raw_delete("default")
    AuditSeal.objects.all()._raw_delete("default")


def test_an_export_seals_first_so_that_its_newest_rows_are_proven_too(tmp_path: Path) -> None:
    for number in range(5):
        audit.record(Action.LINK_REVOKED, user_key="7", n=number)
    done = evidence.export(tmp_path / "bundle")
    assert (done.rows, done.waiting, done.seals) == (5, 0, 1)
    (tmp_path / "site.log").write_text(anchor())
    assert anchored(tmp_path / "bundle")[0] == 0


@pytest.mark.parametrize("asked", [{}, {"user_key": "7"}])
def test_whenever_rows_get_their_seal_meanwhile_the_bundle_has_each_once(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "SEALING", 0)
    at, is_between = 0, True
    while is_between:
        at += 1
        anew()
        sealed(2, user_key="7")
        for number in range(3):
            audit.record(Action.LINK_REVOKED, user_key="7", n=number)
        wanted = {
            str(key) for key in AuditEvent.objects.filter(action=Action.LINK_REVOKED).values_list("pk", flat=True)
        }
        done, is_between = exported(tmp_path / str(at), at, lambda: audit.seal(far=True), **asked)
        told = [row["id"] for row in lines_of(done.folder / offline.ROWS) if row["action"] == Action.LINK_REVOKED]
        assert (len(told), set(told)) == (len(wanted), wanted), at
        assert verified(done.folder, "--sha256", done.sha256)[0] == 0, at
    assert at > 10


def test_a_purge_meanwhile_leaves_a_bundle_that_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    at, is_between = 0, True
    while is_between:
        at += 1
        anew()
        sealed(9)
        done, is_between = exported(tmp_path / str(at), at, purge)
        code, told = verified(done.folder, "--sha256", done.sha256)
        assert code == 0, (at, told["problems"])
    assert at > 10


def purge() -> None:
    audit.purge(before=timezone.now() + timedelta(days=1))


def test_of_a_period_the_seals_between_are_whole_too_though_no_row_of_theirs_is_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minutes in (0, 60, 20):
        sealed(10, at=AT + timedelta(minutes=minutes), step=timedelta(minutes=1))
    assert AuditSeal.objects.count() == 3
    done = evidence.export(tmp_path / "bundle", since=AT, until=AT + timedelta(minutes=31))
    assert (done.rows, done.seals) == (30, 3)
    (tmp_path / "site.log").write_text(anchor())
    assert verified(done.folder, "--sha256", done.sha256)[0] == 0
