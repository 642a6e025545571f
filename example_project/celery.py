"""
The Celery app of the example project: ``celery --app example_project worker --beat``.

The app config imports this, not ``example_project/__init__.py``: that file stays empty, because ``manage.py`` reads the
package before Celery is installed.
"""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_project.settings")

app = Celery("example_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
