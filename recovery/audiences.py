"""Doors to the accounts: where links lead, who signs the mail, who belongs where.

A request chooses a door by the page that was asked, among those that the settings name; nothing of it gets into a link.
The settings say which accounts belong to a door (``MEMBERS``) and in which order they are asked; a site's own function
may decide instead (``CHOOSE_AUDIENCE``). Which door an HTTP request means, and its pages, stand in ``doors``.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import urlsplit

from django.contrib.auth.base_user import AbstractBaseUser
from django.template.loader import select_template
from django.urls import reverse
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from recovery.conf import conf
from recovery.exceptions import Misconfigured
from recovery.models import Email

logger = logging.getLogger(__name__)

DEFAULT: Final = "default"
"""The site's own door: what it leaves out in ``AUDIENCES``, or all of it, is what RECOVERY says beside."""
CHOSEN_LATER: Final = ""
"""Of an ask by staff or the site that names no door: the worker asks to which one the account belongs by then."""
DOORS: Final = "doors"
"""In the context of a mail with links: account key -> the door of its link and those where else it gets in."""
IN_LINK_URL: Final = ("{purpose}", "{token}")
_PORTS: Final = {"https": ":443", "http": ":80"}


@dataclass(frozen=True, slots=True)
class Audience:
    """One door. ``base_url`` has no trailing slash, and may have a path; ``language`` is "" where the reader's counts,
    ``folder`` is "" where there is none, ``login_url`` a path, URL or URL name, ``link_url`` "" where links for a new
    password lead to our own page."""

    name: str
    base_url: str
    from_email: str
    site_name: str
    folder: str = ""
    language: str = ""
    login_url: str = ""
    support_contact: str = ""
    link_url: str = ""

    @sensitive_variables()
    def password_link(self, purpose: str, *, selector: str, verifier: str) -> str:
        """Of a mail: where a password is set over this link. A page of the site's own that would not get all that it
        needs is none; a check tells of it."""
        if not all(each in self.link_url for each in IN_LINK_URL):
            return self.link(purpose, selector=selector, verifier=verifier)
        return self.link_url.replace("{purpose}", purpose).replace("{token}", f"{selector}/{verifier}")

    @sensitive_variables()
    def link(self, url_name: str, **kwargs: str) -> str:
        """Absolute URL of one of our pages; only the configured base decides its host and how its path begins."""
        base, path = urlsplit(self.base_url), self.path(url_name, **kwargs)
        within = path if path.startswith(f"{base.path}/") else base.path + path
        return f"{base.scheme}://{base.netloc}{within}"

    @sensitive_variables()
    def path(self, url_name: str, **kwargs: str) -> str:
        """Path of one of our pages here: in the include whose namespace is the door's name, else in the usual one."""
        return reverse(f"recovery:{url_name}", kwargs=kwargs or None, current_app=self.name)

    def templates(self, name: str) -> list[str]:
        """Of ``recovery/<name>``: the door's own first, if there is one."""
        shipped = f"recovery/{name}"
        return [f"{self.folder}/{name}", shipped] if self.folder else [shipped]

    def frame(self, name: str) -> Any:
        """What the shipped pages and mails of this door extend: a template of its own, else the shipped one."""
        candidates = self.templates(name)
        return select_template(candidates) if self.folder else candidates[0]

    @property
    def forgot_url(self) -> str:
        """Absolute URL of the door's forgot page."""
        return self.link("forgot")

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")


def names() -> list[str]:
    """All doors, the site's own first."""
    return list(dict.fromkeys([DEFAULT, *conf.AUDIENCES]))


def get(name: str = DEFAULT) -> Audience:
    """The audience of that name; what it leaves out is the default's. Raises Misconfigured for an unknown
    name or a missing BASE_URL."""
    own = conf.AUDIENCES.get(name, {} if name == DEFAULT else None)
    if own is None:
        raise Misconfigured(f"RECOVERY['AUDIENCES'] has no {name!r}.")
    base_url = str(own.get("BASE_URL") or conf.BASE_URL).rstrip("/")
    if not base_url:
        raise Misconfigured("RECOVERY['BASE_URL'] is missing.")
    return Audience(
        name=name,
        base_url=base_url,
        from_email=str(own.get("FROM_EMAIL") or conf.FROM_EMAIL),
        site_name=str(own.get("SITE_NAME") or conf.SITE_NAME or urlsplit(base_url).hostname),
        folder=str(own.get("TEMPLATES") or ("" if name == DEFAULT else f"recovery/{name}")),
        language=str(own.get("LANGUAGE") or ""),
        login_url=str(own.get("LOGIN_URL") or ""),
        support_contact=str(own.get("SUPPORT_CONTACT") or conf.SUPPORT_CONTACT or ""),
        link_url=str(own.get("LINK_URL") or conf.LINK_URL or ""),
    )


