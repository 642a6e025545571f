"""What each setting must look like: type by type, and which keys a dict inside may have. Told by ``checks``."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils.functional import Promise

from recovery import tokens, webhooks
from recovery.conf import DEFAULTS, MERGED, conf

DOOR_KEYS: Final = ("BASE_URL", "FROM_EMAIL", "SITE_NAME")
ROUTE_KEYS: Final = ("NAME", "BACKEND", "OPTIONS", "MAILER")

Is = Callable[[Any], bool]


def _is(*kinds: type) -> Is:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _dict_of(each: Is) -> Is:
    return lambda value: isinstance(value, Mapping) and all(each(inner) for inner in value.values())


def _is_limit(value: Any) -> bool:
    is_pair = isinstance(value, tuple | list) and len(value) == 2
    return is_pair and _is(int)(value[0]) and value[0] >= 0 and isinstance(value[1], timedelta)


def _is_life(value: Any) -> bool:
    return value == "auto" or (isinstance(value, timedelta) and timedelta(0) < value <= tokens.CEILING)


def _is_route(value: Any) -> bool:
    texts = isinstance(value, Mapping) and all(_is(str, Promise)(value.get(key, "")) for key in ROUTE_KEYS[:2])
    return texts and isinstance(value.get("OPTIONS", {}), Mapping)


_TEXT: Final = (_is(str, Promise), "a text")
_TEXT_OR_NONE: Final = (_is(str, Promise, type(None)), "a text, or None")
_SWITCH: Final = (_is(bool), "True or False")
_DURATION: Final = (_is(timedelta), "a timedelta")
SHAPES: Final[Mapping[str, tuple[Is, str]]] = {
    "ACCOUNTS": _TEXT,
    "ADMIN_BASE": _TEXT,
    "AUDIENCES": (
        _dict_of(_dict_of(_is(str, Promise, type(None)))),
        f"a dict of dicts with texts for keys of {DOOR_KEYS}",
    ),
    "BASE_URL": _TEXT,
    "CHANGE_PASSWORD_URL": _TEXT,
    "COOLDOWN": _DURATION,
    "FROM_EMAIL": _TEXT_OR_NONE,
    "MAY_ACT_ON": _TEXT_OR_NONE,
    "NO_PASSWORD_SIGN_IN": (
        lambda value: value is None or (_dict_of(_is(str, Promise))(value) and {"NAME", "URL"} <= set(value)),
        "None, or a dict with NAME and URL",
    ),
    "POST_RESET_LOGIN": _SWITCH,
    "REQUEST_LIMITS": (_dict_of(_is_limit), "a dict; each limit is a number and a timedelta"),
    "RETENTION": (_dict_of(_is(timedelta, type(None))), "a dict with a timedelta or None for each key"),
    "ROUTES": (
        lambda value: isinstance(value, list | tuple) and all(map(_is_route, value)),
        f"a list of dicts with keys of {ROUTE_KEYS}; OPTIONS is a dict, the others are texts",
    ),
    "SEND_BY": _DURATION,
    "SITE_NAME": _TEXT_OR_NONE,
    "SUPPORT_CONTACT": _TEXT_OR_NONE,
    "TOKEN_LIFETIME": (_is_life, '"auto" or a timedelta of at most 24 hours'),
    "TRUSTED_PROXIES": (
        lambda value: _is(int)(value) and value >= 0,
        "the number of proxies in front of the site, 0 or more",
    ),
    "UNKNOWN_ACCOUNT_MAIL": _SWITCH,
    "WEBHOOKS": (_dict_of(_is(Mapping)), "a dict with a dict for each provider"),
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
        ("['NO_PASSWORD_SIGN_IN']", sound("NO_PASSWORD_SIGN_IN") or {}, ("NAME", "URL")),
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
