"""The wheel, installed into an empty site by the README's five steps, word for word and nothing beside: a worker mails
whoever asks. Of the distributions installed here it sees those alone that the wheel itself asks for."""

import ast
import importlib.metadata
import os
import queue
import re
import shlex
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from example_project import servers
from tests.posted_to import Postmark

ROOT = servers.ROOT
LANGUAGES = ("ar", "de", "es", "fr")
README = (ROOT / "README.md").read_text()
OURS = re.compile(r"PYTHON|DJANGO|COV|CELERY|RECOVERY|POSTMARK|WEBHOOK|REDIS")

ASKING = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
import django
django.setup()

from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils.translation import override

amelie = User.objects.create_user("amelie", "amelie@example.net", "correct horse battery staple")
client = Client(HTTP_HOST="localhost")
page = client.get("/recovery/forgot/")
assert page.status_code == 200, page.status_code
with override("ar"):
    assert 'dir="rtl"' in client.get("/recovery/forgot/").content.decode()
assert client.get("/accounts/password_reset/").status_code == 200
assert client.get("/.well-known/change-password").status_code == 302
assert finders.find("recovery/recovery.css")
staff = Client(HTTP_HOST="localhost")
staff.force_login(User.objects.create_superuser("boss"))
button = staff.get(f"/admin/auth/user/{amelie.pk}/change/").content.decode()
assert "Send reset link" in button
asked = client.post("/recovery/forgot/", {"identifier": "amelie@example.net"})
assert asked.status_code == 302, asked.content
"""


def steps() -> list[str]:
    """The README's five steps, each without its indentation."""
    section = README.split("## Into an existing site, in five steps")[1].split("\n## ")[0]
    found = [re.sub(r"^   ", "", step, flags=re.MULTILINE) for step in re.split(r"^\d\. ", section, flags=re.MULTILINE)]
    assert len(found) == 6
    return found[1:]


def blocks(step: str) -> list[tuple[str, str]]:
    """What a step has one do, in its order: the language of each block, and its text."""
    return re.findall(r"^```(\w+)\n(.*?)^```", step, re.MULTILINE | re.DOTALL)


def alone() -> dict[str, str]:
    """This environment, without what tells a process of this checkout."""
    return {name: value for name, value in os.environ.items() if not OURS.match(name)}