def of_mail(email: Email, user_key: str) -> str:
    """The door of one account's link in a mail, which may list accounts of several."""
    return (doors_in(email, user_key) or [email.audience])[0]


def doors_in(email: Email, user_key: str) -> list[str]:
    """What a mail was told of the doors of an account: that of its link, then the others where the password counts."""
    return list(email.context.get(DOORS, {}).get(user_key, []))


def at(*, host: str, path: str) -> str:
    """The door that lives at this host and path, by the ``BASE_URL`` of each; of several, the one with the longest
    path. A host that no setting names is the default's place, whatever it is: a header can name no door into being."""
    found, longest = DEFAULT, -1
    for name in names() if conf.AUDIENCES else ():
        own_host, own_path = place(str(conf.AUDIENCES.get(name, {}).get("BASE_URL") or ""))
        if name == DEFAULT and not own_host:
            own_host, own_path = place(conf.BASE_URL)
        is_here = own_host and _is_same(host, own_host) and f"{path}/".startswith(f"{own_path}/")
        if is_here and len(own_path) > longest:
            found, longest = name, len(own_path)
    return found


def place(base_url: str) -> tuple[str, str]:
    """Host and path by which a door is known: the port only where it is not the scheme's own, no slash at the end."""
    parts = urlsplit(base_url)
    return parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, "")), parts.path.rstrip("/")


def _is_same(host: str, own: str) -> bool:
    return host.lower() in {own, *(f"{own}{port}" for port in _PORTS.values())}


def asked_for(name: str) -> str:
    """What a request by staff or the site says: the door that they named, or that none was. Raises Misconfigured for
    an unknown one."""
    if name:
        return get(name).name
    return CHOSEN_LATER if conf.AUDIENCES else DEFAULT


def of(user: AbstractBaseUser, *, asked_at: str = CHOSEN_LATER, kind: str = "") -> str:
    """The door that mail for this account leads to; see ``doors_of``."""
    return doors_of(user, asked_at=asked_at, kind=kind)[0]


def doors_of(user: AbstractBaseUser, *, asked_at: str = CHOSEN_LATER, kind: str = "") -> list[str]:
    """The door that mail for this account leads to, then all others that it belongs to.

    The first is what ``CHOOSE_AUDIENCE`` says; else the door that was asked at, if the account belongs there; else the
    first to which it belongs; else the default. ``kind``: of the request, "" for a notice. Raises what the site's
    functions do.
    """
    if not conf.AUDIENCES:
        return [DEFAULT]
    own = _memberships(user)
    is_open = asked_at in names() and (asked_at in own or not _members(asked_at))
    first = _said(user, asked_at, kind) or (asked_at if is_open else next(iter(own), DEFAULT))
    return list(dict.fromkeys([first, *own]))


def of_user(user: AbstractBaseUser) -> list[str]:
    """The doors to which this account belongs, in the order of ``AUDIENCES``; never none: somebody of no door is of the
    default one."""
    return _memberships(user) or [DEFAULT]


def _memberships(user: AbstractBaseUser) -> list[str]:
    """A door without ``MEMBERS`` takes whoever asks there, and has nobody of its own."""
    asked = ((name, _members(name)) for name in conf.AUDIENCES)
    return [name for name, has in asked if has and has(user)]


def _members(name: str) -> Callable[[AbstractBaseUser], Any] | None:
    dotted = conf.AUDIENCES.get(name, {}).get("MEMBERS")
    return cast("Callable[[AbstractBaseUser], Any]", import_string(dotted)) if dotted else None


def _said(user: AbstractBaseUser, asked_at: str, kind: str) -> str:
    """What the site's own function says, "" for nothing; a door that does not exist keeps nobody from their mail."""
    if not conf.CHOOSE_AUDIENCE:
        return ""
    name = import_string(conf.CHOOSE_AUDIENCE)(user, asked_at=asked_at, kind=kind)
    if name and name not in names():
        logger.error("CHOOSE_AUDIENCE named a door that is not in AUDIENCES; the usual rule decides")
        return ""
    return str(name or "")
