"""Browsers in which somebody signed in before: the cookie that says so, and what it is good for.

After OWASP's "Slow Down Online Guessing Attacks with Device Cookies". Whoever holds a good cookie guesses on a counter
of its own, so nobody can shut owners out of browsers that they use; and a sign-in without one is told to the owner. A
cookie lets nobody in. What is counted stands in ``lockouts``, who is told in ``notices``; that every door sets the
cookie is ``middleware``'s.

An entry of the cookie is the moment when it was made, a random number, a tag of the name that was typed and a proof of
the account, both HMACs under a key derived from SECRET_KEY. It tells no user id and cannot be moved to another account.
A new password makes the proof wrong, and ``forget`` the moment too old; no row stands for a single device. A hash
that only gets a newer form at a sign-in, of the same password, is carried over by ``rehashed``.
"""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist
from django.db.models.functions import Now
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, audit
from recovery.conf import of_django, secret_keys
from recovery.models import AccountState
from recovery.models.primary import atomic
from recovery.reasons import Action

NAME: Final = "recovery_device"
LIFE: Final = timedelta(days=400)  # the longest that browsers keep a cookie (RFC 6265bis, "Cookie Lifetime Limits")
MOST: Final = 5  # accounts of one browser; the one that signed in longest ago makes room
_WRITTEN: Final = re.compile(r"[\w-]{64}", re.ASCII)  # 6 + 10 + 16 + 16 bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    """One account of a cookie. ``made`` is in milliseconds since 1970, by the database's clock."""

    made: int
    number: bytes
    tag: bytes
    proof: bytes

    @classmethod
    def read(cls, text: str) -> "_Entry":
        raw = base64.urlsafe_b64decode(text)
        return cls(int.from_bytes(raw[:6]), raw[6:16], raw[16:32], raw[32:])

    def written(self) -> str:
        return base64.urlsafe_b64encode(self.made.to_bytes(6) + self.number + self.tag + self.proof).decode()

    def is_tagged(self, name: str) -> bool:
        return _is_mac(self.tag, _naming(self.number, name))

    def is_proof_of(self, user: AbstractBaseUser, password: str) -> bool:
        """That it was made for this account, under this form of its password's hash."""
        return _is_mac(self.proof, _proving(self.made, self.number, user, password))


@dataclass(frozen=True, slots=True)
class _Met:
    """What ``known`` found out about a request: the name that was typed, and whose known device the browser is."""

    typed: str
    user_key: str = ""
    device: str | None = None


@sensitive_variables()  # people type passwords where a name belongs
def known(request: HttpRequest | None, username: str) -> str | None:
    """The id of this browser as a known device of the account that is called ``username``; None if it is none.

    Without a cookie, and with one of other accounts, no statement is made, whether there is such an account or not.
    To be asked before the password is judged, which may give an old hash a new form.
    """
    plain = _plain(request)
    if plain is None:
        return None
    tagged = [entry for entry in _entries(plain) if entry.is_tagged(username)]
    found = ((user, _good(tagged, user)) for user in (_called(username) if tagged else ()))
    met = next((_Met(username, accounts.key_of(user), device) for user, device in found if device), _Met(username))
    setattr(plain, _MET, {met.user_key: met})
    return met.device


def known_of(request: HttpRequest | None, users: Iterable[AbstractBaseUser]) -> list[str | None]:
    """As ``known``, where it was looked up already whom the typed name means: of each account the id of this browser,
    whatever the name was under which its owner signed in."""
    met = {
        accounts.key_of(user): _Met(user.get_username(), accounts.key_of(user), _of(request, user)) for user in users
    }
    if (plain := _plain(request)) is not None:
        setattr(plain, _MET, met)
    return [each.device for each in met.values()]


