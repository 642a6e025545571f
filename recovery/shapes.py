"""What each setting must look like: type by type, and which keys a dict inside may have. Told by ``checks``."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils.functional import Promise

from recovery import link_lives, lockouts, webhooks
from recovery.conf import conf
from recovery.conf.defaults import DEFAULTS, MERGED
from recovery.domains import written
from recovery.models.roll_ups import DELIVERY_BOUNDS
from recovery.reasons import EmailKind, LockKind

DOOR_KEYS: Final = (
    "BASE_URL", "LINK_URL", "FROM_EMAIL", "SITE_NAME", "SUPPORT_CONTACT", "TEMPLATES", "LANGUAGE", "LOGIN_URL",
    "ROUTES", "TOKEN_LIFETIME", "MEMBERS",
)  # fmt: skip
SITE_MAIL_KEYS: Final = ("BACKEND", "OPTIONS", "MAILER")
ROUTE_KEYS: Final = (
    *("NAME", "BACKEND", "OPTIONS", "MAILER", "STREAM", "KINDS", "CONNECTIONS", "KEY_HEADER"),
    *written.SENDER_KEYS,
)
MOST_CONNECTIONS: Final = 64
SHORTEST_TOKEN: Final = 16
ORIGIN: Final = re.compile(r"https?://[a-z0-9.-]+(?::\d{1,5})?|https?://\[[0-9a-f:]+\](?::\d{1,5})?")  # RFC 6454

Is = Callable[[Any], bool]


def _is(*kinds: type) -> Is:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _dict_of(each: Is) -> Is:
    return lambda value: isinstance(value, Mapping) and all(each(inner) for inner in value.values())


def _is_limit(value: Any) -> bool:
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    return is_pair and _is(int)(value[0]) and value[0] >= 0 and isinstance(value[1], timedelta)


def _is_login_limit(kind: str, most: Any) -> bool:
    if kind == LockKind.SOURCE:
        return most is None or (_is(int)(most) and most >= 1)
    return _is(int)(most) and 1 <= most <= lockouts.MOST_IN_A_ROW


def _is_wait(value: Any) -> bool:
    return isinstance(value, timedelta) and timedelta(0) < value <= lockouts.CAP


def _is_life(value: Any) -> bool:
    """A text that is no word for it is a dotted path."""
    if isinstance(value, str):
        return value == "auto" or "." in value
    return isinstance(value, timedelta) and timedelta(0) < value <= link_lives.CEILING


def _is_share(value: Any) -> bool:
    return _is(int, float)(value) and 0 <= value <= 1


def _is_count(value: Any) -> bool:
    return _is(int)(value) and value >= 1


def _is_bound(value: Any) -> bool:
    """A time by which what arrived is counted."""
    return _is(timedelta)(value) and value.total_seconds() in DELIVERY_BOUNDS


def _is_dict_with(**shapes: Is) -> Is:
    """Of the keys that are given, each has its shape; others are strange, which is told elsewhere."""
    return lambda value: (
        isinstance(value, Mapping) and all(is_sound(value[key]) for key, is_sound in shapes.items() if key in value)
    )


def _is_span(value: Any) -> bool:
    return isinstance(value, timedelta) and value > timedelta(0)


def _is_first_life(value: Any) -> bool:
    return isinstance(value, timedelta) and timedelta(0) < value <= link_lives.ACTIVATION_CEILING


def _is_list_of(each: Is) -> Is:
    return lambda value: isinstance(value, list | tuple) and all(map(each, value))


def _is_proxy(value: Any) -> bool:
    return written.is_network(value) and not value.endswith("/0")  # behind which everybody might write who they are


def _is_token(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) >= SHORTEST_TOKEN)


def _is_way_out(value: Any) -> bool:
    texts = isinstance(value, Mapping) and all(_is(str)(value.get(key, "")) for key in ("BACKEND", "MAILER"))
    return texts and isinstance(value.get("OPTIONS", {}), Mapping)


def _is_route(value: Any) -> bool:
    if (
        not _is_way_out(value)
        or not written.is_sender(value)
        or not all(_is(str)(value.get(key, "")) for key in ("NAME", "STREAM", "KEY_HEADER"))
    ):
        return False
    kinds = _is_list_of(lambda kind: isinstance(kind, str) and kind in EmailKind.values)
    connections = value.get("CONNECTIONS", 1)
    # A name longer than its column would never be found again.
    return (
        value.get("NAME", "default") != ""
        and len(value.get("NAME", "")) <= 40
        and kinds(value.get("KINDS", ()))
        and _is(int)(connections)
        and 1 <= connections <= MOST_CONNECTIONS
    )


def _is_door(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    texts = {key: inner for key, inner in value.items() if key not in ("ROUTES", "TOKEN_LIFETIME")}
    others = _is_list_of(_is(str))(value.get("ROUTES", ())) and _is_life(value.get("TOKEN_LIFETIME", "auto"))
    return _dict_of(_is(str, Promise, type(None)))(texts) and others


_TEXT: Final = (_is(str, Promise), "a text")
_TEXT_OR_NONE: Final = (_is(str, Promise, type(None)), "a text, or None")
_SWITCH: Final = (_is(bool), "True or False")
_DURATION: Final = (_is(timedelta), "a timedelta")
_LIFE: Final = '"auto", a timedelta of at most 24 hours, or a dotted path'
_ROUTE: Final = (
    "OPTIONS is a dict, KINDS a list of words of EmailKind, "
    f"CONNECTIONS a number from 1 to {MOST_CONNECTIONS}, the others are texts"
)
SHAPES: Final[Mapping[str, tuple[Is, str]]] = {
    "ACCOUNTS": _TEXT,
    "ACTIVATE_NEW_USERS": _SWITCH,
    "ACTIVATION_LIFETIME": (_is_first_life, "a timedelta of at most 7 days"),
    "ADDRESS_CORRECTION": (
        lambda value: (
            value in ("second_approver", "at_once") or (isinstance(value, timedelta) and value >= timedelta(days=1))
        ),
        '"second_approver", "at_once", or a timedelta of a day or more',
    ),
    "ADDRESS_FREEZE": _DURATION,
    "ADMIN_BASE": _TEXT,
    "ALARM_LIMITS": (
        _is_dict_with(samples=_is_count, bounces=_is_share, complaints=_is_share, open_cases=_is_count),
        "a dict; samples and open_cases are numbers from 1 on, bounces and complaints shares from 0 to 1",
    ),
    "ALARM_MAIL_TO": (_is_list_of(_is(str)), "a list of texts"),
    "API_AUTHENTICATOR": _TEXT_OR_NONE,
    "API_ORIGINS": (
        _is_list_of(lambda value: isinstance(value, str) and bool(ORIGIN.fullmatch(value))),
        'a list of origins, such as "https://app.example.org": no path, no * and no slash at the end',
    ),
    "AUDIENCES": (
        _dict_of(_is_door),
        f"a dict of dicts with keys of {DOOR_KEYS}; ROUTES is a list of texts, TOKEN_LIFETIME {_LIFE}, others texts",
    ),
    "AUDIT_ANCHORS": (
        _is_list_of(lambda entry: isinstance(entry, Mapping) and _is(str)(entry.get("ANCHOR"))),
        "a list of dicts, each with ANCHOR, a dotted path",
    ),
    "BACKUP_WAIT": _DURATION,
    "BASE_URL": _TEXT,
    "CASE_TARGETS": (
        _is_list_of(lambda entry: isinstance(entry, Mapping) and _is(str)(entry.get("TARGET"))),
        "a list of dicts, each with TARGET, a dotted path",
    ),
    "CHANGE_PASSWORD_URL": _TEXT,
    "CHOOSE_AUDIENCE": _TEXT_OR_NONE,
    "CLIENT_DATA": (
        lambda value: isinstance(value, Mapping) and all(each in ("full", "cut", "hashed") for each in value.values()),
        'a dict with "full", "cut" or "hashed" for ip and user_agent',
    ),
    "COOLDOWN": _DURATION,
    "DKIM_SELECTORS": (_is_list_of(_is(str)), "a list of texts"),
    "DNS": (
        _is_dict_with(resolvers=_is_list_of(written.is_server), answer_within=_is_span, deadline=_is_span),
        "a dict; resolvers is a list of IP addresses, with a port or without, the others are timedeltas",
    ),
    "ERASE_WITH_ACCOUNT": _SWITCH,
    "FORCED_LIFETIME": (
        lambda value: isinstance(value, timedelta) and timedelta(0) < value <= link_lives.CEILING,
        "a timedelta of at most 24 hours",
    ),
    "FROM_EMAIL": _TEXT_OR_NONE,
    "HEALTH_TOKEN": (_is_token, f"a text of at least {SHORTEST_TOKEN} characters, or None"),
    "LANGUAGE_OF": _TEXT_OR_NONE,
    "LINK_URL": _TEXT_OR_NONE,
    "LOCKOUT_ALARM": (lambda value: _is(int)(value) and value > 0, "a number, 1 or more"),
    "LOCKOUT_WAITS": (
        lambda value: _is_list_of(_is_wait)(value) and len(value) > 0,
        "a list of timedeltas, at least one, none longer than 15 minutes",
    ),
    "LOGIN_FAILURE_LIMIT": (
        lambda value: isinstance(value, Mapping) and all(_is_login_limit(kind, most) for kind, most in value.items()),
        "a dict with a number from 1 to 100 for account, device and source; None for source: it is not counted",
    ),
    "LOGIN_FAILURE_WINDOW": (_is_span, "a timedelta of more than nothing"),
    "MARKETING_DOMAINS": (_is_list_of(_is(str)), "a list of texts"),
    "MARKETING_STREAMS": (_is_list_of(_is(str)), "a list of texts"),
    "MAY_ACT_ON": _TEXT_OR_NONE,
    "METRICS": (
        _is_dict_with(TOKEN=_is_token, DOMAINS=_is_list_of(_is(str))),
        f"a dict; TOKEN is a text of at least {SHORTEST_TOKEN} characters, or None, DOMAINS a list of texts",
    ),
    "NO_PASSWORD_SIGN_IN": (
        lambda value: value is None or (_dict_of(_is(str, Promise))(value) and {"NAME", "URL"} <= set(value)),
        "None, or a dict with NAME and URL",
    ),
    "POST_RESET_LOGIN": _SWITCH,
    "REQUEST_LIMITS": (_dict_of(_is_limit), "a dict; each limit is a number and a timedelta"),
    "RETENTION": (_dict_of(_is(timedelta, type(None))), "a dict with a timedelta or None for each key"),
    "RETURN_PATH_DOMAIN": (
        lambda value: value is None or (isinstance(value, str) and bool(written.DOMAIN.fullmatch(value))),
        "the name of a domain, without @, or None",
    ),
    "REVOKERS": (_is_list_of(_is(str)), "a list of dotted paths"),
    "ROTATION_PACE": (lambda value: _is(int)(value) and value >= 1, "a number of 1 or more"),
    "ROUTES": (
        _is_list_of(_is_route),
        f"a list of dicts with keys of {ROUTE_KEYS}; {_ROUTE}",
    ),
    "SEND_BY": _DURATION,
    "SENDING_IPS": (_is_list_of(written.is_network), "a list of IP addresses and networks"),
    "SITE_MAIL": (
        lambda value: value is None or (_is_way_out(value) and bool({"BACKEND", "MAILER"} & set(value))),
        "None, or a dict with BACKEND, a text, and OPTIONS, a dict; or with MAILER, a text",
    ),
    "SITE_NAME": _TEXT_OR_NONE,
    "STAFF_AUDIENCES": _TEXT_OR_NONE,
    "STAFF_MAY_SET_PASSWORDS": _SWITCH,
    "SUPPORT_CONTACT": _TEXT_OR_NONE,
    "TARGETS": (
        _is_dict_with(delivered_within=_is_bound, delivered_share=_is_share, delivery_success=_is_share),
        "a dict; the shares are numbers from 0 to 1, delivered_within is a timedelta of so many seconds: "
        + ", ".join(map(str, DELIVERY_BOUNDS)),
    ),
    "TOKEN_LIFETIME": (_is_life, _LIFE),
    "TRUSTED_PROXIES": (
        lambda value: (_is(int)(value) and value >= 0) or _is_list_of(_is_proxy)(value),
        "the number of proxies in front of the site, 0 or more, or a list of their networks; none is everything",
    ),
    "UNKNOWN_ACCOUNT_MAIL": _SWITCH,
    "WEBHOOKS": (
        _dict_of(lambda each: _is(Mapping)(each) and _is_list_of(_is(str))(each.get("TOPICS", ()))),
        "a dict with a dict for each provider; TOPICS is a list of texts",
    ),
    "WEBHOOK_SILENCE": _DURATION,
}


def sound(name: str) -> Any:
    """As the site wrote it; the default where that has the wrong shape, which is told once and not stumbled over."""
    return _typed(name) if _is_sound(name) else DEFAULTS[name]


def misshapen() -> Iterator[tuple[str, str]]:
    """Settings that are not what they must be, each with what that is."""
    return ((name, wanted) for name, (_, wanted) in SHAPES.items() if not _is_sound(name))


def strange_keys() -> Iterator[tuple[str, str, Collection[str]]]:
    """Where, which key that means nothing there, which there may be. A mistyped key is as good as not written."""
    found: list[tuple[str, Mapping[str, Any], Collection[str]]] = [
        *((f"[{name!r}]", sound(name), DEFAULTS[name]) for name in sorted(MERGED)),
        ("['WEBHOOKS']", sound("WEBHOOKS"), webhooks.PROVIDERS),
        *(
            (f"['WEBHOOKS'][{esp!r}]", given, ("TOPICS",) if esp == "amazon_ses" else ())
            for esp, given in sound("WEBHOOKS").items()
        ),
        ("['NO_PASSWORD_SIGN_IN']", sound("NO_PASSWORD_SIGN_IN") or {}, ("NAME", "URL")),
        ("['SITE_MAIL']", sound("SITE_MAIL") or {}, SITE_MAIL_KEYS),
        *((f"['AUDIENCES'][{name!r}]", door, DOOR_KEYS) for name, door in sound("AUDIENCES").items()),
        *((f"['ROUTES'][{number}]", route, ROUTE_KEYS) for number, route in enumerate(sound("ROUTES"))),
    ]
    for where, given, keys in found:
        for key in given.keys() - set(keys):
            yield f"RECOVERY{where}", str(key), keys


def _typed(name: str) -> Any:
    return conf.given().get(name, DEFAULTS[name])


def _is_sound(name: str) -> bool:
    return SHAPES[name][0](_typed(name))
