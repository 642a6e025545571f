"""The database's own clock, and what each database calls the same thing."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from recovery.models.emails import Email
from recovery.signals import email_changed_state


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


def key(value: UUID) -> Any:
    return Email._meta.pk.get_db_prep_value(value, connection())


def announce(states: Mapping[UUID, str]) -> None:
    """Tell the site, after the commit, where these emails are now."""
    if states and email_changed_state.receivers:
        transaction.on_commit(partial(_tell, dict(states)), using=connection().alias, robust=True)


def _tell(states: Mapping[UUID, str]) -> None:
    for email_id, state in states.items():
        email_changed_state.send_robust(sender=Email, email_id=email_id, state=state)
