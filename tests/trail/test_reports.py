"""One row for each request of a period: by command and from the page of the trail, for who may export it."""

import csv
import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from recovery import accounts, audit, cases, resets, sweep
from recovery.evidence import reports
from recovery.models import AuditEvent, ResetRequest
from recovery.origin import Origin
from recovery.reasons import Action, CaseReason, Kind, Verdict
from recovery.retention import remove_requests
from tests.admin.pages import listed
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.asking import ask, browser, set_password, work
from tests.factories import StaffFactory, UserFactory
from tests.following import mailed_link, opened
from tests.privacy.life import erased

pytestmark = [pytest.mark.django_db, pytest.mark.attack(114)]
RIGHTS = ("recovery.view_auditevent", "recovery.export_audit")


@pytest.fixture
def story(ada: Any) -> dict[str, Any]:
    """Ada got in, nobody has this name, and staff sent Grace a link that became a case."""
    client, form = opened(mailed_link(ada))
    set_password(client, form)
    ask(browser(), "nobody@example.com")
    work()
    grace, actor = UserFactory.create(), StaffFactory.create()
    request = resets.send_by_staff(grace, actor=actor, reason="on the phone", origin=Origin())
    work()
    key = accounts.key_of(grace)
    cases.open_for(key, request=request, reason=CaseReason.BOUNCED_NO_BACKUP, began_at=timezone.now())
    return {"ada": accounts.key_of(ada), "grace": key, "actor": accounts.key_of(actor)}


