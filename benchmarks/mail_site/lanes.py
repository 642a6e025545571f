"""What one process does in one lane: put mail in, or take it out. Prints what it took, as JSON.

``python -m benchmarks.mail_site.lanes {enqueue,drain,trickle} [--count N] [--counted] [--profiled]``; the environment
names the database and the lane.
"""

import argparse
import cProfile
import json
import pstats
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SENDER = "noreply@benchmark.example"
SUBJECT = "Reset your password"
TEXT = """Hello {n},

somebody asked to reset the password of your account.
Follow this link within the hour:
https://example.test/reset/{n}/c9xk2b-0123456789abcdef0123456789abcdef/

If it was not you, ignore this mail.
"""
HTML = (
    "<html><body style='font-family:sans-serif'><p>Hello {n},</p><p>somebody asked to reset the password of your "
    "account.</p><p><a href='https://example.test/reset/{n}/c9xk2b-0123456789abcdef0123456789abcdef/'>Set a new "
    "password</a></p><p>If it was not you, ignore this mail.</p></body></html>"
)
SHORTEST, LONGEST = 0.1, 0.3  # seconds between two mails of a trickle: five a second


def message(number: int, recipient: str) -> Any:
    from django.core.mail import EmailMultiAlternatives

    made = EmailMultiAlternatives(SUBJECT, TEXT.format(n=number), SENDER, [recipient])
    made.attach_alternative(HTML.format(n=number), "text/html")
    return made


class Sender:
    """Queues mail for the users of the site, one commit a mail, as each lane is meant to be used."""

    def __init__(self, lane: str, *, rings: bool) -> None:
        from django.contrib.auth.models import User

        from example_project import celery  # noqa: F401 - the broker that is rung

        self.lane, self.rings = lane, rings
        self.people = list(User.objects.order_by("pk").values_list("pk", "email"))

    def send(self, number: int) -> str:
        key, recipient = self.people[number % len(self.people)]
        if self.lane.startswith("ours"):
            self._queue(number, key, recipient)
        elif self.lane == "celery":
            from benchmarks.mail_site.tasks import send_one

            send_one.delay(number, recipient)
        else:
            message(number, recipient).send()
        return recipient

    def _queue(self, number: int, key: int, recipient: str) -> None:
        from recovery import bell, outbox

        emails = outbox.queue(
            "password_changed", [recipient], user_key=str(key), audience="bench", context={"n": str(number)}
        )
        if self.rings and self.lane == "ours":
            bell.ring("recovery.send_email", emails[0].pk)
        elif self.rings:
            outbox.ring(emails)


def enqueue(lane: str, count: int) -> Callable[[], object]:
    sender = Sender(lane, rings=False)
    sender.send(0)  # whatever is done once, is done

    def run() -> None:
        for number in range(1, count):
            sender.send(number)

    return run


def drain(lane: str, count: int) -> Callable[[], object]:
    from django.utils.module_loading import import_string

    verb = {
        "ours": "recovery.delivery.drain",
        "post_office": "post_office.mail.send_queued_mail_until_done",
        "mailer": "mailer.engine.send_all",
    }[lane]
    run, sender = import_string(verb), Sender(lane, rings=False)
    sender.send(0)
    run()  # a worker has long had its first mail
    for number in range(1, count):
        sender.send(number)
    return run


def trickle(lane: str, count: int) -> dict[str, float]:
    """When each recipient's mail was about to be queued."""
    sender, draw, begun = Sender(lane, rings=True), random.Random(count), {}
    for number in range(count):
        recipient = sender.people[number % len(sender.people)][1]
        begun[recipient] = time.time()
        sender.send(number)
        time.sleep(draw.uniform(SHORTEST, LONGEST))
    return begun


@contextmanager
def watched(options: argparse.Namespace, said: dict[str, Any]) -> Iterator[None]:
    """Count statements and commits, or profile; else look at the clock alone."""
    from benchmarks.lane import counting

    begin, worked = time.perf_counter(), time.process_time()
    if options.counted:
        with counting() as count, beside(count):
            yield
        said.update(statements=len(count.statements), commits=count.commits)
    elif options.profiled:
        with cProfile.Profile() as profile:
            yield
        said["profile"] = dearest(pstats.Stats(profile))
    else:
        yield
    said.update(seconds=time.perf_counter() - begin, cpu_seconds=time.process_time() - worked)


@contextmanager
def beside(count: Any) -> Iterator[None]:
    """Count also what ours writes on a connection of its own, past Django's cursors."""
    from django.apps import apps

    if not apps.is_installed("recovery"):
        yield
        return
    from unittest import mock

    from recovery.delivery.beside import Beside

    send = Beside.send

    def counted(self: Any, statement: Any) -> None:
        count.statements.append(statement.sql)
        count.commits += 1
        send(self, statement)

    with mock.patch.object(Beside, "send", counted):
        yield


def dearest(stats: Any) -> list[dict[str, Any]]:
    """The functions in which most time was spent, with what they called."""
    rows = [
        {"function": f"{path.partition('site-packages/')[2] or path}:{line} {name}", "calls": calls}
        | {"own_ms": round(own * 1e3, 1), "total_ms": round(total * 1e3, 1)}
        for (path, line, name), (_, calls, own, total, _) in stats.stats.items()
    ]
    return sorted(rows, key=lambda row: -row["total_ms"])[:80]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["enqueue", "drain", "trickle"])
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--counted", action="store_true")
    parser.add_argument("--profiled", action="store_true")
    options = parser.parse_args()

    import django

    django.setup()
    import logging

    from django.conf import settings
    from django.db import connection

    from benchmarks.mail_site.backends import Nothing

    logging.disable(logging.CRITICAL)
    connection.ensure_connection()
    said: dict[str, Any] = {}
    if options.work == "trickle":
        said["begun"] = trickle(settings.LANE, options.count)
    else:
        run = (
            enqueue(settings.LANE, options.count) if options.work == "enqueue" else drain(settings.LANE, options.count)
        )
        with watched(options, said):
            run()
        said["sent"] = next(Nothing.sent)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
