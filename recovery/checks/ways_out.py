"""Where mail leaves: routes that no mail can take, ways that lead back to where they began, what a provider lacks."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import django
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004

from recovery import shapes, webhooks
from recovery.conf import of_django
from recovery.reasons import EmailKind
from recovery.routes import Route, esp_of

ALWAYS_TRACKING: Final = ("amazon_ses", "brevo", "mailtrap", "postal", "resend", "scaleway")
WITH_STREAMS: Final = ("postmark",)
WRAPPER: Final = "recovery.contrib.mail.EmailBackend"
OURS: Final = tuple(kind for kind in EmailKind if kind != EmailKind.SITE)

Spec = Mapping[str, Any]


def wrong() -> Iterator[CheckMessage]:
    """E006, E009 and E010."""
    routes: Sequence[Spec] = shapes.sound("ROUTES")
    site_mail: Spec | None = shapes.sound("SITE_MAIL")
    yield from _mailers({"ROUTES": routes, "SITE_MAIL": [site_mail or {}]})
    yield from _names(routes)
    yield from _left_behind(routes)
    yield from _circles(routes, site_mail)


def doubtful() -> Iterator[CheckMessage]:
    """W014, W016 and W018."""
    yield from _unwatched()
    for route in shapes.sound("ROUTES") or [{}]:
        backend = _backend(_unwrapped(route))
        if _is_of(backend, ALWAYS_TRACKING):
            yield Warning(
                f"{backend} cannot turn click tracking off for one mail; rewritten reset links break or leak.",
                hint="Turn open and click tracking off in the provider's account, then silence this check.",
                id="recovery.W014",
            )
        if route.get("STREAM") and not _is_of(backend, WITH_STREAMS):
            yield Warning(
                f"Route {_name(route)!r} has a STREAM, and {backend} knows of none.",
                hint="Leave STREAM out, or silence this check if the backend reads the message's esp_extra itself.",
                id="recovery.W016",
            )


def _unwatched() -> Iterator[CheckMessage]:
    """Silence is judged of the providers of WEBHOOKS alone."""
    site_mail: Spec | None = shapes.sound("SITE_MAIL")
    ways = [*(_unwrapped(route) for route in shapes.sound("ROUTES") or [{}]), *([site_mail] if site_mail else [])]
    backends = {_backend(way) for way in ways} - {WRAPPER}
    esps = {esp_of(Route(name="", spec={"BACKEND": backend})) for backend in backends}
    for esp in sorted((esps & webhooks.PROVIDERS.keys()) - shapes.sound("WEBHOOKS").keys()):
        yield Warning(
            f"Mail leaves by {esp}, and RECOVERY['WEBHOOKS'] does not name it: nobody would notice that it reports "
            "nothing back.",
            hint=f"Add {esp!r}: {{}} to RECOVERY['WEBHOOKS'], and give the provider the webhook's URL and its secret; "
            "or silence this check if it is not to report.",
            id="recovery.W018",
        )


def _mailers(specs: Mapping[str, Sequence[Spec]]) -> Iterator[CheckMessage]:
    for setting, each in specs.items():
        if django.VERSION < (6, 1) and any("MAILER" in spec for spec in each):
            yield Error(
                f"MAILER in RECOVERY[{setting!r}] needs Django 6.1; before it there are no MAILERS to choose from.",
                hint="Give BACKEND and OPTIONS.",
                id="recovery.E006",
            )


def _names(routes: Sequence[Spec]) -> Iterator[CheckMessage]:
    """Circuits, switches and audiences know a route by its name."""
    names = [_name(route) for route in routes]
    if len(routes) > 1 and not all("NAME" in route for route in routes):
        yield Error(
            "Of several routes in RECOVERY['ROUTES'], each needs a NAME.",
            hint="Any short text that stays the same.",
            id="recovery.E009",
        )
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Error(
            f"Two routes in RECOVERY['ROUTES'] are called {name!r}: they would share one circuit and one switch.",
            hint="Give each its own NAME.",
            id="recovery.E009",
        )
    for audience, door in shapes.sound("AUDIENCES").items():
        for name in sorted(set(door.get("ROUTES", ())) - {*(names or ["default"])}):
            yield Error(
                f"RECOVERY['AUDIENCES'][{audience!r}]['ROUTES'] names {name!r}, which is no route.",
                hint=f"There are {', '.join(names or ['default'])}.",
                id="recovery.E009",
            )


def _left_behind(routes: Sequence[Spec]) -> Iterator[CheckMessage]:
    """Mail of a kind that no route takes would wait until it is too late."""
    kinds = {_name(route): set(route.get("KINDS", OURS)) for route in routes or [{}]}
    doors = {"default": list(kinds)}
    doors |= {name: door["ROUTES"] for name, door in shapes.sound("AUDIENCES").items() if "ROUTES" in door}
    for audience, names in doors.items():
        taken = set[str]().union(*(kinds.get(name, set()) for name in names))
        if left := [str(kind) for kind in OURS if kind not in taken]:
            yield Error(
                f"No route takes mail of the kind {' or '.join(left)} for the audience {audience!r}.",
                hint="Add the kind to the KINDS of a route, or leave KINDS out of one: it then takes all.",
                id="recovery.E009",
            )


def _circles(routes: Sequence[Spec], site_mail: Spec | None) -> Iterator[CheckMessage]:
    named = [f"RECOVERY['ROUTES'][{n}]" for n, spec in enumerate(routes) if _names_a_way(spec) and _is_wrapper(spec)]
    if site_mail and _is_wrapper(site_mail):
        named.append("RECOVERY['SITE_MAIL']")
    for where in named:
        yield Error(
            f"{where} leads into {WRAPPER}, which leads back to it.",
            hint="Name the backend that mail is to leave by.",
            id="recovery.E010",
        )
    mailers: Mapping[str, Spec] = of_django("MAILERS", {}) or {}
    in_use = any(spec.get("BACKEND") == WRAPPER for spec in mailers.values()) if mailers else _is_wrapper({})
    if in_use and not site_mail:
        yield Error(
            f"Mail goes to {WRAPPER}, and RECOVERY['SITE_MAIL'] does not say how it goes on.",
            hint="Put there what the mail setting was before: BACKEND and OPTIONS, or MAILER.",
            id="recovery.E010",
        )


def _name(route: Spec) -> str:
    return str(route.get("NAME", "default"))


def _names_a_way(spec: Spec) -> bool:
    """Whether it says more than "as the site does", which is taken through the wrapper's own way out."""
    return "BACKEND" in spec or "MAILER" in spec


def _is_wrapper(spec: Spec) -> bool:
    return _backend(spec) == WRAPPER


def _unwrapped(spec: Spec) -> Spec:
    return shapes.sound("SITE_MAIL") or spec if _is_wrapper(spec) else spec


def _backend(spec: Spec) -> str:
    """Dotted path of the backend's class. Where there are MAILERS, reading EMAIL_BACKEND is an error."""
    if "BACKEND" in spec:
        return str(spec["BACKEND"])
    if mailers := of_django("MAILERS", {}):
        return str(mailers.get(spec.get("MAILER", "default"), {}).get("BACKEND", ""))
    return str(of_django("EMAIL_BACKEND"))


def _is_of(backend: str, esps: Sequence[str]) -> bool:
    return any(f"anymail.backends.{esp}." in backend for esp in esps)
