"""Boxes of bounce mails, by the command: what was dealt with is not read again, and one bad mail stops no other."""

import io
import json
import mailbox
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recovery.bounces import mails
from recovery.models import Bounce
from tests.bounces.imap_server import PASSWORD, Folder, imap_server
from tests.bounces.letters import group, report

pytestmark = pytest.mark.django_db
BOB = "bob@example.org"


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.fixture
def _imap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOVERY_IMAP_PASSWORD", PASSWORD)


def run(*arguments: str) -> tuple[int, list[str], str]:
    """The exit code, the mails that told something, and what was said of those that were left."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command("recovery_ingest_bounces", *arguments, "--json", stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(str(ended.code))
    return code, [json.loads(line)["source"] for line in out.getvalue().splitlines()], err.getvalue()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def too_big(path: Path) -> None:
    path.touch()
    os.truncate(path, mails.LARGEST + 1)


class TestMaildir:
    def test_what_was_read_is_not_read_again(self, maildir: Path) -> None:
        (maildir / "new" / "1.mx").write_bytes(report())
        (maildir / "cur" / "2.mx:2,").write_bytes(report(group(BOB)))
        (maildir / "cur" / "3.mx:2,FR").write_bytes(report())
        (maildir / "cur" / "4.mx:2,FS").write_bytes(report())
        (maildir / "cur" / "5.mx").write_bytes(report())
        assert run("--maildir", str(maildir))[:2] == (0, ["new/1.mx", "cur/2.mx:2,", "cur/3.mx:2,FR", "cur/5.mx"])
        assert names(maildir / "new") == []
        assert names(maildir / "cur") == ["1.mx:2,S", "2.mx:2,S", "3.mx:2,FRS", "4.mx:2,FS", "5.mx:2,S"]
        assert run("--maildir", str(maildir)) == (0, [], "")

    @pytest.mark.parametrize("name", ["new/1.mx", "cur/1.mx:2,"])
    def test_what_is_too_big_is_told_once_and_kept(self, maildir: Path, name: str) -> None:
        too_big(maildir / name)
        (maildir / "new" / "2.mx").write_bytes(report())
        arguments = "--maildir", str(maildir)
        assert run(*arguments, "--dry-run")[0] == 1
        code, told, left = run(*arguments)
        assert (code, told) == (1, ["new/2.mx"])
        assert left.startswith(f"{name}: more than 50 MB")
        assert names(maildir / "cur") == ["1.mx:2,S", "2.mx:2,S"]
        assert (maildir / "cur" / "1.mx:2,S").stat().st_size == mails.LARGEST + 1
        assert run(*arguments) == (0, [], "")

    def test_what_is_stored_and_could_not_be_marked_is_read_again_and_changes_nothing(self, maildir: Path) -> None:
        """As after a crash between the two."""
        (maildir / "new" / "1.mx").write_bytes(report())
        (maildir / "new" / "2.mx").write_bytes(report(group(BOB)))
        (maildir / "cur").rmdir()
        (maildir / "cur").touch()
        code, told, left = run("--maildir", str(maildir))
        assert (code, told) == (1, ["new/1.mx", "new/2.mx"])
        assert left.count("not marked as read") == 2
        assert str(maildir) not in left
        assert Bounce.objects.count() == 2
        (maildir / "cur").unlink()
        assert run("--maildir", str(maildir)) == (0, ["new/1.mx", "new/2.mx"], "")
        assert Bounce.objects.count() == 2
        assert names(maildir / "cur") == ["1.mx:2,S", "2.mx:2,S"], "made where there is none"

    def test_no_mail_is_written_over(self, maildir: Path) -> None:
        (maildir / "new" / "1.mx").write_bytes(report())
        (maildir / "cur" / "1.mx:2,S").write_bytes(b"another")
        run("--maildir", str(maildir))
        assert (maildir / "cur" / "1.mx:2,S").read_bytes() == b"another"
        assert (maildir / "cur" / "1-1.mx:2,S").read_bytes() == report()

    def test_a_plain_folder_is_left_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "1.eml").write_bytes(report())
        for _time in range(2):
            assert run("--maildir", str(tmp_path)) == (0, ["1.eml"], "")
        assert names(tmp_path) == ["1.eml"]
        assert Bounce.objects.count() == 1


class TestBadMails:
    def test_a_mail_that_cannot_be_opened(self, maildir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (maildir / "new" / "1.mx").write_bytes(report())
        (maildir / "new" / "2.mx").write_bytes(report(group(BOB)))
        opened = io.open

        def refusing(path: Any, *arguments: Any, **options: Any) -> Any:  # root, whom tests may run as, reads all
            if str(path).endswith("new/1.mx"):
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments, **options)

        monkeypatch.setattr("io.open", refusing)
        code, told, left = run("--maildir", str(maildir))
        assert (code, told, left) == (1, ["new/2.mx"], "new/1.mx: not read: Permission denied\n")
        assert names(maildir / "new") == ["1.mx"], "for when it can be"

    def test_a_link_out_of_the_folder_is_not_followed(self, maildir: Path) -> None:
        (maildir / "elsewhere").write_bytes(report())
        (maildir / "new" / "1.mx").symlink_to(maildir / "elsewhere")
        (maildir / "new" / "2.mx").write_bytes(report(group(BOB)))
        (maildir / "new" / "3.mx").symlink_to(maildir / "nowhere")
        code, told, left = run("--maildir", str(maildir))
        assert (code, told, left) == (1, ["new/2.mx"], "new/1.mx: not read: it is a link to another folder\n")

    def test_a_name_that_is_no_text_is_told_on_one_line(self, maildir: Path) -> None:
        (maildir / "new" / os.fsdecode(b"1\xff\n.mx")).write_bytes(report())
        too_big(maildir / "new" / os.fsdecode(b"3\xff\n.mx"))
        code, told, left = run("--maildir", str(maildir))
        assert (code, told) == (1, [r"new/1\xff\n.mx"])
        assert left == "new/3\\xff\\n.mx: more than 50 MB, not read\n"
        assert os.fsdecode(b"1\xff\n.mx:2,S") in names(maildir / "cur")

    def test_an_empty_mail_tells_nothing_and_is_done_with(self, maildir: Path) -> None:
        (maildir / "new" / "1.mx").touch()
        assert run("--maildir", str(maildir)) == (0, [], "")
        assert names(maildir / "cur") == ["1.mx:2,S"]

    def test_folders_within_are_no_mails(self, maildir: Path) -> None:
        (maildir / "new" / "1").mkdir()
        os.mkfifo(maildir / "new" / "2")
        assert run("--maildir", str(maildir)) == (0, [], "")


def test_an_mbox_is_read_whole_each_time_and_changes_nothing(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "mbox")
    box.add(report())
    box.add(report(group(BOB)))
    box.close()
    for _time in range(2):
        assert run("--mbox", str(tmp_path / "mbox")) == (0, ["1", "2"], "")
    assert Bounce.objects.count() == 2


@pytest.mark.usefixtures("_imap")
class TestImap:
    def test_what_is_too_big_is_told_once(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = Folder(report(), report(group(BOB)))
        folder.claims["1"] = mails.LARGEST + 1
        with imap_server(folder, tmp_path) as certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            url = f"imaps://ada@localhost:{folder.port}/INBOX"
            assert run("--imap", url, "--dry-run")[0] == 1
            assert folder.seen == set()
            assert run("--imap", url) == (1, ["2"], "1: more than 50 MB, not read\n")
            assert folder.seen == {"1", "2"}
            assert run("--imap", url) == (0, [], "")
        assert folder.fetched == ["2", "2"]

    @pytest.mark.parametrize(
        ("refused", "why"),
        [
            ("UID FETCH 1 (RFC822.SIZE)", "localhost refuses FETCH"),
            ("UID FETCH 1 (BODY.PEEK[])", "localhost refuses FETCH"),
        ],
    )
    def test_a_mail_that_the_server_refuses_is_left(
        self, refused: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = Folder(report(), report(group(BOB)))
        folder.refused = {refused}
        with imap_server(folder, tmp_path) as certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            url = f"imaps://ada@localhost:{folder.port}/INBOX"
            assert run("--imap", url) == (1, ["2"], f"1: not read: {why}\n")
            assert folder.seen == {"2"}

    @pytest.mark.parametrize("silent", ["UID FETCH 1 (RFC822.SIZE)", "UID FETCH 1 (BODY.PEEK[])"])
    def test_a_mail_that_the_server_does_not_give_is_left(
        self, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = Folder(report(), report(group(BOB)))
        folder.silent = {silent}
        with imap_server(folder, tmp_path) as certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            code, told, left = run("--imap", f"imaps://ada@localhost:{folder.port}/INBOX")
        assert (code, told) == (1, ["2"])
        assert left.startswith("1: not read: localhost does not")
        assert folder.seen == {"2"}

    def test_a_mail_that_cannot_be_marked_stops_no_other(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = Folder(report(), report(group(BOB)))
        folder.refused = {r"UID STORE 1 +FLAGS.SILENT (\Seen)"}
        with imap_server(folder, tmp_path) as certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            code, told, left = run("--imap", f"imaps://ada@localhost:{folder.port}/INBOX")
        assert (code, told) == (1, ["1", "2"])
        assert left.startswith("1: not marked as read")
        assert folder.seen == {"2"}

    def test_a_search_that_is_refused_is_a_box_that_cannot_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = Folder(report())
        folder.refused = {"UID SEARCH UNSEEN"}
        with imap_server(folder, tmp_path) as certificate:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            with pytest.raises(CommandError) as told:
                run("--imap", f"imaps://ada@localhost:{folder.port}/INBOX")
        assert told.value.returncode == 2
