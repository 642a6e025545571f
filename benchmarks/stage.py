"""The machine room: servers, one database for each number of users, and a process for each kind of database.

PostgreSQL and the broker come from ``example_project.servers`` and end with us. PostgreSQL runs as it does in
production: a commit waits for the disk.
"""

import argparse
import contextlib
import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from example_project import servers

OUT = Path(__file__).with_name("results") / "local"
KINDS = ("sqlite", "postgresql")
PASSWORD = "right-horse-7-battery"


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--database", choices=KINDS, action="append", help="one kind only (both)")
    parser.add_argument("--users", type=int, action="append", help="numbers of users to try (1000 and 100000)")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the JSON files (%(default)s)")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    return parser


def needs(*peers: str) -> None:
    """End with 2, and say what to install, where one of these modules is missing."""
    if missing := [peer for peer in peers if find_spec(peer) is None]:
        print(
            f"Not installed: {', '.join(missing)}. First: pip install -r requirements/benchmarks.txt", file=sys.stderr
        )
        sys.exit(2)


def in_a_process_each(module: str, options: argparse.Namespace) -> None:
    """Run ``module`` once more for each kind of database, with its URL, beside a broker of its own. With ``keep`` among
    the options, SQLite's databases stay in that folder, and a PostgreSQL that was named keeps its own."""
    keep: Path | None = getattr(options, "keep", None)
    with ExitStack() as stack:
        stack.enter_context(servers.stopping_at_signals())
        broker = stack.enter_context(servers.broker(os.environ.get("REDIS_URL")))
        for kind in options.database or KINDS:
            with ExitStack() as one:
                if kind == "postgresql":
                    url = one.enter_context(
                        servers.postgresql(os.environ.get("DATABASE_URL_postgresql"), durable=True)
                    ).url
                    if not keep:
                        _drop_databases_of_earlier_runs(url)
                else:
                    folder = keep or one.enter_context(tempfile.TemporaryDirectory(prefix="recovery-benchmark-"))
                    url = f"sqlite:///{folder}/site.sqlite3"
                command = [sys.executable, "-m", module, *sys.argv[1:], "--url", url]
                subprocess.run(command, env={**os.environ, "REDIS_URL": broker.url}, check=True)


def _drop_databases_of_earlier_runs(url: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(url.replace("postgres://", "postgresql://", 1), autocommit=True) as connection:
        ours = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^benchmark_[0-9a-z_]+$'").fetchall()
        for (name,) in ours:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def set_up(url: str, *, settings: str = "benchmarks.settings", trusted_proxies: int = 0) -> str:
    """Make this process the site on that database; returns the kind of database."""
    os.environ.update(DATABASE_URL=url, DJANGO_SETTINGS_MODULE=settings, TRUSTED_PROXIES=str(trusted_proxies))
    import django

    django.setup()
    from example_project import celery  # noqa: F401 - the broker that the pages ring

    logging.disable(logging.CRITICAL)
    from django.db import connection

    return connection.vendor


def populate(users: int, *, name: str = "") -> None:
    """Go to the database of that many users, or of that name; the first time, make and fill it."""
    from django.core.management import call_command
    from django.db import connection

    name = _name(name or users)
    if connection.vendor == "postgresql":
        _go_to("postgres")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            is_new = cursor.fetchone() is None
            if is_new:
                # Letters of all languages, as in production: comparing without case costs more than in plain C.
                locale = " TEMPLATE template0 LOCALE_PROVIDER builtin LOCALE 'C.UTF-8'"
                cursor.execute(f"CREATE DATABASE {name}" + (locale if connection.pg_version >= 170000 else ""))
    else:
        is_new = not Path(name).exists()
    _go_to(name)
    if is_new:
        call_command("migrate", verbosity=0)
        _fill(users)


def go_to(users: int | str) -> None:
    """From here on, this process works in the database of that many users."""
    _go_to(_name(users))


def turn_to(users: int | str) -> None:
    """The same, and each of the databases keeps its connection: what a connection learns, it learns once."""
    from django.db import connection

    name = _name(users)
    _kept[connection.settings_dict["NAME"]] = connection.connection
    connection.connection, connection.settings_dict["NAME"] = _kept.get(name), name
    connection.ensure_connection()


_kept: dict[str, Any] = {}


def processor_seconds() -> float:
    """What this process has used, and the process that PostgreSQL has for its connection, if that is on this machine;
    not what PostgreSQL gives to further ones for parts of one statement."""
    from django.db import connection

    used = time.process_time()
    if connection.vendor == "postgresql":
        with contextlib.suppress(OSError):
            server = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text()
            used += int(server.split()[0]) / 1e9
    return used


def url_of(users: int) -> str:
    """The URL of that database, for other processes."""
    kind, _, rest = os.environ["DATABASE_URL"].partition("://")
    return f"{kind}://{rest.rpartition('/')[0]}/{Path(_name(users)).name}"


def address(number: int, *, known: bool = True) -> str:
    """An address of a user, or one that nobody has; nothing in it tells which."""
    return f"{hashlib.sha256(f'{known} {number}'.encode()).hexdigest()[:12]}@members.example"


def _name(users: int | str) -> str:
    from django.db import connection

    if connection.vendor == "postgresql":
        return f"benchmark_{users}"
    return str(Path(os.environ["DATABASE_URL"].removeprefix("sqlite:///")).with_name(f"{users}.sqlite3"))


def _go_to(name: str) -> None:
    from django.db import connection

    if connection.settings_dict["NAME"] != name:
        connection.close()
        connection.settings_dict["NAME"] = name
    connection.ensure_connection()


def _fill(users: int) -> None:
    """Of ten users, one is inactive and one has no password; which they are, is in their number."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.db import connection

    password, unusable = make_password(PASSWORD), make_password(None)
    rows: Any = (
        User(
            username=address(n),
            email=address(n),
            password=unusable if n % 10 == 1 else password,
            is_active=n % 10 != 0,
            first_name="Una",
            last_name=f"Number {n}",
        )
        for n in range(users)
    )
    User.objects.bulk_create(rows, batch_size=2000)
    EmailAddress.objects.bulk_create(
        (EmailAddress(user_id=pk, email=email, verified=True, primary=True) for pk, email in _all(User)),
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _all(model: Any) -> Any:
    return list(model.objects.values_list("pk", "email"))
