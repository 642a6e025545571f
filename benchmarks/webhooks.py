"""A provider's events: ours, anymail with look-up and save, and django-ses with its blacklist, in turns.

``python -m benchmarks.webhooks``. SendGrid's batches of 1, 100 and 1000 events, and Amazon's notices of one bounce. All
find their mail by the provider's message id among as many as ``--rows``. Ours also keeps what was posted, judges what
came back, suppresses what is hard and writes the trail.
"""

import base64
import gc
import io
import json
import random
import statistics
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import report, stage
from benchmarks.webhook_site import signing

GOALS = {
    # lane, the peer: how many times its rate, by database
    ("ours, 1", "look up and save, 1"): {"sqlite": 2.0, "postgresql": 1.3},
    ("ours, 1000", "look up and save, 1000"): {"sqlite": 12.0, "postgresql": 20.0},
    ("ours, 100", "look up and save, 100"): {},
    ("ours, a notice", "django-ses, a notice"): {},
    ("ours, a signed notice", "django-ses, a notice"): {},
}
MOST_STATEMENTS = 6
MOST_SECONDS = 2.0
LONG = "ours, 10000 and one malformed"
KEEPS_OPEN = 0.8
AUTH = "Basic " + base64.b64encode(b"user:password").decode()
KINDS = ["delivered", "open", "click", "bounce", "deferred", "processed"]
TOPIC = "arn:aws:sns:us-east-1:123456789012:t"


@dataclass(frozen=True)
class Lane:
    """One way to hear so many events in one request."""

    path: str
    make: Callable[["Mails"], bytes]
    events: int = 1
    requests: int = 150
    receiver: bool = False
    topics: bool = False


