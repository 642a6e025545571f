"""``manage.py demo`` from outside, as its user runs it: what it prints, how it exits, what it leaves behind.

Its parts, each alone, are in ``test_demo_parts``.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from example_project import seeds, servers
from example_project.demo.callers import CALLERS, leading
from example_project.demo.story import wait_for
from example_project.demo.visitor import Visitor
from tests.conftest import database_url

MANAGE = servers.ROOT / "manage.py"
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
MOMENT = re.compile(r"^  ([a-z_ ]+?) +(\d+\.\d{3}) s$", re.MULTILINE)
SENDING = ["requested", "decided", "queued", "handed_over"]
TITLES = (
    "A hard bounce, the backup address, a new password",
    "A full mailbox without backup address, a case, its end",
    "A failure that passes",
    "A complaint",
    "Opted out of marketing, and in again",
    "Guessing, a lockout, and its end by staff",
    "A stolen password, and a new one for its owner",
    *(caller.title for caller in CALLERS),
)
has_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="Reads other processes from /proc.")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.broker,
    pytest.mark.skipif(servers.broker_program() is None, reason="There is no Redis or Valkey here."),
]


def environment(**more: str) -> dict[str, str]:
    """What a terminal would have; nothing of this test session."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "RECOVERY_NO_BOOTSTRAP": "1", "PYTHONUNBUFFERED": "1", **more}


