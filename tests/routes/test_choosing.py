"""Which route a mail takes: by the settings, and by what all workers know of the routes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import django
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends import locmem
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import routes
from recovery.models import RouteState
from recovery.reasons import Alarm, Circuit, EmailKind, EmailReason
from recovery.routes import configured
from tests.factories import StaffFactory
from tests.following import let_pass
from tests.routes.hearing import hearing

pytestmark = pytest.mark.django_db

RESET, NOTICE, SITE = EmailKind.RESET, EmailKind.PASSWORD_CHANGED, EmailKind.SITE
BACKEND = "tests.backends.Unreachable"


def sites(settings: Any, *specs: Mapping[str, Any], audiences: Mapping[str, Any] | None = None) -> None:
    ways = [{"BACKEND": BACKEND, **spec} for spec in specs]
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": ways, "AUDIENCES": audiences or {}}


def wrapped(settings: Any, inner: Any) -> None:
    """The site's other mail is recorded, and leaves by ``inner``."""
    settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [], "SITE_MAIL": inner}
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": configured.WRAPPER}}
    else:
        settings.EMAIL_BACKEND = configured.WRAPPER


def ways(kind: str = RESET, audience: str = "default") -> list[str]:
    return [route.name for route in routes.plan(kind, audience, routes.states())]


def row(name: str, **facts: Any) -> None:
    """What is known of a route; due for a trial a second ago if it is open."""
    due = {"probe_at": timezone.now() - timedelta(seconds=1)} if facts.get("circuit") == Circuit.OPEN else {}
    RouteState.objects.update_or_create(name=name, defaults={**due, **facts})


def test_a_site_that_names_no_route_has_one_its_own_mail(settings: Any) -> None:
    sites(settings)
    [route] = routes.all_routes()
    assert (route.name, route.connections) == ("default", 8)
    assert isinstance(configured.backend_of(route), locmem.EmailBackend)
    assert ways() == ["default"]


def test_routes_come_in_the_order_of_the_settings_with_what_is_said_of_them(settings: Any) -> None:
    spec = {"NAME": "main", "CONNECTIONS": 3, "STREAM": "urgent", "KINDS": [RESET]}
    sites(settings, spec, {"NAME": "spare"})
    main, spare = routes.all_routes()
    assert (main.name, main.connections, main.stream, main.kinds) == ("main", 3, "urgent", {RESET})
    assert (spare.name, spare.connections, spare.stream) == ("spare", 8, "")
    assert spare.kinds == set(EmailKind) - {SITE}
    assert ways(RESET) == ["main", "spare"]
    assert ways(NOTICE) == ["spare"]
    assert ways(SITE) == []


def test_an_audience_may_name_its_routes_and_their_order(settings: Any) -> None:
    door = {"BASE_URL": "https://staff.example", "ROUTES": ["spare", "main", "gone"]}
    sites(settings, {"NAME": "main"}, {"NAME": "spare"}, audiences={"staff": door})
    assert ways(audience="staff") == ["spare", "main"]
    assert ways() == ways(audience="of an older day") == ["main", "spare"]


def test_our_mail_does_not_run_through_what_records_the_sites_other_mail(settings: Any) -> None:
    inner = {"BACKEND": "anymail.backends.postmark.EmailBackend", "OPTIONS": {"server_token": "x"}}
    wrapped(settings, inner)
    [route] = routes.all_routes()
    assert type(configured.backend_of(route)).__module__ == "anymail.backends.postmark"
    assert routes.can_be_asked("default")


@pytest.mark.parametrize("inner", [None, {"BACKEND": configured.WRAPPER}])
def test_a_way_out_that_leads_to_itself_is_refused(settings: Any, inner: Any) -> None:
    wrapped(settings, inner)
    with pytest.raises(ImproperlyConfigured):
        configured.backend_of(routes.all_routes()[0])


def test_a_route_that_failed_is_left_out_until_it_is_due_and_then_comes_first(settings: Any) -> None:
    sites(settings, {"NAME": "main"}, {"NAME": "spare"})
    row("main", circuit=Circuit.OPEN, probe_at=timezone.now() + timedelta(seconds=20))
    assert ways() == ["spare"]
    let_pass(timedelta(seconds=30))
    assert ways() == ["main", "spare"]
    row("main", circuit=Circuit.HALF_OPEN, probe_until=timezone.now() + timedelta(seconds=20))
    assert ways() == ["spare"]
    let_pass(timedelta(seconds=30))
    assert ways() == ["main", "spare"]


