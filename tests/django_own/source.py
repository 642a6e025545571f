"""The source of the installed Django: its tests are in no wheel, so pip fetches the archive that has them."""

import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

import django

NEEDED: Final = ("auth_tests/", "mail/__init__.py", "mail/custombackend.py")


class NotFetched(Exception):
    """Neither here nor to be had; the text says why."""


def fetched_tests(cache: Path) -> Path:
    """The folder with Django's test packages; fetched into ``cache`` once for each version."""
    version = django.get_version()
    tests = cache / f"django-{version}" / "tests"
    if not (tests / "auth_tests").is_dir():
        _unpack(_archive(version, cache), cache)
    return tests


def _archive(version: str, cache: Path) -> Path:
    asked = [
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "--no-binary",
        "django",
        "-d",
        str(cache),
        f"django=={version}",
    ]
    said = []
    # An environment may have no pip of its own; the Python that it was made of has one.
    for python in dict.fromkeys((sys.executable, sys._base_executable)):  # type: ignore[attr-defined]
        done = subprocess.run([python, *asked], capture_output=True, text=True, timeout=300, check=False)
        if done.returncode == 0:
            return next(cache.glob(f"[Dd]jango-{version}.tar.gz"))
        said.append(done.stderr.strip()[-300:])
    raise NotFetched(f"The source of Django {version} could not be fetched: {' / '.join(said)}")


def _unpack(archive: Path, cache: Path) -> None:
    with tarfile.open(archive) as source:
        top = source.next().name.partition("/")[0]  # type: ignore[union-attr]
        wanted = tuple(f"{top}/tests/{each}" for each in NEEDED)
        members = [member for member in source.getmembers() if member.name.startswith(wanted)]
        source.extractall(cache, members=members, filter="data")
    if top != (name := top.lower()):
        (cache / top).rename(cache / name)
    archive.unlink()
