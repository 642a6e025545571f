"""What comes after the mail: links, time that passes, faults of the database, and the words of the trail."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.core import mail
from django.db import OperationalError, connection, models
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client, override_settings
from django.utils import timezone

from recovery import outbox, timelines
from recovery.models import AuditEvent, Email, EmailEvent, LoginCounter, ResetRequest, ResetToken
from recovery.reasons import EmailKind, EmailState
from tests.asking import NEW_PASSWORD, ask, browser, follow, links, set_password, work
from tests.factories import PASSWORD


def mailed_link(user: Any, **more: Any) -> str:
    """Somebody asks for ``user``, a worker works; the path of the link that was mailed."""
    before = len(mail.outbox)
    ask(browser(**more), user.email)
    work()
    [message] = mail.outbox[before:]
    [link] = links(message)
    return link


def opened(link: str, **more: Any) -> tuple[Client, str]:
    """A browser that opened the link and holds its form."""
    client = browser(**more)
    form = follow(client, link)
    client.get(form)
    return client, form


def row_of(link: str) -> ResetToken:
    return ResetToken.objects.get(selector=selector_of(link))


def selector_of(link: str) -> str:
    return link.split("/")[3]


def verifier_of(link: str) -> str:
    return link.split("/")[4]


def let_pass(time: timedelta) -> None:
    """Time passes: every moment in every row of the app moves into the past."""
    for model in (each for each in apps.get_app_config("recovery").get_models() if not each._meta.proxy):
        moments = [field.name for field in model._meta.fields if isinstance(field, models.DateTimeField)]
        rows = models.QuerySet(model)
        # Where a moment is the key, one after the other: a row must not come to stand on one that has yet to move.
        each = rows.order_by("pk").values_list("pk", flat=True) if model._meta.pk.name in moments else ()
        for those in [rows.filter(pk=key) for key in each] or [rows]:
            those.update(**{name: F(name) - time for name in moments})
    age_slots(time)


def age_slots(time: timedelta) -> None:
    """Sign-ins that are counted happened so much earlier."""
    for counter in LoginCounter.objects.exclude(taken=0):
        counter.slots = {slot: at - time.total_seconds() for slot, at in counter.slots.items()}
        counter.save(update_fields=["slots"])


@contextmanager
def failing(pattern: str, error: Exception | None = None) -> Iterator[list[str]]:
    """The database refuses every statement that matches; yields those it refused."""
    refused: list[str] = []

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if re.search(pattern, sql):
            refused.append(sql)
            raise error or OperationalError("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        yield refused


@contextmanager
def overtaken(pattern: str, act: Callable[[], Any]) -> Iterator[list[Any]]:
    """Somebody does this right before the first statement that matches; yields what came of it."""
    done: list[Any] = []
    due = [act]

    def overtake(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if due and re.search(pattern, sql):
            done.append(due.pop()())
        return execute(sql, params, many, context)

    with connection.execute_wrapper(overtake):
        yield done


def trail(action: str) -> list[dict[str, Any]]:
    """The details of all rows of this action, the oldest first."""
    rows = AuditEvent.objects.filter(action=action).order_by("occurred_at", "id")
    return [row.detail for row in rows]


def dead_page(response: Any) -> str:
    """The one word for the person on a dead link's page; fails on any other page."""
    assert response.status_code == 200
    assert "recovery/dead_link.html" in [template.name for template in response.templates]
    return response.context["reason"]


def is_unchanged(user: Any) -> bool:
    user.refresh_from_db()
    return user.check_password(PASSWORD)


def works(link: str, user: Any) -> bool:
    client, form = opened(link)
    answer = set_password(client, form)
    user.refresh_from_db()
    return answer.status_code == 302 and user.check_password(NEW_PASSWORD)


def held_back(user: Any, settings: Any) -> Email:
    """A reset mail for ``user`` that its provider did not take at the first try."""
    ask(browser(), user.email)
    with provider("tests.backends.Unreachable", settings):
        work()
    email = Email.objects.filter(kind=EmailKind.RESET).latest("queued_at")
    assert email.state == EmailState.DEFERRED
    return email


@contextmanager
def provider(backend: str, settings: Any) -> Iterator[None]:
    """Mail leaves by this backend for a while."""
    before = settings.RECOVERY
    settings.RECOVERY = {**before, "ROUTES": [{"NAME": "main", "BACKEND": backend}]}
    yield
    settings.RECOVERY = before


def templates(texts: dict[str, str]) -> AbstractContextManager[Any]:
    """A site whose own templates are these, before the app's."""
    loaders = [("django.template.loaders.locmem.Loader", texts), "django.template.loaders.app_directories.Loader"]
    backend = "django.template.backends.django.DjangoTemplates"
    return override_settings(TEMPLATES=[{"BACKEND": backend, "OPTIONS": {"loaders": loaders}}])


def notice() -> Email:
    """A mail without a link, queued and not sent."""
    [email] = outbox.queue(
        EmailKind.PASSWORD_CHANGED,
        ["amelie@example.com"],
        context={"username": "amelie", "changed_at": "2026-11-21T09:00Z"},
    )
    return email


def notices(number: int, kind: str = EmailKind.PASSWORD_CHANGED) -> list[Email]:
    """Many of them, each to a reader of its own."""
    context = {"username": "amelie", "changed_at": "2026-11-21T09:00Z"}
    return outbox.queue(kind, [f"reader{n}@{kind}.example.com" for n in range(number)], context=context)


def story(email: Email) -> list[str]:
    """What happened to the mail, in words, as its timeline tells it."""
    return [step.what for step in timelines.of_email(Email.objects.get(pk=email.pk))]


def happened(email: Email, kind: str, **facts: Any) -> EmailEvent:
    """One more thing happened to the mail; nothing is made of it."""
    return EmailEvent.objects.create(email=email, kind=kind, **facts)


def wait_of(email: Email) -> float:
    """Seconds from its last event to its next try. Both were written in one moment, so load does not show."""
    email.refresh_from_db()
    assert email.next_try_at
    return (email.next_try_at - email.events.latest("id").occurred_at).total_seconds()


def make_due(email: Email) -> None:
    Email.objects.filter(pk=email.pk).update(next_try_at=Now())


def everything_is_due() -> None:
    """As if the wait of every row were over."""
    past = timezone.now() - timedelta(seconds=1)
    ResetRequest.objects.update(next_try_at=past)
    Email.objects.update(next_try_at=past)
