"""One site that has all three ways of a reset: ours, Django's own and allauth's. The environment names its servers.

As ``startproject`` makes it, with the cheapest password hasher, so that what is measured is not the hash. The lanes
of the other two leave allauth's middleware out.
"""

import os

from example_project import settings as example

SECRET_KEY = "for benchmarks only"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.urls"
USE_TZ = True
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DEFAULT_FROM_EMAIL = "accounts@benchmark.example"
EMAIL_BACKEND = "benchmarks.slow_mail.SlowMemory"
AUTH_PASSWORD_VALIDATORS = example.AUTH_PASSWORD_VALIDATORS
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING_CONFIG = None

INSTALLED_APPS = [
    "recovery",
    "allauth",
    "allauth.account",
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
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
TEMPLATES = example.TEMPLATES
TEMPLATES[0]["OPTIONS"]["context_processors"].remove("example_project.context_processors.site")

DATABASES = example.DATABASES
DATABASES["default"]["CONN_MAX_AGE"] = None
CACHES = {
    # allauth counts its limits in here.
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 200_000}}
}
CELERY_BROKER_URL = REDIS_URL = example.REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

RECOVERY = {
    "BASE_URL": "https://benchmark.example",
    "SITE_NAME": "Benchmark",
    # Only `timing` asks through HTTP: there, the address of every request is its own by this header.
    "TRUSTED_PROXIES": int(os.environ.get("TRUSTED_PROXIES", "0")),
}
