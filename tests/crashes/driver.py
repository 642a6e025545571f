"""Runs one scenario in this process, on a database of its own, and prints what came of it as JSON.

python -m tests.crashes.driver contention postgresql writers=20 seconds=10

Functions import what needs Django, which is set up when this module has been read and its servers have addresses.
"""

import json
import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import django

from example_project import provider as providers
from example_project import servers


def main(name: str, database: str, *options: str) -> None:
    with ExitStack() as stack:
        stack.enter_context(servers.stopping_at_signals())
        server = None
        if database == "postgresql":
            server = stack.enter_context(servers.postgresql(durable=True, restarts=True))
            url = server.url
        else:
            url = f"sqlite:///{Path(stack.enter_context(tempfile.TemporaryDirectory())) / 'site.sqlite3'}"
        broker = stack.enter_context(servers.broker(os.environ.get("CRASHES_BROKER")))
        os.environ.update(REDIS_URL=broker.url, DATABASE_URL=url, DJANGO_SETTINGS_MODULE="tests.crashes.settings")
        django.setup()
        provider = providers.start(webhooks=False)
        stack.callback(provider.stop)
        print(json.dumps(run(name, url, provider, server, **dict(each.split("=", 1) for each in options))))


def run(name: str, url: str, provider: providers.Provider, server: servers.Server | None, **options: str) -> Any:
    from django.core.management import call_command

    from example_project import celery  # noqa: F401 - the app whose broker is rung
    from tests.crashes import harness, scenarios, streams

    call_command("migrate", verbosity=0)
    kind = {each.name: each for each in harness.KINDS}[options.pop("kind", "keyed")]
    given: dict[str, Any] = {key: _value(value) for key, value in options.items()}
    if name == "database_crashes":
        given["server"] = server
    scenario = getattr(scenarios, name, None) or getattr(streams, name)
    return scenario(harness.Site(provider, kind, url), **given)


def _value(text: str) -> str | int | float:
    for read in (int, float):
        with suppress(ValueError):
            return read(text)
    return text


if __name__ == "__main__":
    main(*sys.argv[1:])
