"""
Settings of the example project: a site as it would stand around ``recovery``, configured by its environment.

Without any environment it is a development site: DEBUG, SQLite beside ``manage.py``, mail printed to the console. With
``DEBUG=0`` it insists on ``SECRET_KEY``, ``ALLOWED_HOSTS`` and ``RECOVERY_BASE_URL``.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import environ

from recovery.schedule import beat_schedule

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
# On the class: environ reads the schemes there.
environ.Env.EMAIL_SCHEMES["postmark"] = "anymail.backends.postmark.EmailBackend"
env.read_env(str(BASE_DIR / ".env"))

DEBUG = env.bool("DEBUG", default=True)
SECRET_KEY = env.str("SECRET_KEY", default="for development only" if DEBUG else env.NOTSET)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else env.NOTSET)

INSTALLED_APPS = [
    "example_project",
    "recovery",
    "anymail",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "recovery.middleware.RecoveryMiddleware",
]

ROOT_URLCONF = "example_project.urls"
WSGI_APPLICATION = "example_project.wsgi.application"
ASGI_APPLICATION = "example_project.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "example_project.context_processors.site",
            ],
        },
    },
]

# Data

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}"),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Web and worker write at the same time: without these, SQLite answers "database is locked". 32 MB of pages stay in
    # memory; by itself it keeps 2. A checkpoint waits for the disk twice, while somebody's request waits for it: after
    # 16 MB of the log instead of 4 there are fewer. What a statement over many rows may have to undo stays in memory:
    # by itself SQLite writes each page that a provider's batch changes to a file first, in case.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
            "PRAGMA cache_size=-32000; PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY; "
            "PRAGMA mmap_size=268435456;"
        ),
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")

# Sign-in

AUTHENTICATION_BACKENDS = ["recovery.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

# Transport

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=not DEBUG)
SECURE_HSTS_SECONDS = 0 if DEBUG else int(timedelta(days=365).total_seconds())
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
X_FRAME_OPTIONS = "DENY"

# Language and static files

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("fr", "Français"), ("ar", "العربية")]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "example_project" / "static_root"

# Mail: EMAIL_URL names the way out (smtp://user:password@host:25, postmark://, consolemail://).

POSTMARK_SERVER_TOKEN = env.str("POSTMARK_SERVER_TOKEN", default="")
mail = env.email_url("EMAIL_URL", default="postmark://" if POSTMARK_SERVER_TOKEN else "consolemail://")
if django.VERSION >= (6, 1):
    options = {
        "host": mail["EMAIL_HOST"],
        "port": mail["EMAIL_PORT"],
        "username": mail["EMAIL_HOST_USER"],
        "password": mail["EMAIL_HOST_PASSWORD"],
        "use_tls": mail.get("EMAIL_USE_TLS"),
        "use_ssl": mail.get("EMAIL_USE_SSL"),
        "file_path": mail["EMAIL_FILE_PATH"],
    }
    MAILERS = {
        "default": {
            "BACKEND": mail["EMAIL_BACKEND"],
            "OPTIONS": {name: value for name, value in options.items() if value},
        },
    }
else:
    EMAIL_BACKEND = mail["EMAIL_BACKEND"]
    EMAIL_HOST = mail["EMAIL_HOST"]
    EMAIL_PORT = mail["EMAIL_PORT"] or 25
    EMAIL_HOST_USER = mail["EMAIL_HOST_USER"]
    EMAIL_HOST_PASSWORD = mail["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS = mail.get("EMAIL_USE_TLS", False)
    EMAIL_USE_SSL = mail.get("EMAIL_USE_SSL", False)
    EMAIL_FILE_PATH = mail["EMAIL_FILE_PATH"]
DEFAULT_FROM_EMAIL = "Riverside Library <accounts@riverside-library.example>"

ANYMAIL = {
    "POSTMARK_SERVER_TOKEN": POSTMARK_SERVER_TOKEN,
    "POSTMARK_API_URL": env.str("POSTMARK_API_URL", default="https://api.postmarkapp.com/"),
    # Without a secret anybody could tell us that mail bounced: recovery serves no webhook that has none.
    "WEBHOOK_SECRET": env.str("ANYMAIL_WEBHOOK_SECRET", default="") or None,
    "REQUESTS_TIMEOUT": (5, 30),
}

# Work

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_BEAT_SCHEDULE = beat_schedule()
# In memory: the schedule file of one Python version cannot be read by another, and nothing here needs to be remembered.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"

# Account recovery

CASE_MAIL_TO = env.str("CASE_MAIL_TO", default="")  # where support hears of people whom no mail reaches

RECOVERY = {
    "BASE_URL": env.str("RECOVERY_BASE_URL", default="http://127.0.0.1:8000" if DEBUG else env.NOTSET),
    "SITE_NAME": "Riverside Library",
    "SUPPORT_CONTACT": "help@riverside-library.example",
    "NO_PASSWORD_SIGN_IN": {"NAME": "the city card", "URL": "https://card.riverside.example/"},
    "CASE_TARGETS": [{"TARGET": "recovery.cases.targets.email", "TO": CASE_MAIL_TO}] if CASE_MAIL_TO else [],
    "WEBHOOKS": {"postmark": {}} if POSTMARK_SERVER_TOKEN else {},
}

# Where `manage.py demo` shows the mail that it sent; the home page links there.
INBOX_URL = env.str("INBOX_URL", default="")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"recovery": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}
