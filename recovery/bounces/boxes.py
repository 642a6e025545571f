"""Where bounce mails lie: a Maildir, an mbox, an IMAP folder, or one mail on standard input.

A box gives the names of the mails that it has not marked as dealt with, and each mail's bytes by its name. Nothing is
changed here until ``Box.done``, and nothing is ever deleted: after a crash before that, a mail is read once more.
"""

import contextlib
import imaplib
import mailbox
import re
import ssl
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import IO, Final, Protocol
from urllib.parse import unquote, urlsplit

from recovery.bounces.mails import LARGEST, TooBig

PATIENCE: Final = 30  # seconds for an answer of an IMAP server


class CannotRead(Exception):
    """There is no such box, or its server refuses; the message says which."""


class NotDone(CannotRead):
    """The same of one mail: the others can be read."""


class Box(Protocol):
    def sources(self) -> Iterator[str]:
        """Every mail that is not marked as dealt with, as the name that it has in the box."""

    def read(self, source: str) -> bytes:
        """Its bytes. Raises TooBig, NotDone, and whatever OSError the disk gives."""

    def done(self, source: str) -> None:
        """Nothing more is to be done with this mail: mark it, so that it is not read again."""

    def close(self) -> None:
        """Let go of what was opened."""


def shown(source: str) -> str:
    """A mail's name on one line and in UTF-8, whatever bytes a stranger gave it."""
    text = source.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


class Maildir:
    """A Maildir: all of new, and of cur what is not flagged as seen. What is done with goes to cur and gets that flag.

    Any other folder is read whole each time and left as it is, since nothing says how its mails are marked.
    """

    def __init__(self, path: str) -> None:
        self.root = Path(path)
        if not self.root.is_dir():
            raise CannotRead(f"There is no folder {path}.")
        self.folders = [self.root / name for name in ("new", "cur") if (self.root / name).is_dir()]

    def sources(self) -> Iterator[str]:
        for folder in self.folders or [self.root]:
            is_cur = folder in self.folders and folder.name == "cur"
            for path in sorted(folder.iterdir()):
                if not path.name.startswith(".") and not (is_cur and "S" in _flags(path.name)) and path.is_file():
                    yield str(path.relative_to(self.root))

    def read(self, source: str) -> bytes:
        path = self.root / source
        if path.resolve().parent != path.parent.resolve():
            raise NotDone("it is a link to another folder")
        if path.stat().st_size > LARGEST:
            raise TooBig
        return path.read_bytes()

    def done(self, source: str) -> None:
        if not self.folders:
            return
        path, cur = self.root / source, self.root / "cur"
        cur.mkdir(exist_ok=True)
        flags = "".join(sorted({*_flags(path.name), "S"}))
        name = f"{path.name.partition(':')[0]}:2,{flags}"
        names = (f"{number}-{name}" if number else name for number in count())
        path.rename(next(cur / free for free in names if not (cur / free).exists()))

    def close(self) -> None:
        """Nothing is open."""


def _flags(name: str) -> str:
    """The flags of a mail in a Maildir: what follows ``:2,`` in its name."""
    return name.partition(":")[2].partition("2,")[2]


class Mbox:
    """One file with many mails. It is left as it is: whoever writes to it may be writing now."""

    def __init__(self, path: str) -> None:
        if not Path(path).is_file():
            raise CannotRead(f"There is no file {path}.")
        self.box = mailbox.mbox(path, create=False)

    def sources(self) -> Iterator[str]:
        for key in self.box.iterkeys():
            yield str(int(key) + 1)

    def read(self, source: str) -> bytes:
        with self.box.get_file(int(source) - 1) as file:  # type: ignore[arg-type]
            return _no_bigger(file.read(LARGEST + 1))

    def done(self, source: str) -> None:
        """Nothing: the same mails again change nothing."""

    def close(self) -> None:
        self.box.close()


class One:
    """One mail, as a mail server's pipe gives it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def sources(self) -> Iterator[str]:
        yield "-"

    def read(self, source: str) -> bytes:
        return _no_bigger(self.stream.read(LARGEST + 1))

    def done(self, source: str) -> None:
        """Nothing: whoever gave it has it."""

    def close(self) -> None:
        """It is the caller's."""


def _no_bigger(raw: bytes) -> bytes:
    if len(raw) > LARGEST:
        raise TooBig
    return raw


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

    def sources(self) -> Iterator[str]:
        for uid in re.findall(rb"\d+", b" ".join(self._ask("SEARCH", "UNSEEN"))):
            yield uid.decode()

    def read(self, source: str) -> bytes:
        size = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(self._ask("FETCH", source, "(RFC822.SIZE)")))
        if size is None:
            raise NotDone(f"{self.server.host} does not say how big it is")
        if int(size[1]) > LARGEST:
            raise TooBig
        parts = self._ask("FETCH", source, "(BODY.PEEK[])")
        if not parts:
            raise NotDone(f"{self.server.host} does not give it")
        return max(parts, key=len)

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
            raise NotDone(f"{self.server.host} refuses {command[0]}")
        pieces = [piece for part in parts for piece in (part if isinstance(part, tuple) else (part,))]
        return [piece for piece in pieces if isinstance(piece, bytes)]


def _connection(scheme: str, host: str, port: int | None) -> imaplib.IMAP4:
    context = ssl.create_default_context()
    if scheme == "imaps":
        return imaplib.IMAP4_SSL(host, port or 993, ssl_context=context, timeout=PATIENCE)
    server = imaplib.IMAP4(host, port or 143, timeout=PATIENCE)
    server.starttls(context)
    return server
