"""
Runs one server, and ends it and all it started when whoever asked for it is gone.

``example_project.servers`` starts it as a script, with nothing but the standard library. The other end of standard
input is the lifeline: nobody writes to it, and it closes when its owner closes it or ends in whichever way, by Ctrl-C,
TERM, KILL or a closed terminal. A process group alone would leave the servers behind at KILL, and a death signal exists
on Linux only.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from typing import Any

GRACE = 5.0
"""Seconds that a server has to end by itself."""

_clearing = threading.Lock()


def main(stop_signal: str, user: str, room: str, *command: str) -> None:
    """Run ``command`` as ``user`` (empty: as we are) until standard input closes, then remove the folder ``room``."""
    if os.getpgrp() != os.getpid():
        sys.exit("The minder ends its process group, so it needs one of its own.")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, not SIG_IGN: the server would inherit that, and never hear its own signals.
        signal.signal(number, lambda *_: None)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **identity(user, room))
    threading.Thread(target=clear_when_ended, args=(child, room), daemon=True).start()
    sys.stdin.buffer.read()
    child.send_signal(signal.Signals[stop_signal])
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(GRACE)
    clear(room)


def identity(user: str, room: str) -> dict[str, Any]:
    """The arguments that make a child run as ``user``, with none of our groups, in its own folder."""
    if not user:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": [], "cwd": room}


def clear_when_ended(child: subprocess.Popen[bytes], room: str) -> None:
    child.wait()
    clear(room)


def clear(room: str) -> None:
    """Remove the folder and end the whole process group, this process included. The first thread to come does it."""
    with _clearing:
        shutil.rmtree(room, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
