"""All three in one site, each under its own prefix; the environment names the database."""

import importlib.util

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS as ALL
from benchmarks.settings import MIDDLEWARE as EVERY

HAS_DJANGO_SES = importlib.util.find_spec("django_ses") is not None

INSTALLED_APPS = [*(name for name in ALL if "allauth" not in name), "anymail", "benchmarks.webhook_site"]
if HAS_DJANGO_SES:
    INSTALLED_APPS.append("django_ses")
MIDDLEWARE = [name for name in EVERY if "allauth" not in name]
ROOT_URLCONF = "benchmarks.webhook_site.urls"
ANYMAIL = {"WEBHOOK_SECRET": "user:password"}
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 2**20  # anymail reads the body as Django lets it
AWS_SES_ADD_BOUNCE_TO_BLACKLIST = AWS_SES_ADD_COMPLAINT_TO_BLACKLIST = AWS_SES_USE_BLACKLIST = True
