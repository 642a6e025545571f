"""A worker that is ready, and forks one that works for each line that it reads: a fork takes milliseconds, a start a
second.

A line is a JSON object: what to ``do``, and at which ``point`` and for the how manieth time to die. The answer is one
too: the ``signal`` that ended the worker, or its exit code. It opens no connection, to whatever: it would be shared.
Functions import what needs Django, which is set up when this module has been read.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any
from uuid import UUID

import django


def main() -> None:
    from tests.guards import without

    without.apply()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            order["tell"] = write
            _end(_obey(order))
        os.close(write)
        with os.fdopen(read) as told:
            lines = told.readlines()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps({"signal": max(-code, 0), "code": max(code, 0), "told": lines}), flush=True)


def _obey(order: dict[str, Any]) -> int:
    from tests.crashes import saboteur

    try:
        if order.get("point"):
            saboteur.Saboteur(saboteur.Point(order["point"]), order["nth"], saboteur.die)
        DUTIES[order["do"]](order)
    except BaseException:  # noqa: BLE001 - told by its exit code, and in the log
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    """Not through the parent's own ways to end."""
    sys.stderr.flush()
    os._exit(code)


def sweep(order: dict[str, Any]) -> None:
    """Once; then nothing that was due is left."""
    from recovery import sweep as sweeping

    while sweeping.sweep().left:
        pass


def loop(order: dict[str, Any]) -> None:
    """``recovery_sweep --loop`` that hears TERM after so many seconds, and not before it listens."""
    from django.core.management import call_command

    def tell_to_end() -> None:
        while signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            time.sleep(0.01)  # between two looks
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Timer(order["seconds"], tell_to_end).start()
    call_command("recovery_sweep", loop=True, interval=order.get("interval", 0.2), stdout=sys.stderr)


def deliver(order: dict[str, Any]) -> None:
    """As a broker does that was never told that its message was worked on."""
    from recovery import delivery

    delivery.deliver_each([UUID(pk) for pk in order["ids"]])


def asker(number: int) -> str:
    return f"asker{number}@example.com"


def place(number: int) -> str:
    """Everybody asks from somewhere else."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def ask(order: dict[str, Any]) -> None:
    """A web process takes on a request for a link."""
    from django.test import Client

    page = Client(SERVER_NAME="localhost", REMOTE_ADDR=order.get("place", "127.0.0.1"))
    answer = page.post("/recovery/forgot/", {"identifier": order["identifier"]})
    assert answer.status_code == 302, answer.status_code


def ask_many(order: dict[str, Any]) -> None:
    """One after the other; tells how long each took, but the first, which opens connections."""
    first = order["first"]
    for number in range(first, first + order["count"]):
        began = time.monotonic()
        ask({"identifier": asker(number), "place": place(number)})
        if "tell" in order and number > first:
            os.write(order["tell"], f"{time.monotonic() - began}\n".encode())


def roll_back(order: dict[str, Any]) -> None:
    """A web process queues a notice and rings, and then its transaction fails."""
    from django.db import transaction

    from recovery import bell, outbox
    from recovery.reasons import EmailKind

    class Failed(Exception):
        pass

    try:
        with transaction.atomic():
            emails = outbox.queue(EmailKind.PASSWORD_CHANGED, [order["identifier"]])
            outbox.ring(emails)
            raise Failed
    except Failed:
        assert bell.settle(60)


DUTIES = {each.__name__: each for each in (sweep, loop, deliver, ask, ask_many, roll_back)}

if __name__ == "__main__":
    django.setup()
    main()
