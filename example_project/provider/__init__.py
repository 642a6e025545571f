"""A mail provider on localhost that speaks Postmark's API and posts Postmark's webhooks back.

The demo, the tests and the benchmarks send through anymail's own Postmark backend to it, so that hand-over and feedback
run the code that production runs. Nothing leaves the machine: it listens on the loopback interface and mails nobody.
Standard library only, and nothing of Django: it can be started before a settings module is loaded.

    provider = start(token="…", webhook_url="http://127.0.0.1:8000/recovery/webhooks/postmark/", secret="user:password")
    provider.url           # POSTMARK_API_URL; open it in a browser for the inbox
    provider.ledger        # what was accepted and what was refused, the truth for "lost" and "doubled"
    provider.mode("limited", retry_after="30", times=2)
    provider.stop()

Recipients choose their fate by name (``fates``); ``postmark`` holds the wire format, ``ledger`` the memory,
``callbacks`` the way back, ``faults`` the ways to misbehave, ``inbox`` the pages, ``server`` what is answered,
``listening`` the port.
"""

from example_project.provider.faults import Fault
from example_project.provider.ledger import Ledger, Message
from example_project.provider.server import Provider, start

__all__ = ["Fault", "Ledger", "Message", "Provider", "start"]
