"""What PostgreSQL and SQLite call the same thing, as far as counters need it. Statements stand in ``statements``."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Dialect:
    """SQL texts; ``{}`` is the column of slots. Times are those of the statement, by the database's clock."""

    now: str
    second: str
    later: str
    hour: str
    each: str
    at: str
    gathered: str
    slot: str
    joined: str
    without: str
    has: str
    greatest: str
    endless: str
    hastily: str
    """Ends what a statement returns; the commit then does not wait for the disk. A database that crashes may forget
    the tries of its last half second, and nobody who guesses can make it crash."""

    def count(self, slots: str, where: str) -> str:
        return f"(SELECT count(*) FROM {self.each.format(slots)} AS s WHERE {where})"

    def those(self, slots: str, where: str) -> str:
        return f"(SELECT {self.gathered} FROM {self.each.format(slots)} AS s WHERE {where})"

    @property
    def failed(self) -> str:
        return f"{self.at} <= {self.second}"

    @property
    def held(self) -> str:
        return f"{self.at} > {self.second}"


DIALECTS: Final = {
    "postgresql": Dialect(
        now="statement_timestamp()",
        second="extract(epoch FROM statement_timestamp())",
        later="statement_timestamp() + make_interval(secs => {})",
        hour="date_trunc('hour', statement_timestamp() + interval '{} seconds' + interval '1 hour')",
        each="jsonb_each({})",
        at="s.value::numeric",
        gathered="coalesce(jsonb_object_agg(s.key, s.value), '{}')",
        slot="jsonb_build_object({}, {})",
        joined="{} || {}",
        without="{} - {}",
        has="jsonb_exists({}, {})",
        greatest="greatest",
        endless="timestamptz '9999-12-31 00:00:00+00'",
        hastily=", set_config('synchronous_commit', 'off', true)",
    ),
    "sqlite": Dialect(
        now="strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')",
        second="round((julianday('now') - 2440587.5) * 86400.0, 3)",
        later="strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', ({}) || ' seconds')",
        hour="strftime('%%Y-%%m-%%d %%H:00:00', 'now', ({} + 3600) || ' seconds')",
        each="json_each({})",
        at="s.value",
        gathered="json_group_object(s.key, s.value)",
        slot="json_object({}, {})",
        joined="json_patch({}, {})",
        without="json_remove({}, '$.\"' || {} || '\"')",
        has="json_type({}, '$.\"' || {} || '\"') IS NOT NULL",
        greatest="max",
        endless="'9999-12-31 00:00:00'",
        hastily="",
    ),
}
