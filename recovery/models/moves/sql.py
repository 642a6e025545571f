"""The database's own clock, and what each database calls the same thing."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery.models.emails import Email
from recovery.signals import email_changed_state

LOCKS: Final = 64  # a power of two
LOCK_OF_ADDRESSES: Final = 0x7265636F  # "reco", PostgreSQL's first key of our advisory locks


def connection() -> BaseDatabaseWrapper:
    """Where emails are written."""
    return connections[router.db_for_write(Email)]


def is_postgresql() -> bool:
    return connection().vendor == "postgresql"


def table() -> str:
    return connection().ops.quote_name(Email._meta.db_table)


def now() -> str:
    """The moment of the statement: a transaction that notes and claims may be a while old on PostgreSQL."""
    return "statement_timestamp()" if is_postgresql() else "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"


def later(seconds: str) -> str:
    """``now`` and so many seconds, which are SQL."""
    if is_postgresql():
        return f"statement_timestamp() + make_interval(secs => {seconds})"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', {seconds} || ' seconds')"


def not_below_zero(amount: str) -> str:
    return f"{'greatest' if is_postgresql() else 'max'}(0, {amount})"


def words(states: Iterable[str]) -> str:
    """As a list of SQL literals: partial indexes are used only where their condition stands in the text."""
    return ", ".join(f"'{state!s}'" for state in states)


def among(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """``column IN (values)``. As one list where the database knows lists: psycopg cuts the text at each parameter, and
    remembers how only for texts with few of them."""
    if is_postgresql():
        return f"{column} = ANY(%s)", [list(values)]
    return f"{column} IN ({', '.join(['%s'] * len(values))})", list(values)


def key(value: UUID) -> Any:
    return Email._meta.pk.get_db_prep_value(value, connection())


def is_anybody_told() -> bool:
    """Whether the site listens to where its emails go."""
    return bool(email_changed_state.receivers)


def announce(states: Mapping[UUID, str]) -> None:
    """Tell the site, after the commit, where these emails are now."""
    if states and is_anybody_told():
        transaction.on_commit(partial(_tell, dict(states)), using=connection().alias, robust=True)


def _tell(states: Mapping[UUID, str]) -> None:
    for email_id, state in states.items():
        email_changed_state.send_robust(sender=Email, email_id=email_id, state=state)


def one_at_a_time(recipient_keys: Iterable[str]) -> None:
    """Let nobody else judge what came back from these addresses until the caller's transaction ends: of two bounces of
    one address at once, the second must see what the first has stopped. SQLite has one writer anyway.

    Addresses share few locks, taken in order: PostgreSQL has room for some thousands of them in all.
    """
    keys = sorted(set(recipient_keys))
    if not keys or not is_postgresql():
        return
    locks = f"SELECT DISTINCT hashtext(value) & {LOCKS - 1} AS number FROM unnest(%s::text[]) AS value ORDER BY 1"
    with connection().cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({LOCK_OF_ADDRESSES}, number) FROM ({locks}) AS locks", [keys])