def rows_in(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def judge(rows: list[Any], story: dict[str, Any]) -> None:
    ada, nobody, grace = rows
    assert (ada["requested_by"], ada["accounts"], ada["outcome"]) == ("person", story["ada"], "completed")
    assert all(ada[name] for name in ("sent_at", "opened_at", "completed_at"))
    assert 0 <= float(ada["seconds_to_completion"]) < 300
    assert not ada["escalated_at"]
    assert (nobody["outcome"], nobody["accounts"], nobody["sent_at"] or "") == ("no_account", "", "")
    assert (grace["requested_by"], grace["accounts"]) == (f"staff {story['actor']}", story["grace"])
    assert grace["escalated_at"]


def test_the_command_writes_it_to_a_file_or_out_and_notes_who_took_it(
    story: dict[str, Any], tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("recovery_audit", "report", "--since", "24h", "--to", str(tmp_path / "report.csv"))
    judge(rows_in((tmp_path / "report.csv").read_text("utf-8")), story)
    call_command("recovery_audit", "report", "--format", "jsonl")
    judge([json.loads(line) for line in capsys.readouterr().out.splitlines()], story)
    assert AuditEvent.objects.filter(action=Action.EXPORTED, detail__model="report").count() == 2
    ended, _second = AuditEvent.objects.filter(action=Action.EXPORT_ENDED).order_by("pk")
    sha256 = hashlib.sha256((tmp_path / "report.csv").read_bytes()).hexdigest()
    assert [ended.detail[name] for name in ("rows", "sha256", "sent_to_the_end")] == [3, sha256, True]
    with pytest.raises(CommandError):
        call_command("recovery_audit", "report", "--to", str(tmp_path / "nowhere" / "report.csv"))
    assert AuditEvent.objects.filter(action=Action.EXPORTED).count() == 2, "nothing left"
    call_command("recovery_audit", "report", "--since", "2026-01-01", "--until", "2026-01-02")
    assert rows_in(capsys.readouterr().out) == []


def test_requests_that_are_erased_or_purged_are_told_by_the_trail(
    story: dict[str, Any], ada: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("recovery_audit", "report")
    before = rows_in(capsys.readouterr().out)
    assert {row["told_by"] for row in before} == {"request"}
    erased(ada)
    remove_requests(ResetRequest.objects.values_list("pk", flat=True))
    assert not ResetRequest.objects.exists()
    call_command("recovery_audit", "report")
    lost = ("sent_at", "delivered_at", "seconds_to_delivery")
    for was, told in zip(before, rows_in(capsys.readouterr().out), strict=True):
        about = float(was["seconds_to_completion"] or 0)
        assert told | {"seconds_to_completion": ""} == {
            **was, **dict.fromkeys(lost, ""), "told_by": "trail", "seconds_to_completion": "",
        }  # fmt: skip
        assert float(told["seconds_to_completion"] or 0) == pytest.approx(about, abs=2)


def test_of_an_address_of_several_the_trail_tells_all_for_good_and_what_was_decided_for_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inactive = UserFactory.create(email="both@example.com", is_active=False)
    people = [*UserFactory.create_batch(2, email="both@example.com"), inactive]
    ask(browser(), "both@example.com")
    work()
    rows = AuditEvent.objects.filter(action=Action.DECIDED).values_list("user_key", "detail__outcome")
    sent, too, off = map(accounts.key_of, people)
    assert sorted(rows) == [(off, "inactive"), (sent, "sent"), (too, "sent")]
    told = []
    for _ in range(2):
        call_command("recovery_audit", "report")
        [row] = rows_in(capsys.readouterr().out)
        told.append([row[name] for name in ("kind", "audience", "accounts", "outcome")])
        remove_requests(ResetRequest.objects.values_list("pk", flat=True))
    assert told == [["forgot", "default", f"{off} {sent} {too}", "partly_sent"]] * 2


def test_whoever_is_no_person_on_the_page_is_not_called_one(ada: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("recovery_reset", ada.username, "--reason", "moved house")
    call_command("recovery_reset", ada.username, "--reason", "stolen laptop", "--force")
    sweep.sweep()
    resets.activate(UserFactory.create(password="!"), origin=Origin())
    capsys.readouterr()
    for _ in range(2):
        call_command("recovery_audit", "report")
        rows = rows_in(capsys.readouterr().out)
        assert [(row["kind"], row["requested_by"]) for row in rows] == [
            ("admin", "site"), ("forced", "site"), ("activation", "site")
        ]  # fmt: skip
        remove_requests(ResetRequest.objects.values_list("pk", flat=True))


def test_it_names_no_address_and_no_person(story: dict[str, Any], ada: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("recovery_audit", "report")
    said = capsys.readouterr().out
    assert [text for text in (ada.email, ada.username, "nobody@", "127.0.0.1") if text in said] == []


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_page_streams_it_to_who_may_export_the_trail(story: dict[str, Any], form: str) -> None:
    url = listed("auditevent", f"report/{form}/")
    client = staff(*RIGHTS)
    client.handler.enforce_csrf_checks = False
    assert f"report/{form}/" in client.get(listed("auditevent")).content.decode()
    assert client.get(url).status_code == 405
    answer = client.post(url)
    assert answer.streaming
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    judge(rows_in(text) if form == "csv" else [json.loads(line) for line in text.splitlines()], story)
    begun, ended = AuditEvent.objects.filter(action__in=[Action.EXPORTED, Action.EXPORT_ENDED]).order_by("pk")
    assert (begun.action, ended.action, ended.detail["rows"]) == (Action.EXPORTED, Action.EXPORT_ENDED, 3)
    assert begun.actor_key == ended.actor_key == accounts.key_of(client.user)  # type: ignore[attr-defined]
    assert ended.detail["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    others = staff("recovery.view_auditevent", username="eve")
    others.handler.enforce_csrf_checks = False
    assert others.post(url).status_code == 403
    blind = staff("recovery.export_audit", username="blind")
    blind.handler.enforce_csrf_checks = False
    assert blind.post(url).status_code == 403
    assert f"report/{form}/" not in others.get(listed("auditevent")).content.decode()


def test_the_page_leaves_out_whom_its_reader_does_not_reach(story: dict[str, Any], settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(*RIGHTS)
    client.handler.enforce_csrf_checks = False
    for told_by in ("request", "trail"):
        text = b"".join(client.post(listed("auditevent", "report/csv/")).streaming_content)  # type: ignore[attr-defined]
        assert [(row["accounts"], row["told_by"]) for row in rows_in(text.decode())] == [(story["grace"], told_by)]
        remove_requests(ResetRequest.objects.values_list("pk", flat=True))


def doors_of(user: Any) -> list[str]:
    return ["default"]


def test_of_the_gone_who_sees_one_door_alone_sees_what_was_asked_at_it(story: dict[str, Any], settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "STAFF_AUDIENCES": f"{__name__}.doors_of"}
    client = staff(*RIGHTS)
    client.handler.enforce_csrf_checks = False
    get_user_model().objects.filter(pk__in=[story["ada"], story["grace"]]).delete()
    remove_requests(ResetRequest.objects.values_list("pk", flat=True))
    text = b"".join(client.post(listed("auditevent", "report/csv/")).streaming_content)  # type: ignore[attr-defined]
    seen = {row["accounts"] for row in rows_in(text.decode())}
    assert {story["ada"], story["grace"]} <= seen
    audit.record(Action.REQUESTED, request_id=uuid4(), user_key="gone", kind=Kind.ADMIN)  # and never decided
    text = b"".join(client.post(listed("auditevent", "report/csv/")).streaming_content)  # type: ignore[attr-defined]
    assert {row["accounts"] for row in rows_in(text.decode())} == seen


def test_by_command_too_whoever_does_it_takes_what_they_reach_alone(
    story: dict[str, Any], settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    name = str(staff(*RIGHTS).user.get_username())  # type: ignore[attr-defined]
    call_command("recovery_audit", "report", "--actor", name)
    assert [row["accounts"] for row in rows_in(capsys.readouterr().out)] == [story["grace"]]
    to = ["--to", str(tmp_path / "bundle"), "--actor", name]
    for person, code in (["--person", story["ada"]], 1), (["--person", "ada"], 1), ([], 2):
        with pytest.raises(CommandError) as refused:
            call_command("recovery_audit", "export", *to, *person)
        assert refused.value.returncode == code
    assert not (tmp_path / "bundle").exists()
    get_user_model().objects.filter(pk__in=[story["ada"], story["grace"]]).update(email="both@example.com")
    call_command("recovery_audit", "export", *to, "--person", "both@example.com")
    assert (tmp_path / "bundle" / "manifest.json").exists()


def test_what_was_asked_for_twice_is_one_row_of_the_trail_and_no_scanner_is_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "AT_ONCE", 1)
    ask(browser(), "nobody@example.com")
    request = ResetRequest.objects.get()
    audit.record(Action.REQUESTED, request=request, user_key="7")
    audit.record(Action.LINK_OPENED, request_id=request.pk, verdict=Verdict.PROBABLE_SCANNER)
    remove_requests([request.pk])
    call_command("recovery_audit", "report")
    [row] = rows_in(capsys.readouterr().out)
    assert (row["accounts"], row["opened_at"], row["told_by"]) == ("7", "", "trail")


def test_it_is_read_in_parts_whatever_its_length(monkeypatch: pytest.MonkeyPatch, ada: Any) -> None:
    monkeypatch.setattr(reports, "AT_ONCE", 2)
    for number in range(5):
        ask(browser(), f"nobody{number}@example.com")
    now = timezone.now() + timedelta(minutes=1)
    parts = list(reports.rows(since=now - timedelta(hours=1), until=now))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert ResetRequest.objects.count() == 5
    assert not mail.outbox


def test_what_a_purge_takes_while_it_is_read_is_neither_lost_nor_told_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "AT_ONCE", 2)
    for number in range(6):
        ask(browser(), f"nobody{number}@example.com")
    keys = list(ResetRequest.objects.order_by("pk").values_list("pk", flat=True))
    remove_requests(keys[:1])
    told = list[str]()
    for part in reports.rows(since=None, until=timezone.now() + timedelta(minutes=1)):
        told += [row["told_by"] for row in part]
        remove_requests(keys[:5])
    assert told == ["trail", "request", "trail", "trail", "trail", "request"]