@pytest.fixture
def given_database(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Nothing on SQLite, where the demo brings its own; on PostgreSQL an empty database beside that of the tests."""
    if connection.vendor == "sqlite":
        yield {}
        return
    name = f"demo_{uuid.uuid4().hex[:12]}"
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        url = database_url().rpartition("/")[0]
        yield {"DATABASE_URL": f"{url}/{name}"}
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def once(given: dict[str, str], *options: str) -> tuple[int, str, list[list[str]]]:
    """Exit code, all that was printed, and the names of each timeline's moments."""
    line = [sys.executable, str(MANAGE), "demo", "--once", *options]
    done = subprocess.run(line, env=environment(**given), capture_output=True, text=True, timeout=300, check=False)
    tales = re.split(rf"^(?:{'|'.join(TITLES)})$", done.stdout, flags=re.MULTILINE)
    return done.returncode, done.stdout + done.stderr, [[name for name, _ in MOMENT.findall(tale)] for tale in tales]


def test_the_whole_story_is_read_from_the_rows(given_database: dict[str, str]) -> None:
    code, printed, timelines = once(given_database)
    assert timelines == [
        [*SENDING, "delivered", "opened", "completed"],
        [*SENDING, "bounced", "backup", "opened", "completed"],
        [*SENDING, "bounced", "case opened", "sent again", "opened", "completed", "case closed"],
        [*SENDING, "deferred", "delivered"],
        [*SENDING, "delivered", "complained"],
        [*SENDING, "delivered", "opened", "completed"],
        ["locked", "told", "unlocked", "signed in"],
        ["started", "ended", "handed_over", "delivered", "opened", "completed"],
        ["locked", "diagnosed", "unlocked"],
        ["requested", "decided", "diagnosed", "activated", "sent again", "delivered"],
        ["requested", "decided", "diagnosed", "sent again", "delivered"],
        ["requested", "decided", "bounced", "diagnosed", "sent again", "delivered"],
        ["requested", "decided", "delivered", "diagnosed"],
    ], printed
    assert code == 0, printed
    seconds = [float(value) for _, value in MOMENT.findall(printed)]
    assert seconds[0] == 0
    assert seconds[6] == max(seconds[:7])
    assert not re.search(r"/reset/\S+", printed)
    numbers = printed.partition("The four numbers")[2]
    assert re.search(r"^delivery success +[1-9]\d* of \d+ \(", numbers, re.MULTILINE), printed
    assert re.search(r"^completion .*; completed [1-9]", numbers, re.MULTILINE), printed
    assert re.search(r"^escalation +[1-9]", numbers, re.MULTILINE), printed


def test_without_webhooks_nothing_is_delivered_and_the_exit_is_one(given_database: dict[str, str]) -> None:
    code, printed, timelines = once(given_database, "--without-webhooks")
    assert timelines == [
        [*SENDING, "opened", "completed"],
        *[SENDING] * 4,
        [*SENDING, "opened", "completed"],
        ["locked", "told", "unlocked", "signed in"],
        ["started", "ended", "handed_over", "opened", "completed"],
        ["locked", "diagnosed", "unlocked"],
        ["requested", "decided", "diagnosed", "activated", "sent again"],
        ["requested", "decided", "diagnosed", "sent again"],
        *[["requested", "decided"]] * 2,
    ], printed
    assert code == 1
    assert "delivered" in printed.splitlines()[-1]


KILLED_WITH_US = "import os, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), 9)"


class Demo:
    """A running demo. All processes that descend from it carry a mark in their environment."""

    def __init__(self, folder: Path) -> None:
        self.mark = f"DEMO_UNDER_TEST={uuid.uuid4()}"
        self.folder = folder
        name, value = self.mark.split("=")
        self.process = subprocess.Popen(
            [sys.executable, str(MANAGE), "demo"],
            env=environment(TMPDIR=str(folder), **{name: value}),
            # From any folder, and as a terminal would start it: a process group of its own.
            cwd=folder,
            process_group=0,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Nobody writes to it: it ends the demo, which would stay, when this process is killed. The minders do the rest.
        self.watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", KILLED_WITH_US, str(self.process.pid)],
            stdin=subprocess.PIPE,
            process_group=0,
        )
        self.printed = ""
        self.ports: list[int] = []

    def wait_until_usable(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("Ctrl-C"):
                break
        self.ports = sorted({int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d+)/", self.printed)})
        assert len(self.ports) == 2, self.printed

    def read_to_the_end(self) -> str:
        self.printed += self.process.communicate(timeout=120)[0]
        return self.printed

    def wait_until_it_heard(self) -> None:
        """From the first signal on it ignores all others, and its servers end one after the other."""
        status = Path(f"/proc/{self.process.pid}/status")
        all_of_it, deadline = len(self.alive()), time.monotonic() + 60
        while len(self.alive()) == all_of_it and time.monotonic() < deadline:
            [ignored] = re.findall(r"^SigIgn:\s*(\w+)$", status.read_text(), re.MULTILINE)
            if int(ignored, 16) >> (signal.SIGINT - 1) & 1:
                return
            time.sleep(0.01)  # what another process ignores, the kernel shows and does not announce

    def wait_until_it_has(self, minders: int) -> None:
        """So many of its servers have somebody who clears up after them; the last of them has hardly begun."""
        deadline = time.monotonic() + 60  # asked again and again: it says nothing before it is usable
        while sum("minder.py" in line for line in self.alive().values()) < minders:
            assert time.monotonic() < deadline, self.alive()
            time.sleep(0.01)  # between two looks

    def alive(self) -> dict[int, str]:
        """Its processes by id. A zombie's environment is empty: it is dead, only not yet buried."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def left_behind(self) -> list[str]:
        """What still lives, listens or lies about once there was time to clear up."""
        deadline = time.monotonic() + 60
        while (left := self._left()) and time.monotonic() < deadline:
            time.sleep(0.05)  # those that end are nobody's children here
        return left

    def _left(self) -> list[str]:
        ports = [f"port {port}" for port in self.ports if is_open(port)]
        return [*self.alive().values(), *ports, *(path.name for path in self.folder.iterdir())]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    demo.watcher.kill()
    demo.watcher.communicate()
    for number in demo.alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    demo.process.communicate()


@has_proc
@pytest.mark.sqlite
class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
    def test_it_leaves_no_process_no_port_and_no_file(self, demo: Demo, number: signal.Signals) -> None:
        demo.wait_until_usable()
        assert all(is_open(port) for port in demo.ports)
        assert any("celery" in line for line in demo.alive().values())
        demo.process.send_signal(number)
        assert demo.process.wait(120) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        assert demo.left_behind() == []

    def test_ctrl_c_reaches_everybody_in_the_terminal_and_twice_changes_nothing(self, demo: Demo) -> None:
        demo.wait_until_usable()
        os.killpg(demo.process.pid, signal.SIGINT)
        demo.wait_until_it_heard()
        os.killpg(demo.process.pid, signal.SIGINT)
        assert "Traceback" not in demo.read_to_the_end()
        assert demo.process.returncode == 0
        assert re.search(
            r"/admin/recovery/rollup/$[\s\S]*^The four numbers$[\s\S]*^escalation ", demo.printed, re.MULTILINE
        )
        assert demo.left_behind() == []

    @pytest.mark.parametrize("minders", [0, 2], ids=["nothing runs", "broker and worker come up"])
    def test_a_kill_while_it_starts_leaves_nothing_either(self, demo: Demo, minders: int) -> None:
        demo.wait_until_it_has(minders)
        demo.process.kill()
        assert demo.left_behind() == []

    def test_it_ends_early_with_a_clear_word_when_a_server_dies(self, demo: Demo) -> None:
        demo.wait_until_usable()
        for number, line in demo.alive().items():
            if "celery" in line and "minder.py" not in line:
                os.kill(number, signal.SIGKILL)
        printed = demo.read_to_the_end()
        assert demo.process.returncode == 1
        assert "Celery worker ended by itself" in printed
        assert "Traceback" not in printed
        assert demo.left_behind() == []


@has_proc
@pytest.mark.sqlite
def test_five_people_call_and_the_page_of_each_says_why(demo: Demo) -> None:
    demo.wait_until_usable()
    calls = re.findall(r'^  (\w+) +"(.+)"\n +(http\S+/admin/recovery/diagnosis/\S+)$', demo.printed, re.MULTILINE)
    assert [(name, says) for name, says, _url in calls] == [
        (caller.person.first_name, caller.says) for caller in CALLERS
    ]
    assert len({caller.cause for caller in CALLERS}) == 5
    agent, login = Visitor.at(calls[0][2])
    agent.submit(login, username="agent", password=seeds.PASSWORD)
    for caller, (_name, _says, url) in zip(CALLERS, calls, strict=True):
        assert wait_for(lambda url=url, cause=caller.cause: leading(agent.open(url))[0] == cause, 60), caller.title
