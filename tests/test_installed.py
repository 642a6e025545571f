"""The wheel, installed into an empty site in the README's five steps: it checks, migrates, and mails whoever asks."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from example_project import servers

ROOT = servers.ROOT
LANGUAGES = ("ar", "de", "es", "fr")
README = (ROOT / "README.md").read_text()

ASKING = """
import django
django.setup()
from django.test.utils import setup_test_environment
setup_test_environment()

from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core import mail
from django.test import Client
from recovery import resets
from recovery.models import ResetRequest

User.objects.create_user("amelie", "amelie@example.net", "correct horse battery staple")
client = Client(HTTP_ACCEPT_LANGUAGE="ar", HTTP_HOST="www.example.org")
page = client.get("/recovery/forgot/", secure=True)
assert page.status_code == 200, page.status_code
assert 'dir="rtl"' in page.content.decode()
assert client.get("/accounts/password_reset/", secure=True).status_code == 200
asked = client.post("/recovery/forgot/", {"identifier": "amelie@example.net"}, secure=True)
assert asked.status_code == 302, asked.content
resets.fulfil(ResetRequest.objects.get().pk)
[message] = mail.outbox
assert message.to == ["amelie@example.net"]
assert "https://www.example.org/recovery/reset/" in message.body
assert message.from_email == "Example <accounts@mail.example.org>"
assert finders.find("recovery/recovery.css")
print(message.subject)
"""


def steps() -> list[str]:
    """The README's five steps, each without its indentation."""
    section = README.split("## Into an existing site, in five steps")[1].split("\n## ")[0]
    found = [re.sub(r"^   ", "", step, flags=re.MULTILINE) for step in re.split(r"^\d\. ", section, flags=re.MULTILINE)]
    assert len(found) == 6
    return found[1:]


def code(step: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", step, re.MULTILINE | re.DOTALL)


def run(*command: str | Path, cwd: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO", "COV"))}
    alone = {**kept, "CELERY_BROKER_URL": "memory://"}  # nobody waits for a broker that is not there
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=alone, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment that holds the wheel, and what it depends on as it is installed here."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "env", with_pip=False, symlinks=True)
    made = folder / "env" / "bin" / "python"
    [packages] = (folder / "env" / "lib").glob("python*/site-packages")
    packages.joinpath("here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(sys.executable, "-m", "pip", "--python", made, "install", "-q", "--no-deps", "--no-index", wheel, cwd=folder)
    return made


@pytest.fixture(scope="module")
def site(python: Path) -> Path:
    """``startproject``, and then what the README says, word for word; ``...`` is what stood there before."""
    folder = python.parents[2] / "site"
    folder.mkdir()
    run(python, "-m", "django", "startproject", "mysite", folder, cwd=folder)
    apps, where, mount, tables, button = steps()
    settings, urls = folder / "mysite" / "settings.py", folder / "mysite" / "urls.py"
    [listed], [dictionary], [patterns] = code(apps), code(where), code(mount)
    for name in ("INSTALLED_APPS", "MIDDLEWARE"):
        listed = re.sub(rf"^({name} = \[.*?)\.\.\.", rf"\1*{name}", listed, flags=re.MULTILINE)
    [beat], [admin] = code(tables), code(button)
    more = (
        'ALLOWED_HOSTS = ["www.example.org"]\nANYMAIL = {"WEBHOOK_SECRET": "user:password"}\n'
        'MIDDLEWARE.insert(2, "django.middleware.locale.LocaleMiddleware")\nINSTALLED_APPS += ["shop"]\n'
    )
    settings.write_text("\n".join([settings.read_text(), listed, dictionary, beat, more]))
    old = urls.read_text()
    urls.write_text(old + "\nbefore = urlpatterns\n" + patterns.replace("    ...\n", "    *before,\n"))
    shop = folder / "shop"
    shop.mkdir()
    (shop / "__init__.py").touch()
    (shop / "admin.py").write_text(
        "from django.contrib import admin\nfrom django.contrib.auth.admin import UserAdmin\n"
        "from django.contrib.auth.models import User\nadmin.site.unregister(User)\n" + admin
    )
    return folder


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


def test_an_empty_site_takes_it_in_five_steps_and_mails_whoever_asks(python: Path, site: Path) -> None:
    checked = run(python, "manage.py", "check", cwd=site)
    assert "no issues" in checked
    run(python, "manage.py", "makemigrations", "--check", "--dry-run", cwd=site)
    run(python, "manage.py", "migrate", "-v0", cwd=site)
    (site / "asking.py").write_text("import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'\n" + ASKING)
    subject = run(python, "asking.py", cwd=site)
    assert "Reset your password" not in subject, "the mail is in the language of whoever asked"
    assert re.search(r"[\u0600-\u06ff]", subject), subject
