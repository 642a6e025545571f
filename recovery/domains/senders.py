"""Who sends, as the settings have it: each audience by each of its routes, with all that is looked up for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parseaddr
from ipaddress import ip_network
from typing import Any

from recovery import audiences, routes
from recovery.conf import conf
from recovery.domains.spf import Wanted
from recovery.reasons import EmailKind
from recovery.routes import Route


@dataclass(frozen=True, slots=True)
class Sender:
    """One audience by one route. ``return_path``: the domain that bounces go to; "" where it is the provider's own and
    the settings do not name it. ``selectors``: of DKIM, each with its domain."""

    audience: str
    route: str
    from_email: str
    domain: str
    return_path: str
    selectors: tuple[tuple[str, str], ...]
    wanted: Wanted
    ips: tuple[str, ...]
    stream: str

    @property
    def spf_domain(self) -> str:
        """Receivers check the return path; where that is the provider's, the sender's could be forged as one."""
        return self.return_path or self.domain


def all_senders() -> list[Sender]:
    """In the order of the settings. Raises Misconfigured where an audience has no BASE_URL."""
    return [_sender(audience, route) for audience in ("default", *conf.AUDIENCES) for route in _routes_of(audience)]


def _routes_of(audience: str) -> list[Route]:
    """All by which any kind of recovery mail leaves."""
    known = routes.all_routes()
    named = {way.name for kind in EmailKind for way in routes.of(kind, audience, known)}
    return [route for route in known if route.name in named]


def _sender(audience: str, route: Route) -> Sender:
    from_email = audiences.get(audience).from_email
    domain, esp = domain_of(from_email), routes.esp_of(route)
    own_return_path = "" if esp else (conf.RETURN_PATH_DOMAIN or domain)
    return_path = str(route.spec.get("RETURN_PATH") or own_return_path).lower().rstrip(".")
    ips = tuple(str(each) for each in route.spec.get("IPS", conf.SENDING_IPS))
    return Sender(
        audience=audience,
        route=route.name,
        from_email=from_email,
        domain=domain,
        return_path=return_path,
        selectors=_selectors(route.spec.get("DKIM_SELECTORS", conf.DKIM_SELECTORS), domain),
        wanted=Wanted(
            esp=esp,
            networks=tuple(ip_network(each, strict=False) for each in ips),
            returns_here=bool(return_path),
        ),
        ips=ips,
        stream=str(route.stream or routes.account_of(route).get("stream", "")) if esp else "",
    )


def domain_of(from_email: str) -> str:
    _, at, domain = parseaddr(from_email)[1].rpartition("@")
    return domain.lower().rstrip(".") if at else ""


def _selectors(given: Sequence[Any], domain: str) -> tuple[tuple[str, str], ...]:
    """``s1`` signs for the sender's domain, ``s1@mail.example.org`` for another."""
    split = [str(each).lower().partition("@") for each in given]
    return tuple((selector, named or domain) for selector, _, named in split)
