"""
Starts the servers that the demo and the tests run on: a broker, PostgreSQL, a Celery worker with beat, the site.

Each runs under ``example_project.minder``, so nothing is left behind however we end. A server that is up already is
named by its URL and left alone. Starting blocks until the server answers; one that dies first is a ``ServerDied`` with
the end of its log.
"""

from example_project.servers.brokers import broker, broker_program, numbered
from example_project.servers.databases import crash, postgresql
from example_project.servers.minded import ROOT, Server, ServerDied, ServerUnavailable, free_port, mind
from example_project.servers.processes import celery, site
from example_project.servers.stopping import stopping_at_signals

__all__ = [
    "ROOT",
    "Server",
    "ServerDied",
    "ServerUnavailable",
    "broker",
    "broker_program",
    "celery",
    "crash",
    "free_port",
    "mind",
    "numbered",
    "postgresql",
    "site",
    "stopping_at_signals",
]
