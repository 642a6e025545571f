"""System checks: what is wrong with the settings, said before a person notices.

Every id is explained in ``docs/checks.md``. What only matters on a live site is told by ``check --deploy``.
"""

import ipaddress
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import urlsplit

import django
from django.apps import AppConfig
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db import connections, router
from django.utils.module_loading import import_string

from recovery import accounts, audiences, shapes, webhooks
from recovery.checks import case_targets, places, sign_in, trail, ways_out
from recovery.conf import of_django, unknown_settings
from recovery.models import ResetRequest

FLOORS: Final = {(5, 2): (5, 2, 17), (6, 0): (6, 0, 8), (6, 1): (6, 1, 1)}  # Django's own security releases
SHORTEST_VISIBILITY: Final = timedelta(seconds=90)  # the lease of a mail that a worker holds
FORMS: Final = {"WEBHOOK_SECRET": " of the form user:password"}
PATHS: Final = (
    "ACCOUNTS", "ADMIN_BASE", "API_AUTHENTICATOR", "CHOOSE_AUDIENCE", "LANGUAGE_OF", "MAY_ACT_ON", "STAFF_AUDIENCES",
)  # fmt: skip

Apps = Sequence[AppConfig] | None


@register(Tags.compatibility)
def check_settings(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """E001 to E003, E006 to E011, E013, E020 and E021: the RECOVERY dict as it is written, and where rows, mail and
    links go."""
    given = of_django("RECOVERY", {})
    if not isinstance(given, dict):
        return [Error("RECOVERY must be a dict.", id="recovery.E001")]
    own = [*_unknown(), *_base_urls(), *_shapes(), *_paths(), *_database()]
    return [*own, *ways_out.wrong(), *case_targets.wrong(), *places.wrong(), *trail.wrong()]


@register(Tags.security)
def check_webhook_secrets(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """E004: a provider that must report back could be forged by anybody."""
    return [
        Error(
            f"The webhook of {esp} has no secret: anybody could report that a mail bounced.",
            hint=f"Set ANYMAIL[{missing!r}] to a long random text{FORMS.get(missing, '')}, and give it to the "
            "provider. Until then the webhook refuses.",
            id="recovery.E004",
        )
        for esp in webhooks.PROVIDERS.keys() & shapes.sound("WEBHOOKS").keys()
        if (missing := webhooks.missing_secret(esp))
    ]


@register(Tags.security)
def check_sign_in(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """E012 and W020 to W023: what counting sign-ins, a known device and a second factor need."""
    return [*sign_in.wrong(), *sign_in.doubtful()]


@register(Tags.security)
def check_django(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """W005: Django below the releases that closed holes on the way of a reset."""
    floor = FLOORS.get(django.VERSION[:2])
    if floor is None or django.VERSION[:3] >= floor:
        return []
    wanted = ".".join(map(str, floor))
    return [
        Warning(
            f"Django {django.get_version()} has known security holes.",
            hint=f"Update to {wanted} or later.",
            id="recovery.W005",
        )
    ]


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """W010 to W019: parts that work on one developer's machine and fail on a live site."""
    return [
        *_memory(),
        *_proxies(),
        *_visibility(),
        *ways_out.doubtful(),
        *_slow_lookup(),
        *_topics(),
        *places.doubtful(),
    ]


def _unknown() -> Iterator[CheckMessage]:
    for name, meant in unknown_settings():
        hint = f"Did you mean {meant}?" if meant else "See the settings table in the documentation."
        yield Error(f"RECOVERY has no setting {name!r}.", hint=hint, id="recovery.E001")


def _base_urls() -> Iterator[CheckMessage]:
    base_url = shapes.sound("BASE_URL")
    if not base_url:
        yield Error(
            "RECOVERY['BASE_URL'] is missing: links in mails need a host that no request can choose.",
            hint='For example "https://www.example.org".',
            id="recovery.E002",
        )
    given = {"RECOVERY": {"BASE_URL": base_url, "LINK_URL": shapes.sound("LINK_URL")}}
    given |= {f"RECOVERY['AUDIENCES'][{name!r}]": door for name, door in shapes.sound("AUDIENCES").items()}
    links = {f"{where}['LINK_URL']": door.get("LINK_URL") for where, door in given.items()}
    for where, url in links.items():
        if url and not all(each in str(url) for each in audiences.IN_LINK_URL):
            hint = f"It must be a URL with {' and '.join(audiences.IN_LINK_URL)}."
            yield Error(f"{where} has the wrong shape.", hint=hint, id="recovery.E006")
    bases = {f"{where}['BASE_URL']": door.get("BASE_URL") for where, door in given.items()}
    for where, url in (bases | links).items():
        if url and not _is_safe_base(str(url)):
            yield Error(
                f"{where} is {str(url)!r}: a reset link must travel over https.",
                hint="Use https://; plain http is accepted for this machine alone, or while DEBUG is on.",
                id="recovery.E003",
            )


def _is_safe_base(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and (bool(of_django("DEBUG")) or _is_this_machine(parts.hostname or ""))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shapes() -> Iterator[CheckMessage]:
    for name, wanted in shapes.misshapen():
        yield Error(f"RECOVERY[{name!r}] has the wrong shape.", hint=f"It must be {wanted}.", id="recovery.E006")
    for where, key, keys in shapes.strange_keys():
        meant = get_close_matches(key, keys, n=1)
        hint = f"Did you mean {meant[0]}?" if meant else f"It may have {', '.join(keys)}."
        yield Error(f"{where} has no key {key!r}.", hint=hint, id="recovery.E006")


def _paths() -> Iterator[CheckMessage]:
    named = [(f"[{name!r}]", shapes.sound(name)) for name in PATHS]
    named += [("['REVOKERS']", path) for path in shapes.sound("REVOKERS")]
    doors = shapes.sound("AUDIENCES").items()
    named += [(f"['AUDIENCES'][{name!r}]['MEMBERS']", door.get("MEMBERS")) for name, door in doors]
    lives = [("", shapes.sound("TOKEN_LIFETIME"))]
    lives += [(f"['AUDIENCES'][{name!r}]", door.get("TOKEN_LIFETIME")) for name, door in doors]
    named += [(f"{of}['TOKEN_LIFETIME']", life) for of, life in lives if isinstance(life, str) and life != "auto"]
    for where, path in named:
        try:
            path is None or import_string(str(path))
        except ImportError as error:
            yield Error(f"RECOVERY{where} cannot be imported.", hint=str(error), id="recovery.E007")


def _database() -> Iterator[CheckMessage]:
    connection = connections[router.db_for_write(ResetRequest)]
    too_old = connection.vendor == "sqlite" and sqlite3.sqlite_version_info < (3, 35)
    if too_old or connection.vendor not in ("postgresql", "sqlite"):
        yield Error(
            f"The database {connection.alias!r} cannot answer INSERT … RETURNING, which limits and links need.",
            hint="Route the app recovery to PostgreSQL, or to SQLite 3.35 or later.",
            id="recovery.E008",
        )


def _memory() -> Iterator[CheckMessage]:
    broker = str(of_django("CELERY_BROKER_URL", ""))
    if broker.startswith(("memory:", "filesystem:")):
        yield Warning(
            "The broker lives in one process's memory: workers hear no ring, and mail waits for the sweep.",
            hint="Point CELERY_BROKER_URL at Redis or Valkey.",
            id="recovery.W010",
        )
    cache = str(of_django("CACHES", {}).get("default", {}).get("BACKEND", ""))
    if cache.endswith(("LocMemCache", "DummyCache")) and "cache" in str(of_django("SESSION_ENGINE", "")):
        yield Warning(
            "Sessions live in one process's memory: with several processes, people are signed out at random.",
            hint="Use a shared cache, or keep sessions in the database.",
            id="recovery.W011",
        )


def _proxies() -> Iterator[CheckMessage]:
    behind = of_django("SECURE_PROXY_SSL_HEADER") or of_django("USE_X_FORWARDED_HOST")
    if behind and not shapes.sound("TRUSTED_PROXIES"):
        yield Warning(
            "The site seems to be behind a proxy, and RECOVERY['TRUSTED_PROXIES'] is 0: all people share the "
            "proxy's address and one limit.",
            hint="Set it to how many proxies in front of the site append to X-Forwarded-For, or to their networks.",
            id="recovery.W012",
        )


def _visibility() -> Iterator[CheckMessage]:
    seconds = of_django("CELERY_BROKER_TRANSPORT_OPTIONS", {}).get("visibility_timeout")
    if seconds is not None and seconds < SHORTEST_VISIBILITY.total_seconds():
        yield Warning(
            f"The broker hands a task out again after {seconds} s, sooner than a mail's lease ends.",
            hint="Leave visibility_timeout alone, or set it to 90 seconds or more.",
            id="recovery.W013",
        )


def _topics() -> Iterator[CheckMessage]:
    given = shapes.sound("WEBHOOKS").get("amazon_ses")
    if given is not None and not given.get("TOPICS"):
        yield Warning(
            "Amazon's webhook hears every SNS topic that knows its secret, and does not check who signed.",
            hint="List the topics' ARNs: RECOVERY['WEBHOOKS'] = {'amazon_ses': {'TOPICS': ['arn:aws:sns:…']}}.",
            id="recovery.W017",
        )


def _slow_lookup() -> Iterator[CheckMessage]:
    name, model = accounts.email_field(), get_user_model()
    if not name:
        return
    if not accounts.is_indexed(name):
        fields = [model._meta.get_field(each) for each in dict.fromkeys([model.USERNAME_FIELD, name])]
        columns = [str(getattr(field, "column", field.name)) for field in fields]
        wanted = ", ".join([*(f"(UPPER({column}))" for column in columns), f"({columns[-1]})"])
        yield Warning(
            f"{model._meta.label}.{name} has no index: each ask scans all users, 10-28 ms at 100 000.",
            hint=f"On PostgreSQL: CREATE INDEX CONCURRENTLY ON {model._meta.db_table} …, for each of {wanted}.",
            id="recovery.W015",
        )
