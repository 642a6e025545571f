"""Our pages of the benchmark of the log, each by its name. To measure one more, add a line here; choices of the log's
filters are found by themselves."""

import io
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

LOG = "/admin/recovery/email/"
PAGES = {
    "first page": LOG,
    "page 100": f"{LOG}?p=100",
    "search: recipient": LOG + "?q={recipient}",
    "search: beginning of many": LOG + "?q=u12",
    "search: beginning of few": LOG + "?q={beginning}",
    "search: provider's message id": LOG + "?q={message_id}",
    "search: our message id": LOG + "?q=%3C{email}@mail.benchmark.example%3E",
    "search: reference": LOG + "?q={reference}",
    "search: account": LOG + "?q={user_key}",
    "search: nothing found": LOG + "?q=nobody-here@example.org",
    "of one account": LOG + "?user_key={user_key}",
    "one email": LOG + "{email}/change/",
    "requests": "/admin/recovery/resetrequest/",
    "one request": "/admin/recovery/resetrequest/{request}/change/",
    "trail": "/admin/recovery/auditevent/",
    "bounces": "/admin/recovery/bounce/",
    "cases": "/admin/recovery/supportcase/",
    "dashboard: 24 hours": "/admin/recovery/rollup/",
    "dashboard: 30 days": "/admin/recovery/rollup/?window=30d",
    "dashboard: 30 days, a domain": "/admin/recovery/rollup/?window=30d&domain=d3.example",
    "dashboard: 30 days, a route": "/admin/recovery/rollup/?window=30d&route=spare",
}


def found() -> dict[str, Callable[[], None]]:
    """Each page of this size of log, as what opens it."""
    from django.contrib.auth.models import User
    from django.test import Client

    client, facts = Client(), _facts()
    client.force_login(User.objects.get(username="operator"))
    paths = {name: path.format(**facts) for name, path in PAGES.items()} | _filters(client)
    pages = {name: _opening(client, path) for name, path in paths.items()}
    return {**pages, "recovery_metrics: 30 days": _metrics, **_diagnosis(facts)}


def _facts() -> dict[str, Any]:
    """Of a mail in the middle of the month."""
    from django.utils import timezone

    from recovery.metrics import DAY
    from recovery.models import Email
    from recovery.models.primary import key_at

    email = Email.objects.filter(pk__gte=key_at(timezone.now() - 10 * DAY)).order_by("pk").first()
    assert email is not None
    assert email.request is not None
    return {
        "email": email.pk,
        "recipient": email.recipient,
        "beginning": email.recipient.partition(".")[0],
        "message_id": email.esp_message_id,
        "reference": email.request.reference,
        "request": email.request.pk,
        "user_key": email.user_key,
    }


def _filters(client: Any) -> dict[str, str]:
    """Each choice of each filter that the log offers."""
    changes = client.get(LOG).context_data["cl"]
    return {
        f"filter by {filter_.title}: {choice['display']}": LOG + str(choice["query_string"])
        for filter_ in changes.filter_specs
        for choice in filter_.choices(changes)
        if not choice["selected"]
    }


def _opening(client: Any, path: str) -> Callable[[], None]:
    def open_it() -> None:
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)

    return open_it


def _metrics() -> None:
    from django.core.management import call_command

    with suppress(SystemExit):  # of a target that this month misses
        call_command("recovery_metrics", "--since", "30d", "--json", stdout=io.StringIO())


def _diagnosis(facts: dict[str, Any]) -> dict[str, Callable[[], None]]:
    """By each thing that a caller may say, where the app has a diagnosis."""
    if find_spec("recovery.diagnosis") is None:
        return {}
    from recovery import diagnosis

    def explaining(ident: str) -> Callable[[], None]:
        def explain() -> None:
            assert [diagnosis.explain(subject) for subject in diagnosis.find(ident)]

        return explain

    said = {"user name": f"u{facts['user_key']}", "address": facts["recipient"], "message id": facts["message_id"]}
    said["reference"] = facts["reference"]
    # Nobody's: where addresses have no index, these read all accounts.
    said |= {"an address of nobody": "nobody-here@example.org", "a near miss": f"{facts['recipient']}x"}
    return {f"diagnosis by {name}": explaining(ident) for name, ident in said.items()}
