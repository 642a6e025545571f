"""The example project's Celery app, in a worker that dies where ``CRASH_AT`` says: a point and a number."""

import os
from typing import Any

from celery.signals import worker_process_init

from example_project.celery import app

__all__ = ["app"]


@worker_process_init.connect
def sabotage(**kwargs: Any) -> None:
    from tests.crashes import saboteur  # it needs Django to be set up

    if at := os.environ.get("CRASH_AT"):
        point, _, nth = at.partition(":")
        saboteur.Saboteur(saboteur.Point(point), int(nth), saboteur.die_with_parent)
