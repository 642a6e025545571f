"""Where bounce mails lie: a Maildir, an mbox, an IMAP folder, or one mail on standard input.

Each gives (source, bytes); bytes are None for a mail that is too big, which is not fetched. Nothing is changed here
until ``Box.done``.
"""

import contextlib
import imaplib
import mailbox
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import unquote, urlsplit

from recovery.bounces.mails import LARGEST

PATIENCE: Final = 30  # seconds for an answer of an IMAP server
Found = tuple[str, bytes | None]


class CannotRead(Exception):
    """There is no such box, or its server refuses; the message says which."""


class Box(Protocol):
    def mails(self) -> Iterator[Found]:
        """Every mail, as the name that it has in the box and its bytes."""

    def done(self, source: str) -> None:
        """What this mail tells is written down: it need not be read again."""

    def close(self) -> None:
        """Let go of what was opened."""


class Maildir:
    """A Maildir's new and cur, or a plain folder of mails. What is read goes from new to cur, marked as seen."""

    def __init__(self, path: str) -> None:
        self.root = Path(path)
        if not self.root.is_dir():
            raise CannotRead(f"There is no folder {path}.")

    def mails(self) -> Iterator[Found]:
        folders = [self.root / name for name in ("new", "cur") if (self.root / name).is_dir()] or [self.root]
        for folder in folders:
            for path in sorted(folder.iterdir()):
                if path.is_file() and not path.name.startswith("."):
                    source = str(path.relative_to(self.root))
                    yield source, None if path.stat().st_size > LARGEST else path.read_bytes()

    def done(self, source: str) -> None:
        folder, _, name = source.rpartition("/")
        if folder == "new" and (self.root / "cur").is_dir():
            (self.root / source).rename(self.root / "cur" / f"{name.partition(':')[0]}:2,S")

    def close(self) -> None:
        """Nothing is open."""


class Mbox:
    """One file with many mails. It is left as it is: whoever writes to it may be writing now."""

    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise CannotRead(f"There is no file {path}.")
        self.box = mailbox.mbox(path, create=False)

    def mails(self) -> Iterator[Found]:
        for number, key in enumerate(self.box.iterkeys(), start=1):
            with self.box.get_file(key) as file:
                raw = file.read(LARGEST + 1)
            yield str(number), None if len(raw) > LARGEST else raw

    def done(self, source: str) -> None:
        """Nothing: the same mails again change nothing."""

    def close(self) -> None:
        self.box.close()


class One:
    """One mail, as a mail server's pipe gives it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def mails(self) -> Iterator[Found]:
        raw = self.stream.read(LARGEST + 1)
        yield "-", None if len(raw) > LARGEST else raw

    def done(self, source: str) -> None:
        """Nothing: whoever gave it has it."""

    def close(self) -> None:
        """It is the caller's."""


class Imap:
    """A folder's unseen mails, by ``imaps://user@host/folder``; what is read is marked as seen.

    ``imap://`` is for a server that offers STARTTLS, which is asked for: the password never goes in clear.
    """

    def __init__(self, url: str, password: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("imap", "imaps") or not parts.hostname or not parts.username:
            raise CannotRead("Give the folder as imaps://user@host/folder.")
        if not password:
            raise CannotRead("RECOVERY_IMAP_PASSWORD is not set.")
        folder = unquote(parts.path.strip("/")) or "INBOX"
        try:
            self.server = _connection(parts.scheme, parts.hostname, parts.port)
            self.server.login(unquote(parts.username), password)
            answer, _ = self.server.select(f'"{folder}"')
        except (imaplib.IMAP4.error, OSError) as error:
            raise CannotRead(f"{parts.hostname}: {type(error).__name__}") from None
        if answer != "OK":
            raise CannotRead(f"{parts.hostname} has no folder {folder}.")

    def mails(self) -> Iterator[Found]:
        [found] = self._ask("SEARCH", "UNSEEN") or [b""]
        for uid in found.decode().split():
            size = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(self._ask("FETCH", uid, "(RFC822.SIZE)")))
            if size is None or int(size[1]) > LARGEST:
                yield uid, None
                continue
            parts = self._ask("FETCH", uid, "(BODY.PEEK[])")
            yield uid, max(parts, key=len, default=b"")

    def done(self, source: str) -> None:
        self._ask("STORE", source, "+FLAGS.SILENT", r"(\Seen)")

    def close(self) -> None:
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self.server.logout()

    def _ask(self, *command: str) -> list[bytes]:
        """What the server answers, piece by piece; its own words never come into our message."""
        try:
            answer, parts = self.server.uid(*command)
        except (imaplib.IMAP4.error, OSError) as error:
            raise CannotRead(f"{self.server.host}: {type(error).__name__}") from None
        if answer != "OK":
            raise CannotRead(f"{self.server.host} refuses {command[0]}.")
        pieces = [piece for part in parts for piece in (part if isinstance(part, tuple) else (part,))]
        return [piece for piece in pieces if isinstance(piece, bytes)]


def _connection(scheme: str, host: str, port: int | None) -> imaplib.IMAP4:
    context = ssl.create_default_context()
    if scheme == "imaps":
        return imaplib.IMAP4_SSL(host, port or 993, ssl_context=context, timeout=PATIENCE)
    server = imaplib.IMAP4(host, port or 143, timeout=PATIENCE)
    server.starttls(context)
    return server