def run(*command: str | Path, cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**alone(), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def needed(wheel: Path) -> Iterator[importlib.metadata.Distribution]:
    """The distributions that the wheel asks for, and those that these ask for, as they are installed here."""
    [told] = importlib.metadata.Distribution.discover(path=[str(wheel)])
    waiting = [(each, "") for each in told.requires or ()]
    seen: set[tuple[str, str]] = set()
    while waiting:
        text, extra = waiting.pop()
        required = Requirement(text)
        if required.marker and not required.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(required.name)
        for wanted in ("", *required.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                found = importlib.metadata.distribution(name)
                waiting += [(each, wanted) for each in found.requires or ()]
                yield found


def linked(found: importlib.metadata.Distribution, packages: Path) -> None:
    """Have it stand in another environment, too."""
    for top in {path.parts[0] for path in found.files or ()} - {"..", "__pycache__"}:
        place = packages / top
        if not place.exists():
            place.symlink_to(Path(str(found.locate_file(top))).resolve())


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that holds the wheel and what it depends on; pip finds nothing missing."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    made = folder / "env" / "bin" / "python"
    [packages] = (folder / "env" / "lib").glob("python*/site-packages")
    for found in needed(wheel):
        linked(found, packages)
    run(sys.executable, "-m", "pip", "--python", made, "install", "-q", "--no-index", wheel, cwd=folder)
    script = made.parent / "celery"
    script.write_text(f"#!{made}\nfrom celery.__main__ import main\nmain()\n")
    script.chmod(0o755)
    return made


pytestmark = [pytest.mark.slow, pytest.mark.sqlite]


def test_what_is_installed_is_the_wheel_and_not_this_checkout(python: Path, tmp_path: Path) -> None:
    found = run(python, "-c", "import recovery; print(recovery.__file__)", cwd=tmp_path).strip()
    assert Path(found).is_relative_to(python.parents[1])


def test_the_catalogues_come_compiled_and_templates_and_styles_come_along(python: Path) -> None:
    [package] = (python.parents[1] / "lib").glob("python*/site-packages/recovery")
    for language in LANGUAGES:
        compiled = package / "locale" / language / "LC_MESSAGES" / "django.mo"
        assert compiled.read_bytes()[:4] in (b"\xde\x12\x04\x95", b"\x95\x04\x12\xde"), language
    for kind, number in (("templates", 60), ("static", 4), ("contrib/prometheus", 5)):
        held = [path for path in (package / kind).rglob("*") if path.is_file()]
        assert len(held) >= number, kind


def test_an_empty_site_takes_it_in_five_steps_and_a_worker_mails_whoever_asks(python: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    run(python, "-m", "django", "startproject", "mysite", site, cwd=site)
    with Postmark(tmp_path) as postmark, servers.broker() as broker:
        environment = {
            **postmark.environment,
            "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
            "POSTMARK_SERVER_TOKEN": "token-of-the-site",
            "WEBHOOK_SECRET": "user:password",
            "REDIS_URL": broker.url,
        }
        said, workers = follow(site, environment)
        try:
            run(python, "manage.py", "makemigrations", "--check", "--dry-run", cwd=site, environment=environment)
            # Only what is critical ends it: of an empty site Django itself has its own to say.
            left = run(
                python, "manage.py", "check", "--deploy", "--fail-level", "CRITICAL", cwd=site, environment=environment
            )
            (site / "asking.py").write_text(ASKING)
            run(python, "asking.py", cwd=site, environment=environment)
            mail = postmark.mails.get(timeout=60)
            log = workers[0].log
        except queue.Empty:
            pytest.fail(f"No mail left within a minute:\n{workers[0].log}")
        finally:
            for worker in workers:
                worker.stop()
    assert (mail["To"], mail["token"]) == ("amelie@example.net", "token-of-the-site")
    assert mail["From"] == "Example <accounts@mail.example.org>"
    assert "https://www.example.org/recovery/reset/" in mail["TextBody"]
    assert "Task recovery.fulfil_reset[" in log, "the page rang the worker: no sweep had to find the request"
    assert "System check identified no issues" in said
    assert "recovery.E" not in left
    assert "recovery.W031" in left


def test_what_the_app_imports_the_wheel_asks_for_itself() -> None:
    """Not by way of another that asks for it today."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*told["dependencies"], *chain(*told["optional-dependencies"].values())]
    named = {canonicalize_name(Requirement(each).name) for each in asked}
    homes = importlib.metadata.packages_distributions()
    found = {name for path in (ROOT / "recovery").rglob("*.py") for name in imported(ast.parse(path.read_text()))}
    outside = {canonicalize_name(each) for name in found - {"recovery"} for each in homes.get(name, ())}
    assert {"django", "requests", "django-anymail", "dnspython"} <= outside
    assert {COMES_WITH.get(each, each) for each in outside} - SITES_OWN <= named


COMES_WITH = {"asgiref": "django", "kombu": "celery", "urllib3": "requests", "botocore": "boto3"}
"""What is another's own door."""
SITES_OWN = {"psycopg"}  # a site on PostgreSQL has it


def imported(tree: ast.Module) -> set[str]:
    """The top-level packages that a module names in its imports, wherever they stand."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(str(node.module).partition(".")[0])
    return found


def follow(site: Path, environment: dict[str, str]) -> tuple[str, list[servers.Server]]:
    """Do what the steps say: add each block to the file that it names, run each command, leave Celery running. What
    the others said, and what runs."""
    said, workers = "", []
    for language, text in [block for step in steps() for block in blocks(step)]:
        if language == "python":
            [name] = re.findall(r"\A# (mysite/\w+\.py)$", text, re.MULTILINE)
            with (site / name).open("a") as file:
                file.write(f"\n{text}")
            continue
        assert language == "console"
        for command in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
            if command.startswith("celery "):
                workers.append(started(command, site, environment))
            else:
                said += run(*shlex.split(command), cwd=site, environment=environment)
    assert len(workers) == 1
    return said, workers


def started(command: str, site: Path, environment: dict[str, str]) -> servers.Server:
    """What goes on running, until it says that it is ready."""
    names = [name for name in os.environ if OURS.match(name) and name not in environment]
    script = f"{f'unset {shlex.join(names)}; ' if names else ''}cd {shlex.quote(str(site))} && exec {command}"
    server = servers.mind("Celery", "", ["sh", "-c", script], environment=environment)
    return server.wait_until(lambda: " ready." in server.log)
