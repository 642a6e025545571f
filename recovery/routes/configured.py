"""The ways out that the settings name, read when used, and the mail backend of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, cast

import django
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from recovery.conf import conf, of_django
from recovery.reasons import EmailKind

WRAPPER: Final = "recovery.contrib.mail.EmailBackend"
CONNECTIONS: Final = 8
KINDS: Final = frozenset(EmailKind.values) - {EmailKind.SITE}  # the site's other mail takes its own way
# The header of a provider that makes one mail of two calls with the same key, and how long it remembers the key.
KEYS: Final[Mapping[str, tuple[str, timedelta]]] = {"resend": ("Idempotency-Key", timedelta(hours=24))}
ACCOUNT: Final = ("api_url", "server_token", "api_key", "sender_domain")  # attributes of anymail's backends


@dataclass(frozen=True, slots=True)
class Route:
    """One way out, as the settings describe it."""

    name: str
    position: int = 0
    spec: Mapping[str, Any] = field(default_factory=dict)
    connections: int = CONNECTIONS
    kinds: frozenset[str] = KINDS
    stream: str = ""


def all_routes() -> list[Route]:
    """The routes in the order of the settings; without any, one by the name of "default": the site's own mail."""
    return [_route(position, spec) for position, spec in enumerate(conf.ROUTES or [{}])]


def of(email_kind: str, audience: str, among: Sequence[Route] | None = None) -> list[Route]:
    """Where mail of this kind may leave for this audience, the first choice first; ``among`` all routes, if known."""
    routes = [route for route in (all_routes() if among is None else among) if email_kind in route.kinds]
    wanted = conf.AUDIENCES.get(audience, {}).get("ROUTES")
    if wanted is None:
        return routes
    named = {route.name: route for route in routes}
    return [named[name] for name in wanted if name in named]


def named(name: str) -> Route | None:
    """The route of this name; None where the settings have it no more."""
    return next((route for route in all_routes() if route.name == name), None)


def backend_of(route: Route) -> BaseEmailBackend:
    """A new mail backend, nobody else's: each holds one connection. Raises whatever the site's class does."""
    spec = _unwrapped(route.spec)
    if "BACKEND" in spec:
        # From Django 6.1 on, a backend without an alias reads the EMAIL_* settings, which MAILERS forbids.
        alias = {"alias": route.name} if django.VERSION >= (6, 1) else {}
        return cast(BaseEmailBackend, import_string(spec["BACKEND"])(**alias, **spec.get("OPTIONS", {})))
    if django.VERSION >= (6, 1):
        return mail.mailers[spec.get("MAILER", "default")]
    return mail.get_connection()


def esp_of(route: Route) -> str:
    """Which provider a route leads to, in anymail's word; "" for a mail server, or a class that cannot be loaded."""
    try:
        path = _path(_unwrapped(route.spec))
        return esp_name(import_string(path))
    except ImportError:  # of a class of anymail's whose own needs are not installed, its module's name says it
        return path.split(".")[2] if path.startswith("anymail.backends.") else ""
    except ImproperlyConfigured:
        return ""


def esp_name(backend: Any) -> str:
    return str(getattr(backend, "esp_name", "")).lower().replace(" ", "_")


def key_header(route: Route, esp: str) -> str:
    """The HTTP header that the idempotency key goes into; "" where the provider has none."""
    return str(route.spec.get("KEY_HEADER") or KEYS.get(esp, ("",))[0])


def honours_key(name: str) -> bool:
    """Whether the provider of this route makes one mail of two calls with the same key."""
    route = named(name)
    return bool(route and key_header(route, esp_of(route)))


def key_life(name: str) -> timedelta | None:
    """How long the provider of this route remembers a key; None where that is not known, or it takes no key."""
    route = named(name)
    found = KEYS.get(esp_of(route)) if route else None
    return found[1] if found else None


def _route(position: int, spec: Mapping[str, Any]) -> Route:
    return Route(
        name=str(spec.get("NAME", "default")),
        position=position,
        spec=spec,
        connections=int(spec.get("CONNECTIONS", CONNECTIONS)),
        kinds=frozenset(spec.get("KINDS", KINDS)),
        stream=str(spec.get("STREAM", "")),
    )


def _unwrapped(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Our mail is recorded already: where the way out is the one that records other mail, what that wraps."""
    if _path(spec) != WRAPPER:
        return spec
    inner: Mapping[str, Any] | None = conf.SITE_MAIL
    if not inner or _path(inner) == WRAPPER:
        raise ImproperlyConfigured(f"{WRAPPER} needs RECOVERY['SITE_MAIL'], another way out than itself.")
    return inner


def _path(spec: Mapping[str, Any]) -> str:
    """Dotted path of the backend's class."""
    if "BACKEND" in spec:
        return str(spec["BACKEND"])
    if mailers := of_django("MAILERS"):  # reading EMAIL_BACKEND beside it is an error
        return str(mailers.get(spec.get("MAILER", "default"), {}).get("BACKEND", ""))
    return str(of_django("EMAIL_BACKEND"))


def account_of(route: Route) -> dict[str, str]:
    """What names and proves this site to the route's provider, as anymail's settings have it; {} where they do not."""
    esp = esp_of(route)
    if esp == "amazon_ses":  # its backend asks for boto3 as soon as it is made
        anymail: Mapping[str, Any] = of_django("ANYMAIL", {}) or {}
        options: Mapping[str, Any] = _unwrapped(route.spec).get("OPTIONS", {})
        parts = [
            *(anymail.get(f"AMAZON_SES_{name}", {}) for name in ("SESSION_PARAMS", "CLIENT_PARAMS")),
            *(options.get(name, {}) for name in ("session_params", "client_params")),
        ]
        return {str(name): str(value) for part in parts for name, value in part.items()}
    try:
        backend: Any = backend_of(route)
    except Exception:  # noqa: BLE001 - the site's class may do anything where its settings are missing
        return {}
    found = {name: str(value) for name in ACCOUNT if (value := getattr(backend, name, None))}
    stream = route.stream or getattr(backend, "message_stream", None)
    return found | ({"stream": str(stream)} if stream else {})