class Mails:
    """What the provider says of the mails on record; every event is new."""

    def __init__(self, rows: int) -> None:
        self.rows, self.random, self.key = rows, random.Random(5), signing.key()

    def sendgrid(self, events: int) -> bytes:
        return json.dumps([self._event() for _ in range(events)]).encode()

    def long(self) -> bytes:
        """Ten thousand events, the one in the middle malformed."""
        events: list[Any] = [self._event() for _ in range(9_999)]
        return json.dumps([*events[:5000], {"event": {}, "email": 7}, *events[5000:]]).encode()

    def _event(self) -> dict[str, Any]:
        number, kind = self.random.randrange(self.rows), self.random.choice(KINDS)
        event = {
            "email": f"u{number}@members.example", "timestamp": 1_795_000_000 + self.random.randrange(10**6),
            "smtp-id": f"<m{number}@mail.example>", "anymail_id": f"m{number}", "event": kind, "category": ["reset"],
            "sg_event_id": uuid.uuid4().hex, "sg_message_id": f"{uuid.uuid4().hex}.filter", "ip": "192.0.2.7",
            "useragent": "Mozilla/5.0",
        }  # fmt: skip
        if kind == "bounce":
            event |= {"reason": "550 5.1.1 no such user", "status": "5.1.1", "type": "bounce"}
        return event | ({"url": "https://example.test/x"} if kind == "click" else {})

    def notice(self) -> bytes:
        """Amazon's, signed: django-ses verifies it, and so do we where the site lists its topics."""
        number, now = self.random.randrange(self.rows), "2026-11-20T10:00:01.000Z"
        recipient = f"u{number}@members.example"
        bounced = {"emailAddress": recipient, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550"}
        message = {
            "notificationType": "Bounce",
            "mail": {"timestamp": now, "source": "a@mail.example", "messageId": f"m{number}",
                     "destination": [recipient], "commonHeaders": {"subject": "Reset", "to": [recipient]}, "tags": {}},
            "bounce": {"bounceType": "Permanent", "bounceSubType": "General", "feedbackId": uuid.uuid4().hex,
                       "timestamp": now, "bouncedRecipients": [bounced]},
        }  # fmt: skip
        notice = {"Type": "Notification", "MessageId": str(uuid.uuid4()), "TopicArn": TOPIC, "Timestamp": now,
                  "Message": json.dumps(message)}  # fmt: skip
        names = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
        text = "".join(f"{name}\n{notice[name]}\n" for name in names).encode()
        proof = {
            "SignatureVersion": "1",
            "SigningCertURL": signing.CERTIFICATE,
            "Signature": signing.signed(self.key, text),
        }
        return json.dumps(notice | proof).encode()


LANES = {
    **{
        f"{name}, {size}": Lane(path, lambda mails, size=size: mails.sendgrid(size), size, requests, saves)  # type: ignore[misc]
        for size, requests in ((1, 150), (100, 12), (1000, 3))
        for name, path, saves in (
            ("ours", "/recovery/webhooks/sendgrid/", False),
            ("look up and save", "/anymail/sendgrid/tracking/", True),
        )
    },
    LONG: Lane("/recovery/webhooks/sendgrid/", Mails.long, 10_000, 1),
    "ours, a notice": Lane("/recovery/webhooks/amazon_ses/", Mails.notice),
    "ours, a signed notice": Lane("/recovery/webhooks/amazon_ses/", Mails.notice, topics=True),
    "django-ses, a notice": Lane("/ses/", Mails.notice),
}


class Course:
    """All lanes on one database, taking turns."""

    def __init__(self, rows: int) -> None:
        from anymail.signals import tracking
        from django.conf import settings
        from django.core.handlers.wsgi import WSGIHandler
        from django.core.management import call_command

        call_command("migrate", run_syncdb=True, verbosity=0)
        tracking.disconnect(dispatch_uid="recovery")  # anymail's own addresses are the peer's here
        self.mails, self.handler = Mails(rows), WSGIHandler()
        _fill(rows)
        signing.know(self.mails.key)
        self.lanes = {name: lane for name, lane in LANES.items() if lane.path != "/ses/" or settings.HAS_DJANGO_SES}
        self.times: dict[str, list[list[float]]] = defaultdict(list)
        self.counts: dict[str, Any] = {}

    def run(self, rounds: int) -> None:
        from benchmarks.lane import counting

        for name in self.lanes:
            self._turn(name, 1 if name == LONG else 2)
            with counting() as count:
                self._turn(name, 1)
            self.counts[name] = count
        gc.collect()
        gc.freeze()  # what a site loads once is not what a request costs
        for number in range(rounds):
            _clear()
            for name in random.Random(number).sample(list(self.lanes), len(self.lanes)):
                self.times[name].append(self._turn(name, self.lanes[name].requests))

    def _turn(self, name: str, requests: int) -> list[float]:
        from anymail.signals import tracking
        from django.conf import settings
        from django.test.utils import override_settings

        from benchmarks.webhook_site.receiver import look_up_and_save

        lane = self.lanes[name]
        gc.collect()
        if lane.receiver:
            tracking.connect(look_up_and_save)
        listed = {"WEBHOOKS": {"amazon_ses": {"TOPICS": [TOPIC]}}} if lane.topics else {}
        try:
            with override_settings(RECOVERY=settings.RECOVERY | listed):
                return [self._ask(lane.path, lane.make(self.mails)) / lane.events for _ in range(requests)]
        finally:
            tracking.disconnect(look_up_and_save)

    def _ask(self, path: str, body: bytes) -> float:
        got: list[str] = []
        environ = {
            "REQUEST_METHOD": "POST", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "site",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.multithread": False,
            "wsgi.multiprocess": False, "wsgi.run_once": False, "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "192.0.2.1", "HTTP_AUTHORIZATION": AUTH,
        }  # fmt: skip
        if body.startswith(b'{"Type"'):
            environ |= {"HTTP_X_AMZ_SNS_MESSAGE_TYPE": "Notification"}
            environ |= {"HTTP_X_AMZ_SNS_MESSAGE_ID": json.loads(body)["MessageId"]}
        begin = time.perf_counter()
        response: Any = self.handler(environ, lambda status, headers, exc_info=None: got.append(status))
        b"".join(response)
        response.close()
        seconds = time.perf_counter() - begin
        if not got[0].startswith("200"):
            raise RuntimeError(f"{path}: {got[0]}")
        return seconds


def _fill(rows: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from benchmarks.webhook_site.models import MailLog
    from recovery.models import Email

    if MailLog.objects.exists():
        return
    now = timezone.now()
    facts: dict[str, Any] = {"kind": "reset", "state": "handed_over", "send_by": now, "handed_over_at": now}
    MailLog.objects.bulk_create(
        (MailLog(message_id=f"m{n}", recipient=f"u{n}@members.example") for n in range(rows)), batch_size=2000
    )
    for esp in ("sendgrid", "amazon_ses"):
        Email.objects.bulk_create(
            (
                Email(esp=esp, esp_message_id=f"m{n}", recipient=f"u{n}@members.example",
                      recipient_key=f"u{n}@members.example", **facts)
                for n in range(rows)
            ),
            batch_size=2000,
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _clear() -> None:
    """What every round begins with: all mails on record, and nothing told of them yet."""
    from django.db import connection

    from benchmarks.webhook_site.models import MailEvent
    from recovery.models import AuditEvent, Bounce, EmailEvent, Suppression

    tables: list[str] = [each._meta.db_table for each in (MailEvent, Bounce, Suppression, EmailEvent)]
    tables += [AuditEvent._meta.db_table, "django_ses_blacklistedemail"]
    known = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table in (each for each in tables if each in known):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")


def show(kind: str, course: Course) -> dict[str, Any]:
    heads = ["lane", "events/s", "ms a request", "sql a request", "commits"]
    rows = []
    for name, times in course.times.items():
        lane, count = course.lanes[name], course.counts[name]
        rate = round(statistics.median(len(each) / sum(each) for each in times))
        middle = statistics.median(statistics.median(each) for each in times) * lane.events * 1e3
        rows.append([name, rate, round(middle, 3), len(count.statements), count.commits])
    print(f"A provider's events on {kind}")
    report.table(heads, rows)
    lines = []
    for (ours, peer), goals in GOALS.items():
        if peer in course.times:
            reached, goal = report.ratios(course.times[ours], course.times[peer]), goals.get(kind)
            said = "" if goal is None else report.verdict(reached[0], goal)
            said += ", keeps open" if goal and reached[0] < KEEPS_OPEN * goal else ""
            lines.append([ours, peer, *reached, goal or "", said])
    report.table(["lane", "compared with", "ratio", "of medians", "goal", ""], lines)
    most = max(len(count.statements) for name, count in course.counts.items() if name.startswith("ours"))
    print(f"Statements of ours: {most} of at most {MOST_STATEMENTS} a request.")
    longest = statistics.median(each[0] for each in course.times[LONG]) * course.lanes[LONG].events
    print(f"Ten thousand events, one of them malformed: {longest:.2f} s of at most {MOST_SECONDS:.0f}.\n")
    statements = {name: count.statements for name, count in course.counts.items() if name.startswith("ours")}
    return {
        "kind": kind,
        "figures": [dict(zip(heads, row, strict=True)) for row in rows],
        "lines": lines,
        "ten_thousand_seconds": round(longest, 2),
        "statements": statements,
    }


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", type=int, default=50_000, help="mails on record (%(default)s)")
    options = parser.parse_args()
    if not options.url:
        stage.in_a_process_each("benchmarks.webhooks", options)
        return
    kind = stage.set_up(options.url, settings="benchmarks.webhook_site.settings")
    course = Course(options.rows)
    course.run(options.rounds)
    report.save(options.out, f"webhooks_{kind}", show(kind, course))


if __name__ == "__main__":
    main()
