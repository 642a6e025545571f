"""One process of one lane: signs in when it is told to, and says how long each took.

Reads commands from its input, one line of JSON each, and answers with one. The environment names database and lane.
"""

import json
import os
import sys
from typing import Any

from benchmarks import stage
from benchmarks.login_site import fills

RIGHT = "right-horse-7-battery"
CLEARED = frozenset(
    {"logincounter", "lockout", "auditevent", "accountstate", "accessattempt", "accesslog", "accessfailurelog"}
)
PASSING = ("sessionid", "csrftoken")  # cookies that end with a session


class Worker:
    """Its lane's sign-in page, and the people who sign in."""

    def __init__(self) -> None:
        import redis
        from django.conf import settings

        from benchmarks.lane import Lane

        self.lane = Lane()
        self.redis: Any = redis.Redis.from_url(settings.REDIS_URL)
        self.redis.ping()  # what a client says of itself at first is not counted
        self.browsers: dict[int, dict[str, str]] = {}
        self.lane.ask("GET", "/login/")

    def prepare(self, users: int) -> dict[str, Any]:
        """Tables and people."""
        from django.contrib.auth.hashers import make_password
        from django.contrib.auth.models import User
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        password = make_password(RIGHT)
        User.objects.bulk_create(
            (User(username=stage.address(number), password=password) for number in range(users)), batch_size=2000
        )
        return {}

    def sign_in(self, first: int, count: int, *, right: bool, known: bool = False) -> dict[str, Any]:
        """So many people, one after the other; the seconds of each."""
        return {"seconds": [self._one(number, right=right, known=known) for number in range(first, first + count)]}

    def count(self, first: int, *, right: bool, known: bool = False) -> dict[str, Any]:
        """Statements, commits and commands to Redis of one sign-in."""
        from benchmarks.lane import counting

        before = self._commands()
        with counting() as count:
            self._one(first, right=right, known=known)
        return {"statements": count.statements, "commits": count.commits, "redis": self._commands() - before - 1}

    def clear(self) -> dict[str, Any]:
        """Nobody ever failed here, and no browser is known."""
        import redis
        from django.apps import apps
        from django.conf import settings
        from django.contrib.sessions.models import Session

        for label in ("recovery", "axes", "defender"):
            if apps.is_installed(label):
                for model in apps.get_app_config(label).get_models():
                    if model._meta.managed and model._meta.model_name in CLEARED:
                        model._base_manager.all()._raw_delete("default")
        Session.objects.all()._raw_delete("default")
        self.browsers.clear()
        if os.environ["LOGIN_LANE"] in ("axes_redis", "defender"):
            redis.Redis.from_url(settings.GUARD_REDIS_URL).flushdb()
        return {}

    def fill(self, rows: int) -> dict[str, Any]:
        """So many counters of other names that all still count."""
        fills.FILLS[os.environ["LOGIN_LANE"]](rows)
        fills.settle()
        return {}

    def _one(self, number: int, *, right: bool, known: bool = False) -> float:
        """One sign-in; ``known``: with the browser in which that person signed in before."""
        form = {"username": stage.address(number), "password": RIGHT if right else f"wrong-{number}"}
        answer = self.lane.ask("POST", "/login/", form, self.browsers[number] if known else None)
        assert answer.status == (302 if right else 200), (number, answer.status, answer.body[:300])
        if right:
            self.browsers[number] = {name: value for name, value in answer.cookies.items() if name not in PASSING}
        return answer.seconds

    def _commands(self) -> int:
        return int(self.redis.info("stats")["total_commands_processed"])


def main() -> None:
    stage.set_up(os.environ["DATABASE_URL"], settings="benchmarks.login_site.settings")
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(worker, command.pop("do"))(**command)), flush=True)


if __name__ == "__main__":
    main()
