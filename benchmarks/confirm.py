"""From the link to the new password, three requests: ours, Django's own and allauth's, in one process, in turns.

``python -m benchmarks.confirm``. GET of the link, GET of the form, POST of the password, with the cheapest hasher.
Links are made outside the timed part, ours by really asking and having the worker's task decide and send. Only the lane
of allauth runs with allauth installed: where it is, ours reads its table of addresses as well.
"""

import random
import re
import statistics
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from benchmarks import report, stage
from benchmarks.forgot import empty_limits_and_queue

GOALS = {"django": 1.35, "allauth": 2.1}
MOST_STATEMENTS, COMMITS = 11, 2
STEPS = ("GET link", "GET form", "POST")


class Course:
    """All lanes on one database, taking turns; each person resets once in a while."""

    def __init__(self, users: int) -> None:
        from benchmarks.lane import Lane

        stage.populate(users)
        self.users = users
        self.links: dict[str, Callable[[Any], str]] = {
            "recovery": link_of_ours,
            "django": link_of_django,
            "allauth": link_of_allauth,
        }
        self.fields = {
            "recovery": ("new_password1",),
            "django": ("new_password1", "new_password2"),
            "allauth": ("password1", "password2"),
        }
        self.lanes = {name: Lane(allauth=name == "allauth") for name in self.links}
        self.times: dict[str, list[list[float]]] = defaultdict(list)
        self.steps: dict[str, list[list[float]]] = defaultdict(list)
        self.counts: dict[str, Any] = {}
        self.serial = 0

    def run(self, rounds: int, flows: int) -> None:
        from benchmarks.lane import counting

        for name in self.links:
            self._turn(name, 10)
            with self._site(name):
                link = self._link(name)
                with counting() as count:
                    self._walk(name, link)
            self.counts[name] = count
        for number in range(rounds):
            for name in random.Random(number).sample(list(self.links), len(self.links)):
                walked = self._turn(name, flows)
                self.steps[name] += walked
                self.times[name].append([sum(steps) for steps in walked])

    def _turn(self, name: str, flows: int) -> list[list[float]]:
        with self._site(name):
            self._walk(name, self._link(name))  # after a change of settings, Django compiles the templates anew
            return [self._walk(name, self._link(name)) for _ in range(flows)]

    def _site(self, name: str) -> AbstractContextManager[None]:
        from benchmarks.lane import without_allauth

        return nullcontext() if name == "allauth" else without_allauth()

    def _link(self, name: str) -> str:
        from django.contrib.auth.models import User

        empty_limits_and_queue()
        self.serial += 1
        number = self.serial % self.users
        if number % 10 < 2:  # neither inactive nor without a password
            number += 2
        return self.links[name](User.objects.get(username=stage.address(number)))

    def _walk(self, name: str, link: str) -> list[float]:
        """Open the link, follow it to the form, post a password; the seconds of each."""
        lane = self.lanes[name]
        password = f"correct-staple-{self.serial}"
        opened = lane.ask("GET", link)
        assert opened.status == 302, (name, opened.status, opened.body[:500])
        jar = opened.cookies
        form = lane.ask("GET", opened.location, cookies=jar)
        assert form.status == 200, (name, form.status, form.body[:500])
        assert b'type="password"' in form.body, (name, form.body[:500])
        done = lane.ask("POST", opened.location, dict.fromkeys(self.fields[name], password), cookies=jar)
        assert done.status == 302, (name, done.status, done.body[:2000])
        return [opened.seconds, form.seconds, done.seconds]


def link_of_ours(user: Any) -> str:
    """Ask and decide as a person and the worker do, and read the mail; as if the last link were long ago."""
    from django.core import mail

    from benchmarks.lane import BROWSER, fresh_ip
    from recovery import intake, resets
    from recovery.models import ResetToken
    from recovery.origin import Origin

    ResetToken.objects.filter(user_key=str(user.pk)).update(issued_at="2000-01-01T00:00:00Z")
    asked = intake.ask(user.email, origin=Origin(ip=fresh_ip(), user_agent=BROWSER, language="en"))
    mail.outbox = []
    resets.fulfil(asked.pk)
    found = re.search(r"https://benchmark\.example(/recovery/reset/\S+)", str(mail.outbox[0].body))
    assert found is not None
    return found[1]


def link_of_django(user: Any) -> str:
    from django.contrib.auth.tokens import default_token_generator
    from django.utils.encoding import force_bytes
    from django.utils.http import urlsafe_base64_encode

    return f"/django/reset/{urlsafe_base64_encode(force_bytes(user.pk))}/{default_token_generator.make_token(user)}/"


def link_of_allauth(user: Any) -> str:
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str

    return f"/allauth/password/reset/key/{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}/"


def show(kind: str, course: Course) -> dict[str, Any]:
    heads = ["lane", "flows a second", "median ms", "p95 ms", *STEPS, "sql", "commits"]
    rows = []
    for name, times in course.times.items():
        steps = [round(statistics.median(each) * 1e3, 3) for each in zip(*course.steps[name], strict=True)]
        count = course.counts[name]
        rows.append([name, *report.summary(times).values(), *steps, len(count.statements), count.commits])
    print(f"Reset link to new password on {kind}, three requests")
    report.table(heads, rows)
    lines = []
    for peer, goal in GOALS.items():
        reached = report.ratios(course.times["recovery"], course.times[peer])
        lines.append([peer, *reached, goal, report.verdict(reached[0], goal)])
    report.table(["compared with", "ratio", "of medians", "goal", ""], lines)
    ours = course.counts["recovery"]
    print(f"Statements: {len(ours.statements)} of at most {MOST_STATEMENTS}; commits: {ours.commits} of {COMMITS}.\n")
    return {
        "kind": kind,
        "figures": [dict(zip(heads, row, strict=True)) for row in rows],
        "lines": lines,
        "statements": {name: count.statements for name, count in course.counts.items()},
    }


def main() -> None:
    parser = stage.arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--flows", type=int, default=60, help="in each round and lane (%(default)s)")
    options = parser.parse_args()
    if not options.url:
        stage.in_a_process_each("benchmarks.confirm", options)
        return
    kind = stage.set_up(options.url)
    for users in options.users or [1000]:
        course = Course(users)
        course.run(options.rounds, options.flows)
        report.save(options.out, f"confirm_{kind}_{users}", show(kind, course))


if __name__ == "__main__":
    main()
