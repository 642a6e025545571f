"""Cases 18 and 19: a link's secret cannot be guessed, and is nowhere at rest: rows, broker, logs, reports, admin."""

import base64
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db.models import F
from django.test import Client

from recovery import accounts, notices, outbox, retention, sweep, tasks, tokens
from recovery.models import Email, ResetToken
from recovery.reasons import EmailKind, EmailState
from tests.asking import NEW_PASSWORD, ask, asked, browser, follow, links, set_password, work
from tests.attacks.searching import Echoing, Log, Search, leave_unworked_rings, shapes_of
from tests.factories import UserFactory
from tests.following import let_pass, mailed_link, selector_of, verifier_of
from tests.joining import invited, mailed_to
from tests.objecting import code_in, link_in, locked, newest_to, says_so, wrong

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(18)
def test_verifiers_have_256_bits_that_nobody_chose() -> None:
    """Selectors come from the system's generator, whatever the process's own is seeded with; no two are alike, and
    each bit of a verifier is as often 0 as 1."""
    user = UserFactory.create()
    ask(browser(), user.email)
    [email] = outbox.queue(EmailKind.RESET, [user.email], request=asked(), user_key=accounts.key_of(user))
    issued = []
    for _ in range(500):
        random.seed(1)
        issued.append(tokens.issue(user, request=asked(), email=email, address=user.email))
    verifiers = {base64.urlsafe_b64decode(tokens.verifier_of(token) + "=") for token in issued}
    assert len(verifiers) == len({token.selector for token in issued}) == 500
    assert {len(verifier) for verifier in verifiers} == {32}
    ones = sum(int.from_bytes(verifier, "big").bit_count() for verifier in verifiers)
    # Of 128 000 fair bits half are ones; six standard deviations are 1074.
    assert abs(ones - 64_000) < 1074


@pytest.mark.attack(19)
def test_the_secret_is_nowhere_at_rest_at_any_stage_of_its_life(search: Search, settings: Any) -> None:
    user, client = UserFactory.create(), browser()
    ask(client, user.email)
    leave_unworked_rings()
    search.keep("asked")

    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "echo", "BACKEND": f"{Echoing.__module__}.Echoing"}]}
    Echoing.seen.clear()
    work()
    leave_unworked_rings()
    email = Email.objects.get(kind=EmailKind.RESET)
    assert email.state == EmailState.UNKNOWN
    assert "451 cannot take" in email.events.latest("id").detail
    search.keep("failed")

    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": []}
    let_pass(timedelta(minutes=6))
    assert sweep.sweep().tried == 1
    search.keep("retried and sent")

    [link] = links(mail.outbox[-1])
    assert links(Echoing.seen[0]) == [link]
    client.head(link)
    form = follow(client, link)
    client.get(form)
    search.keep("opened")
    client.post(form, {"new_password1": "short"})
    search.keep("password refused")
    set_password(client, form)
    leave_unworked_rings()
    search.keep("used")
    client.get(link)
    assert "already" in client.get(form).content.decode()
    client.post(form, {"again": "1"})
    search.keep("dead")
    ResetToken.objects.update(expires_at=F("expires_at") - timedelta(days=2))
    retention.purge()
    search.keep("purged")

    assert search.hits(shapes_of(link)) == []
    assert search.hits({"new password": NEW_PASSWORD}) == []
    # The search can find: the selector, which names the row, is where it should be.
    assert any(selector_of(link) in text for place, text in search.found.items() if "tables" in place)
    assert any(str(email.pk) in text for place, text in search.found.items() if "broker" in place)


def a_reset() -> str:
    return mailed_link(UserFactory.create())


def an_activation() -> str:
    return mailed_to(invited())


@pytest.mark.attack(19)
def test_link_and_code_of_a_notice_are_nowhere_at_rest(search: Search, settings: Any) -> None:
    user = UserFactory.create()
    episode = locked(user)
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [{"NAME": "echo", "BACKEND": f"{Echoing.__module__}.Echoing"}]}
    Echoing.seen.clear()
    tasks.notify.delay(str(episode.pk))
    notices.tell_lockout(episode.pk)
    sweep.sweep()
    email = Email.objects.get(kind=EmailKind.LOCKED)
    assert "451 cannot take" in email.events.latest("id").detail
    leave_unworked_rings()
    search.keep("failed")

    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": []}
    let_pass(timedelta(minutes=6))
    message = newest_to(user.email)
    link, code = link_in(message), code_in(message)
    assert link_in(Echoing.seen[0]) == link
    client = browser()
    client.head(link)
    client.get(client.get(link).url)
    search.keep("opened")
    says_so(message, wrong(code))
    search.keep("refused")
    assert says_so(message).status_code == 302
    leave_unworked_rings()
    search.keep("confirmed")

    verifier = verifier_of(link)
    shapes = {"verifier": verifier, "half": verifier[:21], "other half": verifier[21:], "code": code}
    assert search.hits(shapes) == []
    assert any(str(email.pk) in text for place, text in search.found.items() if "tables" in place)


@pytest.mark.attack(19)
@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options", "trace"])
def test_no_way_to_knock_at_the_link_of_a_notice_writes_it_to_the_log(method: str, log: Log) -> None:
    user = UserFactory.create()
    locked(user)
    link = link_in(newest_to(user.email)).rstrip("/")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for end in ("/", "", "/.", "/?utm_source=mail", "/extra/"):
        getattr(client, method)(link + end)
    assert [line for line in log.lines if verifier_of(link) in line] == []


@pytest.mark.attack(19)
@pytest.mark.parametrize(
    ("make", "prefix", "ends"),
    [
        (a_reset, "/recovery/reset/", ("/", "", "/.", "/?utm_source=mail", "/extra/")),
        (a_reset, "/accounts/reset/", ("/", "/?utm_source=mail")),
        (an_activation, "/recovery/activate/", ("/", "", "/.", "/?utm_source=mail", "/extra/")),
    ],
)
@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options", "trace"])
def test_no_way_to_knock_at_a_link_writes_it_to_the_log(
    make: Callable[[], str], prefix: str, ends: tuple[str, ...], method: str, log: Log
) -> None:
    link = make()
    address = f"{prefix}{selector_of(link)}/{verifier_of(link)}"
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for end in ends:
        getattr(client, method)(address + end)
    assert [line for line in log.lines if verifier_of(link) in line] == []


@pytest.mark.attack(19)
def test_the_secret_of_a_first_password_is_nowhere_at_rest_either(search: Search) -> None:
    link = an_activation()
    leave_unworked_rings()
    search.keep("sent")
    client = browser()
    form = follow(client, link)
    client.get(form)
    client.post(form, {"new_password1": "short"})
    search.keep("opened")
    set_password(client, form)
    leave_unworked_rings()
    client.get(form)
    search.keep("used")
    assert search.hits(shapes_of(link)) == []
    assert search.hits({"new password": NEW_PASSWORD}) == []
    assert any(selector_of(link) in text for place, text in search.found.items() if "tables" in place)
