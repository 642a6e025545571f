"""
Gives ``manage.py demo`` and ``manage.py test`` what they need, on a machine that has only Python.

Standard library only, and plain enough to tell an old Python what is wrong. Outside a virtual environment both commands
run in ``.venv`` beside ``manage.py``, which is made from ``requirements/`` the first time. A Django installed for the
whole machine is not trusted to be the right one. An active environment is respected: never installed into, only
checked. ``RECOVERY_NO_BOOTSTRAP=1`` turns all of this off. By hand: ``python3 example_project/bootstrap.py dev``.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = ("demo", "test")
INCLUDED = {"demo": ["demo"], "test": ["demo", "test"], "dev": ["demo", "test", "dev"]}
"""Each set of requirements, with those that it reads."""


def ensure_environment(argv: list[str]) -> None:
    """Return when ``argv`` can run here; else make an environment where it can and continue there, in this process."""
    command = argv[1] if len(argv) > 1 else ""
    if command not in COMMANDS or os.environ.get("RECOVERY_NO_BOOTSTRAP") == "1":
        return
    python = prepare(command)
    if python != sys.executable:
        os.execv(python, [python, *argv])  # noqa: S606 - the same command, in the right place


def prepare(requirements: str) -> str:
    """The interpreter that has ``requirements`` (demo, test or dev), made if need be."""
    if sys.version_info < (3, 11):  # noqa: UP036 - runs before pip could refuse
        sys.exit(f"This needs Python 3.11 or newer; {sys.executable} is Python {sys.version.split()[0]}.")
    home = ROOT / ".venv"
    is_own = Path(sys.prefix).resolve() == home and label_of(home).exists()
    if sys.prefix != sys.base_prefix and not is_own:
        refuse_if_incomplete(requirements)
        return sys.executable
    python = home / "bin" / "python"
    if not is_own:
        make(home)
    if not is_current(home, requirements):
        install(home, python, requirements)
    return sys.executable if is_own else str(python)


def make(home: Path) -> None:
    """Make the virtual environment, unless a finished one of this Python stands there."""
    label = label_of(home)
    if label.exists() and label.read_text() == sys.version and (home / "bin" / "pip").exists():
        return
    if home.exists() and not label.exists():
        sys.exit(
            f"{home} was not made by manage.py. Activate it (source .venv/bin/activate) and start again, or remove it."
        )
    say(f"Making a virtual environment in {home} ...")
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    # Written first: whatever is interrupted from here on is known as ours, and made again.
    label.write_text(sys.version)
    if subprocess.call([sys.executable, "-m", "venv", str(home)], stdout=sys.stderr):
        sys.exit("Python could not make it. On Debian and Ubuntu this helps: sudo apt-get install python3-venv")


def install(home: Path, python: Path, requirements: str) -> None:
    say(f"Installing requirements/{requirements}.txt into it, about a quarter of a minute ...")
    line = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "-r", path_of(requirements)]
    if subprocess.call([str(python), *map(str, line)], stdout=sys.stderr):
        sys.exit("pip could not install them; its words are above. Once that is mended, start the same command again.")
    # Written last, so that an interrupted installation is done again.
    for each in INCLUDED[requirements]:
        stamp_of(home, each).write_text(fingerprint(each))


def is_current(home: Path, requirements: str) -> bool:
    stamp = stamp_of(home, requirements)
    return stamp.exists() and stamp.read_text() == fingerprint(requirements)


def refuse_if_incomplete(requirements: str) -> None:
    """Leave somebody's active environment as it is, and say what it lacks."""
    missing = [line for each in INCLUDED[requirements] for line in lines_of(each) if not is_installed(line)]
    if missing:
        sys.exit(
            f"The active environment {sys.prefix} lacks {', '.join(missing)}.\n"
            f"Install with: {sys.executable} -m pip install -r {path_of(requirements)}\n"
            "Or leave it (deactivate), and manage.py makes one of its own."
        )


def is_installed(line: str) -> bool:
    """Whether a requirement is there, at its lower bound at least. One bound to a platform (;) is pip's to judge."""
    match = re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*(?:[~>=]=\s*([\d.]+))?\s*(;)?", line)
    if match is None or match.group(3):
        return True
    try:
        found = importlib.metadata.version(match.group(1))
    except importlib.metadata.PackageNotFoundError:
        return False
    return numbers(found) >= numbers(match.group(2) or "0")


def numbers(version: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", version)]


def lines_of(requirements: str) -> list[str]:
    lines = (line.strip() for line in path_of(requirements).read_text().splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def fingerprint(requirements: str) -> str:
    """Changes when a requirement file or the Python does."""
    digest = hashlib.sha256(sys.version.encode())
    for each in INCLUDED[requirements]:
        digest.update(path_of(each).read_bytes())
    return digest.hexdigest()


def path_of(requirements: str) -> Path:
    return ROOT / "requirements" / f"{requirements}.txt"


def stamp_of(home: Path, requirements: str) -> Path:
    return home / f"installed-{requirements}"


def label_of(home: Path) -> Path:
    """Marks an environment that manage.py made, and may make again."""
    return home / "made-by-manage-py"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    print(prepare(sys.argv[1] if len(sys.argv) > 1 else "dev"))
