"""
Runs the whole matrix: every pair of an installed Python and a Django.

    python tests/tox_all.py [tox arguments] [-- pytest arguments]

tox looks on PATH only, and by itself skips silently what it does not find there. This looks in pyenv's folders too,
puts what it finds on PATH, and lets tox fail for any of them that does not start.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.11", "3.12", "3.13")


def find(version: str) -> Path | None:
    """The interpreter itself. A shim that answers for several versions may have none of this one behind it."""
    on_path = shutil.which(f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [*sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)]
    for candidate in [on_path, *candidates] if on_path else candidates:
        tried = subprocess.run(
            [candidate, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False
        )
        if tried.returncode == 0:
            return Path(tried.stdout.strip())
    return None


def main() -> int:
    found = {version: find(version) for version in VERSIONS}
    for version, interpreter in found.items():
        print(f"Python {version}: {interpreter or 'not installed here'}", flush=True)
    folders = [str(interpreter.parent) for interpreter in found.values() if interpreter]
    environment = {**os.environ, "PATH": os.pathsep.join([*folders, os.environ["PATH"]])}
    tox = [sys.executable, "-m", "tox"]
    listed = subprocess.run(
        [*tox, "list", "--no-desc"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    missing = tuple("py" + version.replace(".", "") for version, interpreter in found.items() if not interpreter)
    chosen = [name for name in listed if name.startswith("py") and not name.startswith(missing)]
    command = [*tox, "run", "--skip-missing-interpreters", "false", "-e", ",".join(chosen), *sys.argv[1:]]
    return subprocess.call(command, cwd=ROOT, env=environment)


if __name__ == "__main__":
    sys.exit(main())
