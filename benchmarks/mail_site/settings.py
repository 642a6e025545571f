"""The site of the mail benchmark. The environment says which of them carries the mail, and where it leaves.

Each lane has its own carrier installed and no other; without a lane all are, so that all get their tables.
"""

import os

from benchmarks.settings import *  # noqa: F403 - one site, with other mail
from benchmarks.settings import RECOVERY

LANE = os.environ.get("MAIL_LANE", "")
PORT = int(os.environ.get("MAIL_PORT", "0"))  # of the mail server; 0: to nothing
THREADS = int(os.environ.get("MAIL_THREADS", "0"))  # connections at once; 0: as each of them comes

EMAIL_HOST, EMAIL_PORT = "127.0.0.1", PORT
WAY_OUT = "django.core.mail.backends.smtp.EmailBackend" if PORT else "benchmarks.mail_site.backends.Nothing"
EMAIL_BACKEND = {
    "post_office": "post_office.EmailBackend",
    "post_office_celery": "post_office.EmailBackend",
    "mailer": "mailer.backend.DbBackend",
}.get(LANE, WAY_OUT)

CARRIERS = {
    "ours": "recovery",
    "ours_without_id": "recovery",
    "post_office": "post_office",
    "post_office_celery": "post_office",
    "mailer": "mailer",
    "celery": None,
}
INSTALLED_APPS = [
    *filter(None, [CARRIERS[LANE]] if LANE else ["recovery", "post_office", "mailer"]),
    "benchmarks.mail_site",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
ROOT_URLCONF = "benchmarks.mail_site.urls"
MIDDLEWARE = [each for each in MIDDLEWARE if "allauth" not in each]  # noqa: F405

POST_OFFICE = {
    "BACKENDS": {"default": WAY_OUT},
    "BATCH_SIZE": 100,  # its default
    "CELERY_ENABLED": LANE == "post_office_celery",
    **({"THREADS_PER_PROCESS": THREADS} if THREADS else {}),
}
MAILER_EMAIL_BACKEND = WAY_OUT
MAILER_USE_FILE_LOCK = False

RECOVERY = {
    **RECOVERY,
    "AUDIENCES": {"bench": {"FROM_EMAIL": "noreply@benchmark.example"}},
    "ROUTES": [
        {"NAME": "only", "BACKEND": WAY_OUT, **({"CONNECTIONS": THREADS} if THREADS else {})},
    ],
}
