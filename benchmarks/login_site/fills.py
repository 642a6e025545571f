"""Counters of other people's names, as many as are asked for, made by the databases themselves. All still count."""

from collections.abc import Callable
from typing import Any, Final

OURS: Final = {
    "postgresql": """
        INSERT INTO recovery_logincounter (key, slots, taken, failed, streak, lock_count, forget_at)
        SELECT hashint8extended(n, 1), jsonb_build_object('0123456789abcdef01', extract(epoch FROM now())), 1, 1, 1, 0,
        date_trunc('hour', now() + interval '25 hours') FROM generate_series(1, %s) AS n""",
    "sqlite": """
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)
        INSERT INTO recovery_logincounter (key, slots, taken, failed, streak, lock_count, forget_at)
        SELECT random(), json_object('0123456789abcdef01', unixepoch()), 1, 1, 1, 0,
        strftime('%%Y-%%m-%%d %%H:00:00', 'now', '25 hours') FROM s""",
}
AXES: Final = {
    "postgresql": """
        INSERT INTO axes_accessattempt (user_agent, ip_address, username, http_accept, path_info, attempt_time,
        get_data, post_data, failures_since_start) SELECT 'Mozilla/5.0', ('11.' || (n / 65536) %% 256 || '.' ||
        (n / 256) %% 256 || '.' || n %% 256)::inet, 'ghost' || n, '*/*', '/fill/', now(), '', 'username=x', 1
        FROM generate_series(1, %s) AS n""",
    "sqlite": """
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)
        INSERT INTO axes_accessattempt (user_agent, ip_address, username, http_accept, path_info, attempt_time,
        get_data, post_data, failures_since_start) SELECT 'Mozilla/5.0', '11.' || ((n / 65536) %% 256) || '.' ||
        ((n / 256) %% 256) || '.' || (n %% 256), 'ghost' || n, '*/*', '/fill/', datetime('now'), '', 'username=x', 1
        FROM s""",
}
DEFENDER: Final = {
    "postgresql": """
        INSERT INTO defender_accessattempt (user_agent, ip_address, username, http_accept, path_info, attempt_time,
        login_valid) SELECT 'Mozilla/5.0', ('11.' || (n / 65536) %% 256 || '.' || (n / 256) %% 256 || '.' ||
        n %% 256)::inet, 'ghost' || n, '*/*', '/fill/', now(), false FROM generate_series(1, %s) AS n""",
    "sqlite": """
        WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %s)
        INSERT INTO defender_accessattempt (user_agent, ip_address, username, http_accept, path_info, attempt_time,
        login_valid) SELECT 'Mozilla/5.0', '11.' || ((n / 65536) %% 256) || '.' || ((n / 256) %% 256) || '.' ||
        (n %% 256), 'ghost' || n, '*/*', '/fill/', datetime('now'), 0 FROM s""",
}
KEYS: Final = "for n = ARGV[1], ARGV[2] do redis.call('SET', KEYS[1] .. n, '1', 'EX', 900) end"
STEP: Final = 100_000  # keys in one script, so that the server stays answerable


def ours(rows: int) -> None:
    _insert(OURS, rows)


def axes_database(rows: int) -> None:
    _insert(AXES, rows)


def axes_redis(rows: int) -> None:
    _set(":1:axes-" + "f" * 56, rows)


def defender(rows: int) -> None:
    """Its counters lie in Redis; it also keeps a row of each try, and reads none."""
    _insert(DEFENDER, rows)
    _set("defender:failed:username:ghost", rows)


FILLS: Final[dict[str, Callable[[int], None]]] = {
    "recovery": ours,
    "axes_database": axes_database,
    "axes_redis": axes_redis,
    "defender": defender,
}


def settle() -> None:
    """Statistics are those of the filled tables, and what was written lies on the disk."""
    from django.db import connection

    ends = {"postgresql": ("VACUUM ANALYZE", "CHECKPOINT"), "sqlite": ("ANALYZE", "PRAGMA wal_checkpoint(TRUNCATE)")}
    with connection.cursor() as cursor:
        for statement in ends[connection.vendor]:
            cursor.execute(statement)


def _insert(statements: dict[str, str], rows: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statements[connection.vendor], [rows])


def _set(prefix: str, rows: int) -> None:
    import redis
    from django.conf import settings

    client: Any = redis.Redis.from_url(settings.GUARD_REDIS_URL)
    for first in range(1, rows + 1, STEP):
        client.eval(KEYS, 1, prefix, first, min(first + STEP - 1, rows))
