"""Bounces that come as mail, by the command: whose they are, what they move, and that a second time changes nothing."""

import io
import json
import mailbox
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from recovery.bounces import mails, return_paths
from recovery.models import Bounce, Email, EmailEvent, Suppression
from recovery.reasons import BounceClass, EmailState
from tests.bounces.imap_server import PASSWORD, Folder, imap_server
from tests.bounces.letters import OURS, PERSON, complaint, group, plain, report
from tests.reporting import queued

pytestmark = pytest.mark.django_db
DOMAIN = "bounces.library.example"
Deliver = Callable[..., list[dict[str, str]]]


@pytest.fixture
def domain(settings) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "RETURN_PATH_DOMAIN": DOMAIN}


@pytest.fixture
def deliver(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Deliver:
    """Put letters into a Maildir and let the command read it; gives back what it printed."""

    def put(*letters: bytes, dry_run: bool = False) -> list[dict[str, str]]:
        for name in ("new", "cur", "tmp"):
            (tmp_path / name).mkdir(exist_ok=True)
        for number, letter in enumerate(letters):
            (tmp_path / "new" / f"{number}.mx").write_bytes(letter)
        return run("--maildir", str(tmp_path), *(["--dry-run"] if dry_run else []))

    return put


def run(*arguments: str) -> list[dict[str, str]]:
    out = io.StringIO()
    call_command("recovery_ingest_bounces", *arguments, "--json", stdout=out, stderr=io.StringIO())
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def email() -> Email:
    [email] = queued(PERSON)
    Email.objects.update(state=EmailState.HANDED_OVER, handed_over_at=timezone.now())
    return email


def state_of(email: Email) -> str:
    email.refresh_from_db()
    return email.state


def test_a_bounce_to_the_return_path_moves_its_mail(domain: None, deliver: Deliver, email: Email) -> None:
    told = deliver(report(to=return_paths.address_of(email.pk)))
    assert told == [
        {"source": "new/0.mx", "recipient": PERSON, "class": "hard", "status": "5.1.1", "rule": "enhanced:5.1.1"}
    ]
    assert state_of(email) == EmailState.BOUNCED
    bounce = Bounce.objects.get()
    assert (bounce.email_id, bounce.bounce_class, bounce.rule) == (email.pk, BounceClass.HARD, "enhanced:5.1.1")
    assert bounce.recipient_key == email.recipient_key


def test_a_second_time_changes_nothing(domain: None, deliver: Deliver, email: Email, tmp_path: Path) -> None:
    letter = report(to=return_paths.address_of(email.pk))
    deliver(letter, letter)
    deliver(letter)
    assert len(list((tmp_path / "cur").iterdir())) == 3, "the third has the name of the first, and both are kept"
    assert list((tmp_path / "new").iterdir()) == []
    assert Bounce.objects.count() == 1
    assert EmailEvent.objects.exclude(esp="").count() == 1


def test_a_dry_run_writes_nothing_and_leaves_the_mail_where_it_is(
    domain: None, deliver: Deliver, email: Email, tmp_path: Path
) -> None:
    assert len(deliver(report(to=return_paths.address_of(email.pk)), dry_run=True)) == 1
    assert not Bounce.objects.exists()
    assert state_of(email) == EmailState.HANDED_OVER
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["0.mx"]


def test_the_token_decides_whose_bounce_it_is(domain: None, deliver: Deliver, email: Email) -> None:
    [other] = queued("bob@example.org")
    letter = report(
        group("bob@example.org"), to=return_paths.address_of(email.pk), message_id=f"<{other.pk}@library.example>"
    )
    assert [one["recipient"] for one in deliver(letter)] == [PERSON]
    assert Bounce.objects.get().recipient_key == email.recipient_key
    assert state_of(other) == EmailState.QUEUED


def test_of_several_recipients_at_one_return_path_the_worst_counts_once(
    domain: None, deliver: Deliver, email: Email
) -> None:
    groups = [group("one@elsewhere.example", action="delayed", status="4.4.1"), group("two@elsewhere.example")]
    told = deliver(report(*groups, to=return_paths.address_of(email.pk)))
    assert [(one["recipient"], one["class"]) for one in told] == [(PERSON, "hard")]


def test_a_bounce_that_names_nobody_is_of_its_return_path(domain: None, deliver: Deliver, email: Email) -> None:
    letter = plain("It could not be delivered: the mailbox is full.")
    [told] = deliver(letter.replace(OURS.encode(), return_paths.address_of(email.pk).encode()))
    assert (told["recipient"], told["class"]) == (PERSON, "soft")


def forged(email: Email) -> str:
    path, first = return_paths.address_of(email.pk), len(return_paths.PREFIX)
    return f"{path[:first]}{'z' if path[first] != 'z' else 'y'}{path[first + 1 :]}"


def expired(email: Email) -> str:
    with time_machine.travel(timezone.now() - return_paths.LIFE - timedelta(hours=2)):
        return return_paths.address_of(email.pk)


def of_no_mail(email: Email) -> str:
    return return_paths.address_of(uuid4())


def missing(email: Email) -> str:
    return OURS


@pytest.mark.parametrize("path", [forged, expired, of_no_mail, missing])
def test_without_a_good_token_nothing_moves(
    domain: None, deliver: Deliver, email: Email, path: Callable[[Email], str]
) -> None:
    """Though the letter names the person and the Message-ID of the mail."""
    deliver(report(to=path(email), message_id=f"<{email.pk}@library.example>"))
    assert state_of(email) == EmailState.HANDED_OVER
    assert not Suppression.objects.exists()
    assert not Bounce.objects.filter(email=email).exists()
    assert EmailEvent.objects.get(esp="mail").email_id is None, "kept, as unmatched"


class TestWithoutReturnPaths:
    def test_our_message_id_names_the_mail(self, deliver: Deliver, email: Email) -> None:
        deliver(report(message_id=f"<{email.pk}@library.example>"))
        assert state_of(email) == EmailState.BOUNCED

    def test_the_letter_must_speak_of_that_mails_recipient(self, deliver: Deliver, email: Email) -> None:
        deliver(report(group("bob@example.org"), message_id=f"<{email.pk}@library.example>"))
        assert state_of(email) == EmailState.HANDED_OVER

    def test_where_the_mail_had_been_passed_on_counts_too(self, deliver: Deliver, email: Email) -> None:
        letter = group(PERSON, Original_Recipient="rfc822; alias@library.example")
        deliver(report(letter, message_id=f"<{email.pk}@library.example>"))
        assert state_of(email) == EmailState.BOUNCED

    def test_a_bounce_about_nothing_of_ours_moves_nothing(self, deliver: Deliver, email: Email) -> None:
        deliver(report())
        assert state_of(email) == EmailState.HANDED_OVER
        assert not Suppression.objects.exists()


def test_a_complaint_by_mail_is_one(domain: None, deliver: Deliver, email: Email) -> None:
    [told] = deliver(complaint(to=return_paths.address_of(email.pk)))
    assert told["class"] == "complaint"
    assert Bounce.objects.get().bounce_class == BounceClass.COMPLAINT


@pytest.mark.parametrize("field", ["mail_from", "return_path"])
def test_a_complaint_at_a_box_of_its_own_quotes_the_return_path(
    field: str, domain: None, deliver: Deliver, email: Email
) -> None:
    deliver(complaint(to="abuse@library.example", **{field: return_paths.address_of(email.pk)}))
    assert Bounce.objects.get().email == email
    forged = return_paths.address_of(email.pk).replace("bounces+a", "bounces+b")
    deliver(complaint("abuse", to="abuse@library.example", named="x@example.org", **{field: f"b{forged}"}))
    assert Bounce.objects.filter(email=email).count() == 1


def test_what_is_no_bounce_prints_nothing_and_moves_nothing(domain: None, deliver: Deliver, email: Email) -> None:
    letter = plain("I am away.", sender=PERSON, subject="Out of office", Auto_Submitted="auto-replied")
    assert deliver(letter, report(group(action="relayed", status="2.0.0"), said="Relayed.")) == []
    assert not EmailEvent.objects.exclude(esp="").exists()


class TestBoxes:
    def test_an_mbox_is_left_as_it_is(self, tmp_path: Path) -> None:
        box = mailbox.mbox(tmp_path / "mbox")
        box.add(report())
        box.add(report(group("bob@example.org")))
        box.close()
        before = (tmp_path / "mbox").read_bytes()
        told = run("--mbox", str(tmp_path / "mbox"))
        assert [(one["source"], one["recipient"]) for one in told] == [("1", PERSON), ("2", "bob@example.org")]
        assert (tmp_path / "mbox").read_bytes() == before

    def test_a_plain_folder_of_mails_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "one.eml").write_bytes(report())
        assert [one["source"] for one in run("--maildir", str(tmp_path), "--dry-run")] == ["one.eml"]

    def test_one_mail_comes_on_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(report())))
        assert [one["source"] for one in run("-")] == ["-"]

    def test_a_mail_that_is_too_big_is_named_and_the_others_are_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_bytes(b"x")
        with (tmp_path / "a.eml").open("ab") as file:
            file.truncate(mails.LARGEST + 1)
        (tmp_path / "b.eml").write_bytes(report())
        out, err = io.StringIO(), io.StringIO()
        with pytest.raises(SystemExit) as ended:
            call_command("recovery_ingest_bounces", "--maildir", str(tmp_path), stdout=out, stderr=err)
        assert ended.value.code == 1
        assert "a.eml: more than 50 MB" in err.getvalue()
        assert out.getvalue() == "mails 1, recipients 1, matched 0, new 1\n"

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--maildir", "/nowhere"],
            ["--mbox", "/nowhere"],
            ["--imap", "https://example.org"],
            ["--imap", "imaps://ada@localhost:1/INBOX"],
        ],
    )
    def test_a_box_that_is_not_there_is_bad_usage(self, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RECOVERY_IMAP_PASSWORD", "secret")
        with pytest.raises(CommandError) as told:
            run(*arguments)
        assert told.value.returncode == 2
        assert "secret" not in str(told.value)

    def test_nothing_to_read_is_bad_usage(self) -> None:
        with pytest.raises(CommandError):
            run()


class TestImap:
    @pytest.fixture(autouse=True)
    def _password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RECOVERY_IMAP_PASSWORD", PASSWORD)

    def test_unseen_mails_are_read_and_marked_as_seen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = Folder(report(), report(group("bob@example.org")))
        with imap_server(folder, tmp_path) as certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            url = f"imaps://ada@localhost:{folder.port}/INBOX"
            assert len(run("--imap", url, "--dry-run")) == 2
            assert folder.seen == set()
            assert [(one["source"], one["recipient"]) for one in run("--imap", url)] == [
                ("1", PERSON),
                ("2", "bob@example.org"),
            ]
            assert folder.seen == {"1", "2"}
            assert run("--imap", url) == []

    def test_a_mail_that_is_too_big_is_not_fetched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = Folder(report(), report())
        folder.claims["1"] = mails.LARGEST + 1
        with imap_server(folder, tmp_path) as certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            with pytest.raises(SystemExit):
                run("--imap", f"imaps://ada@localhost:{folder.port}/INBOX")
        assert folder.fetched == ["2"]

    @pytest.mark.parametrize("fault", ["certificate", "password", "folder"])
    def test_a_server_that_is_not_trusted_or_refuses_is_bad_usage(
        self, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = Folder(report())
        with imap_server(folder, tmp_path) as certificate:
            if fault != "certificate":
                monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            if fault == "password":
                monkeypatch.setenv("RECOVERY_IMAP_PASSWORD", "wrong")
            with pytest.raises(CommandError) as told:
                run("--imap", f"imaps://ada@localhost:{folder.port}/{'other' if fault == 'folder' else 'INBOX'}")
        assert told.value.returncode == 2
        assert PASSWORD not in str(told.value)
        assert folder.fetched == []
