"""One process of one lane: signs in when it is told to, and says how long each took.

Reads commands from its input, one line of JSON each, and answers with one. The environment names database and lane.
"""

import json
import os
import sys
from typing import Any

from benchmarks import stage

RIGHT = "right-horse-7-battery"


class Worker:
    """Its lane's sign-in page, and the people who sign in."""

    def __init__(self) -> None:
        from benchmarks.lane import Lane

        self.lane = Lane()
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

    def sign_in(self, first: int, count: int, *, right: bool) -> dict[str, Any]:
        """So many people, one after the other; the seconds of each."""
        return {"seconds": [self._one(number, right=right) for number in range(first, first + count)]}

    def count(self, first: int, *, right: bool) -> dict[str, Any]:
        """Statements, commits and commands to Redis of one sign-in."""
        from benchmarks.lane import counting

        before = self._commands()
        with counting() as count:
            self._one(first, right=right)
        return {"statements": count.statements, "commits": count.commits, "redis": self._commands() - before - 1}

    def clear(self) -> dict[str, Any]:
        """Nobody ever failed here."""
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
        for url in {settings.DEFENDER_REDIS_URL, settings.CACHES["default"].get("LOCATION")} - {None}:
            if os.environ["LOGIN_LANE"] in ("axes_redis", "defender"):
                redis.Redis.from_url(url).flushdb()
        return {}

    def fill(self, rows: int) -> dict[str, Any]:
        """So many counters of other names that all still count."""
        from django.db import connection

        FILLS[os.environ["LOGIN_LANE"]](rows)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
        return {}

    def _one(self, number: int, *, right: bool) -> float:
        form = {"username": stage.address(number), "password": RIGHT if right else f"wrong-{number}"}
        answer = self.lane.ask("POST", "/login/", form)
        assert answer.status == (302 if right else 200), (number, answer.status, answer.body[:300])
        return answer.seconds

    def _commands(self) -> int:
        import redis
        from django.conf import settings

        return int(redis.Redis.from_url(settings.REDIS_URL).info("stats")["total_commands_processed"])


CLEARED = frozenset({"logincounter", "lockout", "auditevent", "accessattempt", "accesslog", "accessfailurelog"})


def fill_ours(rows: int) -> None:
    from django.db import connection

    postgresql = """
        INSERT INTO recovery_logincounter (key, slots, streak, lock_count, forget_at)
        SELECT hashint8extended(n, 1), jsonb_build_object('0123456789abcdef01', extract(epoch FROM now())), 1, 0,
        date_trunc('hour', now() + interval '25 hours') FROM generate_series(1, %s) AS n ON CONFLICT DO NOTHING"""
    sqlite = """
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)
        INSERT OR IGNORE INTO recovery_logincounter (key, slots, streak, lock_count, forget_at)
        SELECT random(), json_object('0123456789abcdef01', unixepoch()), 1, 0,
        strftime('%%Y-%%m-%%d %%H:00:00', 'now', '25 hours') FROM s"""
    with connection.cursor() as cursor:
        cursor.execute(postgresql if connection.vendor == "postgresql" else sqlite, [rows])


def fill_axes(rows: int) -> None:
    from django.db import connection

    columns = (
        "(user_agent, ip_address, username, http_accept, path_info, attempt_time, get_data, post_data,"
        " failures_since_start)"
    )
    postgresql = f"""
        INSERT INTO axes_accessattempt {columns} SELECT 'Mozilla/5.0', ('11.' || (n / 65536) %% 256 || '.' ||
        (n / 256) %% 256 || '.' || n %% 256)::inet, 'ghost' || n, '*/*', '/fill/', now(), '', 'username=x', 1
        FROM generate_series(1, %s) AS n"""
    sqlite = f"""
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)
        INSERT INTO axes_accessattempt {columns} SELECT 'Mozilla/5.0', '11.' || ((n / 65536) %% 256) || '.' ||
        ((n / 256) %% 256) || '.' || (n %% 256), 'ghost' || n, '*/*', '/fill/', datetime('now'), '', 'username=x', 1
        FROM s"""
    with connection.cursor() as cursor:
        cursor.execute(postgresql if connection.vendor == "postgresql" else sqlite, [rows])


FILLS = {"recovery": fill_ours, "axes_database": fill_axes}


def main() -> None:
    stage.set_up(os.environ["DATABASE_URL"], settings="benchmarks.login_site.settings")
    worker = Worker()
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(getattr(worker, command.pop("do"))(**command)), flush=True)


if __name__ == "__main__":
    main()
