"""``python -m tests.django_own.running FOLDER``: Django's tests on this app, in a process of their own: their user
models are no business of ours. Prints one JSON object: each test, and what became of it. ``main`` imports what needs
Django, once it is set up.
"""

import io
import json
import sys
import unittest
from typing import Any, Final

import django
from django.conf import settings

CLASSES: Final = {
    "test_views": (
        "AuthViewNamedURLTests",
        "PasswordResetTest",
        "CustomUserPasswordResetTest",
        "CustomUserCompositePrimaryKeyPasswordResetTest",
        "UUIDUserPasswordResetTest",
        "ChangePasswordTest",
    ),
    "test_forms": ("PasswordResetFormTest", "SetPasswordFormTest", "PasswordChangeFormTest"),
    "test_templates": ("AuthTemplateTests",),
}
"""All that Django has on its password reset and change."""


class Noted(unittest.TestResult):
    """Passed, or the first line that says why not. A part of a test that fails is a test that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, str] = {}

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.ends.setdefault(_name(test), "passed")

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.ends.setdefault(_name(test), f"{err[0].__name__}: {err[1]}")

    addFailure = addError  # noqa: N815

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self.ends[_name(test)] = f"skipped: {reason}"

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:  # noqa: N802
        if err is not None:
            self.addError(test, err)


def _name(test: unittest.TestCase) -> str:
    return test.id().removeprefix("auth_tests.")


def configure() -> None:
    """As Django's own runner does, with this app installed."""
    settings.configure(
        SECRET_KEY="for tests only",
        USE_TZ=True,
        SITE_ID=1,
        STATIC_URL="static/",
        ROOT_URLCONF="auth_tests.urls",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        MIGRATION_MODULES={"auth": None, "contenttypes": None, "sessions": None},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        INSTALLED_APPS=[
            *(f"django.contrib.{app}" for app in ("contenttypes", "auth", "sites", "sessions", "messages")),
            "django.contrib.admin.apps.SimpleAdminConfig",
            "django.contrib.staticfiles",
            "auth_tests",
            "recovery",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        CELERY_BROKER_URL="memory://",
        RECOVERY={"BASE_URL": "http://testserver"},
    )


def main(folder: str) -> dict[str, str]:
    sys.path.insert(0, folder)
    configure()
    django.setup()
    from django.test.runner import DiscoverRunner

    from tests.django_own import site

    site.swap()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    runner.setup_test_environment()
    labels = [f"auth_tests.{module}.{each}" for module, classes in CLASSES.items() for each in classes]
    suite = runner.build_suite(labels)
    databases = runner.setup_databases()
    noted = Noted()
    suite.run(noted)
    runner.teardown_databases(databases)
    return noted.ends


if __name__ == "__main__":
    out, sys.stdout = sys.stdout, io.StringIO()
    json.dump(main(sys.argv[1]), out, indent=1)
