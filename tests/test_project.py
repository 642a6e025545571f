"""The project itself: what a bare Python gets from ``manage.py``, what a killed parent leaves, what the wheel holds."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from example_project import ports, servers

ROOT = servers.ROOT
PYTHON = getattr(sys, "_base_executable", sys.executable)
"""The Python below our own environment."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose requirements are empty and whose Django only tells where it runs: no network, no half minute."""
    root = tmp_path_factory.mktemp("checkout").resolve()
    (root / "example_project").mkdir()
    for path in ("manage.py", "example_project/__init__.py", "example_project/bootstrap.py"):
        shutil.copy(ROOT / path, root / path)
    (root / "requirements").mkdir()
    for name in ("demo", "test", "dev"):
        (root / "requirements" / f"{name}.txt").write_text("# nothing\n")
    stub = root / "django" / "core" / "management"
    stub.mkdir(parents=True)
    stub.joinpath("__init__.py").write_text(
        "import sys\ndef execute_from_command_line(argv):\n    print(sys.prefix, *argv[1:])\n"
    )
    return root


def run(root: Path, *arguments: str, python: str = PYTHON, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "RECOVERY_NO_BOOTSTRAP"}}
    return subprocess.run(
        [python, str(root / "manage.py"), *arguments],
        cwd="/",
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


class TestABarePython:
    """The tests of one environment, in the order of its life."""

    def test_gets_an_environment_and_goes_on_there_with_the_same_arguments(self, checkout: Path) -> None:
        done = run(checkout, "demo", "--once")
        assert done.stdout.split() == [str(checkout / ".venv"), "demo", "--once"], done.stderr
        assert "Making a virtual environment" in done.stderr

    def test_says_and_does_nothing_the_second_time(self, checkout: Path) -> None:
        done = run(checkout, "demo")
        assert (done.stdout.split(), done.stderr) == ([str(checkout / ".venv"), "demo"], "")

    def test_installs_again_when_a_requirement_changes(self, checkout: Path) -> None:
        run(checkout, "test")
        (checkout / "requirements" / "demo.txt").write_text("# something else\n")
        assert "Installing requirements/test.txt" in run(checkout, "test").stderr
        assert run(checkout, "demo").stderr == ""

    def test_heals_after_an_installation_that_was_interrupted(self, checkout: Path) -> None:
        (checkout / ".venv" / "installed-demo").unlink()
        assert "Installing requirements/demo.txt" in run(checkout, "demo").stderr
        shutil.rmtree(checkout / ".venv" / "bin")
        assert "Making a virtual environment" in run(checkout, "demo").stderr

    def test_tells_what_failed_and_leaves_no_stamp(self, checkout: Path) -> None:
        (checkout / "requirements" / "test.txt").write_text("-r missing.txt\n")
        done = run(checkout, "test")
        assert done.returncode == 1
        assert "pip could not install" in done.stderr
        assert "Installing" in run(checkout, "test").stderr

    @pytest.mark.parametrize("command", ["migrate", "runserver", "check", ""])
    def test_gets_nothing_for_another_command(self, checkout: Path, command: str) -> None:
        done = run(checkout, *command.split())
        assert done.stdout.split()[0] != str(checkout / ".venv")
        assert done.stderr == ""

    def test_is_left_alone_when_asked(self, checkout: Path) -> None:
        done = run(checkout, "demo", RECOVERY_NO_BOOTSTRAP="1")
        assert done.stdout.split()[0] != str(checkout / ".venv")


def test_an_environment_that_somebody_else_made_is_not_touched(checkout: Path, tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    shutil.copytree(checkout, root, ignore=shutil.ignore_patterns(".venv"))
    (root / ".venv").mkdir()
    (root / ".venv" / "precious").write_text("mine")
    done = run(root, "demo")
    assert done.returncode == 1
    assert "was not made by manage.py" in done.stderr
    assert (root / ".venv" / "precious").read_text() == "mine"


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="There is no active environment.")
def test_an_active_environment_is_told_what_it_lacks(checkout: Path, tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    shutil.copytree(checkout, root, ignore=shutil.ignore_patterns(".venv"))
    (root / "requirements" / "demo.txt").write_text("pytest>=1\npytest>=9999\nno-such-package[extra]~=1.0\n")
    done = run(root, "demo", python=sys.executable)
    assert done.returncode == 1
    assert "lacks pytest>=9999, no-such-package[extra]~=1.0." in done.stderr
    assert f"{sys.executable} -m pip install -r {root}/requirements/demo.txt" in done.stderr
    assert not (root / ".venv").exists()


PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
from example_project import servers
with servers.stopping_at_signals(), servers.broker() as broker:
    print(broker.process.pid, broker.url.split(":")[2].split("/")[0], flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(ROOT)],
        stdin=subprocess.PIPE,  # it lives until somebody ends it, however long that takes
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def lives(process: psutil.Process) -> bool:
    """A zombie is dead: in a container nobody may be there to collect it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.broker
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_parent_that_ends_leaves_no_process_no_port_and_no_folder(parent: "subprocess.Popen[str]", name: str) -> None:
    assert parent.stdout is not None
    pid, port = map(int, parent.stdout.readline().split())
    minder = psutil.Process(pid)
    room = Path(next(part for part in minder.cmdline() if "recovery-server-" in part))
    family = [minder, *minder.children(recursive=True)]
    assert len(family) == 2
    assert room.exists()

    parent.send_signal(signal.Signals[name])

    deadline = time.monotonic() + 60  # nobody can be told of the end of a process that is not his child
    while any(map(lives, family)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [each for each in family if lives(each)] == []
    assert not ports.is_listening(port)
    assert not room.exists()


def test_a_server_that_dies_early_is_told_with_its_last_words() -> None:
    server = servers.mind("Doomed", "", [sys.executable, "-c", "print('no room at the inn'); raise SystemExit(3)"])
    with pytest.raises(servers.ServerDied, match=r"Doomed ended by itself\.\nno room at the inn"):
        server.wait_until(lambda: False)


def test_a_server_that_never_answers_is_stopped() -> None:
    server = servers.mind("Mute", "", [sys.executable, "-c", "import time; time.sleep(60)"])
    with pytest.raises(servers.ServerDied, match=r"Mute did not answer within 1 seconds"):
        server.wait_until(lambda: False, seconds=1)
    assert not server.is_alive


def test_a_given_url_is_used_and_its_server_left_alone() -> None:
    with servers.broker("redis://elsewhere/3") as broker, servers.postgresql("postgres://elsewhere/x") as postgresql:
        assert (broker.url, broker.process) == ("redis://elsewhere/3", None)
        assert (postgresql.url, postgresql.process) == ("postgres://elsewhere/x", None)


@pytest.mark.parametrize(
    ("url", "second"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/1"),
        ("redis://127.0.0.1:6379/4", "redis://127.0.0.1:6379/5"),
        ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379/1"),
        ("redis://:secret@broker/", "redis://:secret@broker/1"),
    ],
)
def test_two_processes_get_two_numbers_of_one_broker(url: str, second: str) -> None:
    assert servers.numbered(url, 1) == second


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_skip_of_what_ci_has_is_a_failure_there(tmp_path: Path, ci: str, code: int) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.broker\ndef test_it():\n    pytest.skip('There is no Redis here.')\n"
        "def test_other():\n    pytest.skip('For another reason.')\n"
    )
    needless = [f"-pno:{name}" for name in ("schemathesis", "hypothesispytest", "faker")]  # they take long to load
    command = ["-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "-p", "tests.conftest", *needless]
    environment = {**os.environ, "CI": ci}
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("django_account_recovery-*.whl")))


def test_the_wheel_holds_the_whole_app_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tracked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "recovery").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == tracked
    for suffix in (".html", ".css", ".js", ".mo", "py.typed"):
        assert any(name.endswith(suffix) for name in held), suffix


def test_the_wheel_caps_no_version_of_django(wheel: zipfile.ZipFile) -> None:
    metadata = wheel.read(next(name for name in wheel.namelist() if name.endswith("METADATA"))).decode()
    assert "Requires-Python: >=3.11" in metadata
    assert re.search(r"^Requires-Dist: django>=5\.2$", metadata, re.MULTILINE | re.IGNORECASE)
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_the_demo_installs_what_the_app_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = (ROOT / "requirements" / "demo.txt").read_text().lower()
    names = [re.split(r"[<>=~\[]", line)[0].lower() for line in project["dependencies"]]
    assert [name for name in names if not re.search(rf"^{name}\b", listed, re.MULTILINE)] == []


def test_the_bootstrap_needs_nothing_but_the_standard_library() -> None:
    assert (ROOT / "example_project" / "__init__.py").read_text() == ""
    for name in ("bootstrap.py", "minder.py"):
        tree = ast.parse((ROOT / "example_project" / name).read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
        assert {each.split(".")[0] for each in imported} <= sys.stdlib_module_names