def test_a_mail_tries_one_failed_route_at_most(settings: Any) -> None:
    sites(settings, {"NAME": "one"}, {"NAME": "two"}, {"NAME": "three"})
    row("one", circuit=Circuit.OPEN)
    row("two", circuit=Circuit.OPEN)
    assert ways() == ["one", "three"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [(EmailReason.PROVIDER_DOWN, ["spare", "main"]), (EmailReason.NO_CLEAR_ANSWER, ["main"])],
)
def test_a_spare_route_is_tried_too_unless_that_would_make_mail_doubtful(
    settings: Any, reason: str, expected: list[str]
) -> None:
    sites(settings, {"NAME": "main"}, {"NAME": "spare"})
    row("spare", circuit=Circuit.OPEN, reason=reason)
    assert ways() == expected
    row("main", circuit=Circuit.OPEN, reason=reason)
    assert ways() == ["main"]
    row("main", probe_at=timezone.now() + timedelta(seconds=20))
    assert ways() == ["spare"]


def test_a_route_that_was_switched_off_is_as_if_not_there(settings: Any) -> None:
    sites(settings, {"NAME": "main"}, {"NAME": "spare"})
    routes.register()
    routes.switch("main", on=False, actor=StaffFactory.create(), reason="relay swallows mail")
    assert ways() == ["spare"]
    row("main", circuit=Circuit.OPEN)
    assert ways() == ["spare"]


def test_rows_of_routes_that_are_gone_from_the_settings_change_nothing(settings: Any) -> None:
    sites(settings, {"NAME": "main"})
    row("of an older day", circuit=Circuit.OPEN)
    assert ways() == ["main"]
    assert not routes.can_be_asked("of an older day")
    assert not routes.honours_key("of an older day")
    assert routes.key_life("of an older day") is None


def test_what_is_known_is_read_in_one_statement(settings: Any) -> None:
    sites(settings, {"NAME": "main"}, {"NAME": "spare"})
    with CaptureQueriesContext(connection) as statements:
        reach = routes.reach()
    assert len(statements) == 1
    assert (reach.none, reach.blocked, reach.most) == (False, (), None)


def test_mail_without_a_way_out_is_told_by_audience_and_kind(settings: Any) -> None:
    door = {"BASE_URL": "https://staff.example", "ROUTES": ["main"]}
    sites(settings, {"NAME": "main"}, {"NAME": "bulk", "KINDS": [NOTICE]}, audiences={"staff": door})
    row("main", circuit=Circuit.OPEN, probe_at=timezone.now() + timedelta(seconds=20))
    reach = routes.reach()
    blocked = {audience: set(kinds) for audience, kinds in reach.blocked}
    assert not reach.none
    assert blocked == {"default": set(configured.KINDS) - {NOTICE}, "staff": set(configured.KINDS)}


def test_where_every_way_is_to_be_tried_no_more_mails_than_trials_are_taken(settings: Any) -> None:
    sites(settings, {"NAME": "main"}, {"NAME": "spare"})
    row("main", circuit=Circuit.OPEN)
    assert routes.reach().most is None
    row("spare", circuit=Circuit.OPEN, probe_at=timezone.now() + timedelta(seconds=20))
    assert routes.reach().most == 1


def test_no_way_out_at_all_is_an_alarm(settings: Any) -> None:
    sites(settings, {"NAME": "the only one, switched off"})
    assert not routes.reach().none
    row("the only one, switched off", switched_off=True)
    with hearing() as heard:
        assert routes.reach().none
    assert heard == [(Alarm.NO_ROUTE, "the only one, switched off", "")]


def test_a_key_is_honoured_where_the_provider_is_known_for_it_or_the_site_says_so(settings: Any) -> None:
    resend, postmark = (f"anymail.backends.{esp}.EmailBackend" for esp in ("resend", "postmark"))
    sites(
        settings,
        {"NAME": "resend", "BACKEND": resend},
        {"NAME": "postmark", "BACKEND": postmark},
        {"NAME": "told", "BACKEND": postmark, "KEY_HEADER": "X-Key"},
        {"NAME": "broken", "BACKEND": "no.such.Backend"},
    )
    honoured = {route.name: routes.honours_key(route.name) for route in routes.all_routes()}
    assert honoured == {"resend": True, "postmark": False, "told": True, "broken": False}
    assert routes.key_life("resend") == timedelta(hours=24)
    assert routes.key_life("told") is None
    asked = {route.name: routes.can_be_asked(route.name) for route in routes.all_routes()}
    assert asked == {"resend": False, "postmark": True, "told": True, "broken": False}
