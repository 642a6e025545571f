"""Guesses and right passwords that come all at once, round after round: ``python -m tests.races.signing_in``.

Real processes with real threads, on PostgreSQL with and without ``ATOMIC_REQUESTS`` and on SQLite. A spy in the hasher
counts passwords that were looked at. Prints what each round let through, and ends with 1 if one let through too much.
The tests do the same with a few rounds (``test_sign_ins``). What needs Django is imported once the
database has an address.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from example_project import servers
from tests import databases, hash_spy
from tests.races import site

KINDS = ("postgresql", "sqlite")
LIMIT = 5
RIGHT = "correct horse battery staple"
SHAPES = ((2, 4), (2, 16))  # processes, threads
SIZES = (50, 200)
SLOW = "0.03"  # seconds for a hash


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one round."""

    checked: int
    let_in: int
    is_right_among: bool

    @property
    def wrong_checked(self) -> int:
        return self.checked - self.let_in

    @property
    def is_held(self) -> bool:
        return self.wrong_checked <= LIMIT and self.let_in <= self.is_right_among


class Race:
    """A served site; everybody whom it is about has the right password ``RIGHT``."""

    def __init__(self, port: int, spied: Path) -> None:
        self.port, self.spied = port, spied

    def guesses(self, name: str, number: int, *, right_among: bool) -> Round:
        passwords = [f"wrong {each}" for each in range(number)]
        if right_among:
            passwords[random.randrange(number)] = RIGHT
        before = self.spied.stat().st_size
        let_in = site.signed_in(self.port, name, passwords)
        return Round(self.spied.stat().st_size - before, let_in, right_among)

    def right_ones(self, name: str, number: int) -> int:
        """How many of so many right passwords at once let in."""
        return site.signed_in(self.port, name, [RIGHT] * number)


@contextmanager
def racing(
    environment: Mapping[str, str], spied: Path, *, processes: int, threads: int, is_atomic: bool = False
) -> Iterator[Race]:
    spied.touch()
    site_environment = {
        **environment,
        "DJANGO_SETTINGS_MODULE": "tests.races.settings",
        "ATOMIC_REQUESTS": str(int(is_atomic)),
        hash_spy.STORE: str(spied),
        hash_spy.SLOWNESS: SLOW,
    }
    with site.served(site_environment, processes=processes, threads=threads) as port:
        yield Race(port, spied)


def people(count: int) -> list[str]:
    """So many accounts more."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    first = users.count()
    hasher = hash_spy.SpyHasher()
    password = hasher.encode(RIGHT, hasher.salt())  # with a shorter salt, Django hashes anew at a success
    names = [f"racer{number}" for number in range(first, first + count)]
    users.bulk_create([get_user_model()(username=name, password=password) for name in names])
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--database", choices=KINDS, help="one only (both)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recovery-races-") as folder, servers.stopping_at_signals():
        if options.database:
            sys.exit(0 if run(options.database, options.rounds, Path(folder)) else 1)
        # Django knows one database for its life.
        again = [sys.executable, "-m", "tests.races.signing_in", "--rounds", str(options.rounds), "--database"]
        sys.exit(max([subprocess.run([*again, kind], check=False).returncode for kind in KINDS]))


def run(kind: str, rounds: int, folder: Path) -> bool:
    if kind == "sqlite":
        return _run(kind, f"sqlite:///{folder}/site.sqlite3", rounds, folder)
    with servers.postgresql(os.environ.get("DATABASE_URL_postgresql")) as server:
        return _run(kind, server.url, rounds, folder)


def _run(kind: str, url: str, rounds: int, folder: Path) -> bool:
    own = {"DATABASE_URL": url, databases.CLAIMED: "main", "REDIS_URL": databases.NOWHERE}
    os.environ.update({**own, "DJANGO_SETTINGS_MODULE": "tests.races.settings"})
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    is_held = True
    print("database    ATOMIC  processes x threads  guesses  right among  rounds  wrong ones checked  let in")
    for is_atomic in (False, True) if kind == "postgresql" else (False,):
        for number, (processes, threads) in enumerate(SHAPES):
            spied = folder / f"hashed-{is_atomic}-{number}"
            with racing(own, spied, processes=processes, threads=threads, is_atomic=is_atomic) as race:
                for size in SIZES:
                    for among in (False, True):
                        found = [race.guesses(name, size, right_among=among) for name in people(rounds)]
                        is_held &= all(each.is_held for each in found)
                        checked = sorted({each.wrong_checked for each in found})
                        print(
                            f"{kind:<12}{is_atomic!s:<8}{processes} x {threads:<17}{size:<9}{among!s:<13}{rounds:<8}"
                            f"{', '.join(map(str, checked)):<20}{sum(each.let_in for each in found)}",
                            flush=True,
                        )
                let_in = [race.right_ones(name, 50) for name in people(rounds)]
                is_held &= set(let_in) == {50}
                print(f"  50 right ones at once, {rounds} rounds: let in {min(let_in)} to {max(let_in)}", flush=True)
    return is_held


if __name__ == "__main__":
    main()