def is_known(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Whether this browser is a known device of ``user``, or was when the password was judged in this request."""
    met = _met(request, user)
    if met is not None and met.device and met.user_key == accounts.key_of(user):
        return True
    return _good(_entries(_plain(request)), user) is not None


def is_news(request: HttpRequest, user: AbstractBaseUser) -> bool:
    """Whether a success of ``user`` in this browser is to be told: it is not known, and another was before.

    To be asked before ``remember``. The first success of an account is nobody's news.
    """
    if is_known(request, user):
        return False
    return has_known(user)


@sensitive_variables()
def remember(response: HttpResponseBase, request: HttpRequest, user: AbstractBaseUser) -> None:
    """Make this browser a known device of ``user``, by a cookie on ``response``: after a success, and only then.

    Commits since when the account has known devices, if it had none. Each success gets a number of its own: a copy
    that somebody took before does not count on the owner's counter.
    """
    met = _met(request, user)
    name = met.typed if met is not None else user.get_username()
    made, number = _milliseconds(_moment_of(accounts.key_of(user))), secrets.token_bytes(10)
    password = _form(user, _state_of(user))
    entry = _Entry(made, number, _mac(_naming(number, name)), _mac(_proving(made, number, user, password)))
    found = _entries(_plain(request))
    others = [each for each in found if not (each.is_tagged(name) or each.is_proof_of(user, password))]
    response.set_cookie(
        NAME,
        ".".join(each.written() for each in [entry, *others][:MOST]),
        max_age=LIFE,
        secure=request.is_secure() or bool(of_django("SESSION_COOKIE_SECURE")),
        httponly=True,
        samesite="Lax",
    )


def forget(user: AbstractBaseUser, *, actor: AbstractBaseUser, reason: str) -> None:
    """Make all devices of ``user`` unknown, with its record, in one commit; the next sign-ins are told.

    A change of the password does so by itself.
    """
    key = accounts.key_of(user)
    with atomic(AccountState):
        AccountState.objects.filter(pk=key).exclude(device_known_since=None).update(device_known_since=Now())
        audit.record(Action.DEVICES_FORGOTTEN, actor_key=accounts.key_of(actor), user_key=key, reason=reason)


@sensitive_variables()
def rehashed(user: AbstractBaseUser, *, old_hash: str) -> None:
    """The hash of ``user`` got a newer form at a sign-in, the password stayed: known devices stay known. Commits.

    To be called by whoever saw the password judged right. Nothing is written where there are no known devices.
    """
    state = _state_of(user)
    if state is not None and state.device_known_since is not None:
        before = state.known_as if state.hashed_as == _digest(old_hash) else _digest(old_hash)
        AccountState.objects.filter(pk=state.pk).update(hashed_as=_digest(user.password), known_as=before)


def has_known(user: AbstractBaseUser) -> bool:
    """Whether the account has known devices, or had some that were forgotten."""
    return AccountState.objects.filter(pk=accounts.key_of(user)).exclude(device_known_since=None).exists()


def account_deleted(instance: AbstractBaseUser, **signal: Any) -> None:
    """Receiver: with an account goes what is remembered of it. Whoever gets the same key one day inherits nothing."""
    AccountState.objects.filter(pk=accounts.key_of(instance)).delete()


_MET: Final = "_recovery_met"


def _plain(request: Any) -> Any:
    """Django's request, where a framework has wrapped it (REST framework's ``Request``)."""
    return getattr(request, "_request", request)


def _met(request: Any, user: AbstractBaseUser) -> _Met | None:
    """What was found out about ``user``, else about a name of which nobody was known."""
    met: dict[str, _Met] = getattr(_plain(request), _MET, {})
    return met.get(accounts.key_of(user)) or met.get("")


def _of(request: Any, user: AbstractBaseUser) -> str | None:
    name = user.get_username()
    return _good([entry for entry in _entries(_plain(request)) if entry.is_tagged(name)], user)


def _entries(request: Any) -> list[_Entry]:
    """Those that are not too old. Whether they are genuine is asked of each."""
    written = getattr(request, "COOKIES", {}).get(NAME, "").split(".", MOST)[:MOST]
    entries = [_Entry.read(text) for text in written if _WRITTEN.fullmatch(text)]
    oldest = _milliseconds(timezone.now() - LIFE) if entries else 0
    return [entry for entry in entries if entry.made > oldest]


def _good(entries: Iterable[_Entry], user: AbstractBaseUser) -> str | None:
    """The id of the first that is a device of ``user`` and was not forgotten since. One statement, if there are any."""
    found = list(entries)
    state = _state_of(user) if found else None
    if state is None or state.device_known_since is None:
        return None
    password, since = _form(user, state), _milliseconds(state.device_known_since)
    good = (each.number.hex() for each in found if each.made > since and each.is_proof_of(user, password))
    return next(good, None)


def _state_of(user: AbstractBaseUser) -> AccountState | None:
    return AccountState.objects.filter(pk=accounts.key_of(user)).first()


def _form(user: AbstractBaseUser, state: AccountState | None) -> str:
    """What a proof holds for the password: the digest of the hash as it was when this password first got a device."""
    now = _digest(user.password)
    return state.known_as if state is not None and state.hashed_as == now else now


def _digest(encoded: str) -> str:
    """Of a hash, not of a password: a slow hash with its salt gives nothing away by its digest."""
    return hashlib.sha256(encoded.encode()).hexdigest()


@sensitive_variables()
def _called(username: str) -> Iterator[AbstractBaseUser]:
    """Who signs in under this name: by the user model's own look-up, else by the site's ``ACCOUNTS`` (an address)."""
    users: Any = get_user_model()._default_manager
    try:
        yield users.get_by_natural_key(username)
    except ObjectDoesNotExist:
        yield from (account.user for account in accounts.of_identifier(username))


def _moment_of(user_key: str) -> datetime:
    """Now by the database's clock, and after the moment since when the account has known devices; commits that one if
    there was none."""
    states = AccountState.objects.filter(pk=user_key)
    moments = states.exclude(device_known_since=None).values_list("device_known_since", Now())
    found = moments.first()
    if found is None:
        AccountState.objects.bulk_create([AccountState(user_key=user_key)], ignore_conflicts=True)
        states.filter(device_known_since=None).update(device_known_since=Now())
        found = moments.get()
    since, now = cast("tuple[datetime, datetime]", found)
    return max(now, since + timedelta(milliseconds=1))


def _milliseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _naming(number: bytes, name: str) -> str:
    return json.dumps(["name", number.hex(), accounts.one_spelling(name)])


def _proving(made: int, number: bytes, user: AbstractBaseUser, password: str) -> str:
    return json.dumps(["device", number.hex(), made, accounts.key_of(user), password])


@sensitive_variables()
def _mac(facts: str, key: str | None = None) -> bytes:
    """128 bits: far out of a guess's reach, and five accounts fit into a small cookie."""
    return salted_hmac("recovery.devices", facts, secret=key or secret_keys()[0], algorithm="sha256").digest()[:16]


@sensitive_variables()
def _is_mac(mac: bytes, facts: str) -> bool:
    """Also after SECRET_KEY was changed, as long as the old one is a fallback."""
    return any(constant_time_compare(mac, _mac(facts, key)) for key in secret_keys())
