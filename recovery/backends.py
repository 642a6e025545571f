"""Sign-ins are counted here, whatever door they come through: ``authenticate()`` is the one place that all doors share.

What is counted and when it is too much stands in ``lockouts``; which browser is a known device, in ``devices``.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from asgiref.sync import sync_to_async
from django.contrib.auth import backends, get_backends, get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import get_hasher, identify_hasher, make_password
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, devices, lockouts
from recovery.addresses import normalise
from recovery.conf import authentication_backends
from recovery.lockouts import Admission, Attempt, Counters
from recovery.origin import Origin, client_address

if TYPE_CHECKING:
    _Base = backends.BaseBackend
else:
    _Base = object

_WORK: Final = frozenset({"iterations", "work_factor", "rounds", "time_cost"})
"""What hashers call the work that a hash takes, in what they decode of one."""
_is_judging: ContextVar[bool] = ContextVar("recovery_is_judging", default=False)


class _Carried(NamedTuple):
    """An attempt that one backend has refused and the next may still accept."""

    request: Any
    attempt: Attempt


_carried: ContextVar[_Carried | None] = ContextVar("recovery_carried", default=None)


class LockoutMixin(_Base):
    """Put in front of any backend class: ``class Backend(LockoutMixin, LdapBackend)``. All backends of a site that take
    a password need it; those that are asked for one sign-in count it once.

    While its counters are locked a sign-in is refused by PermissionDenied, so that no other backend is asked either,
    and its password is not looked at. A page may read ``request.recovery_wait``: until when.
    """

    name_credentials: tuple[str, ...] = ()
    """Credentials that may hold the name, in order. Empty: ``username``, the fields of the user model for name and
    e-mail, ``login``."""
    name_fields: tuple[str, ...] = ()
    """Fields of the user model by which the backend finds an account. Empty: the one for the name. With others, the
    account is looked up before it is counted, so that all its names share one count, and staff who lock it lock them
    all."""

    @sensitive_variables()
    def authenticate(self, request: Any, *args: Any, **credentials: Any) -> Any:
        """As the backend behind it. Raises PermissionDenied where the sign-in is refused; waits for ten seconds at most
        while others with the same name are judged."""
        judge = super().authenticate
        given = _given(judge, request, args, credentials)
        if given is None:
            return None
        attempt = self._attempt(request, given)
        if attempt is None:
            return judge(request, *args, **credentials)
        if not attempt.is_admitted and not attempt.enter():
            raise _refused(request, attempt)
        try:
            with _judging():
                user = judge(request, *args, **credentials)
        except Exception as error:
            _stumbled(request, attempt, error)
            raise
        return self._settled(request, given, attempt, user)

    @sensitive_variables()
    async def aauthenticate(self, request: Any, *args: Any, **credentials: Any) -> Any:
        """As ``authenticate``."""
        judge = getattr(super(), "aauthenticate", None) or sync_to_async(super().authenticate)
        given = _given(super().authenticate, request, args, credentials)
        if given is None:
            return None
        attempt = await sync_to_async(self._attempt)(request, given)
        if attempt is None:
            return await judge(request, *args, **credentials)
        if not attempt.is_admitted and not await _entered(attempt):
            raise _refused(request, attempt)
        try:
            with _judging():
                user = await judge(request, *args, **credentials)
        except Exception as error:
            await sync_to_async(_stumbled)(request, attempt, error)
            raise
        return await sync_to_async(self._settled)(request, given, attempt, user)

    @sensitive_variables()
    def user_called(self, name: str) -> AbstractBaseUser | None:
        """The account that this name means, however it is spelled; None where there is none, or more than one. One
        statement, the same for every name."""
        users: Any = get_user_model()
        fields = self.name_fields or (users.USERNAME_FIELD,)
        wanted = Q()
        for field in fields:
            wanted |= Q(**{f"{field}__in": [name, normalise(name)]}) | Q(**{f"{field}__iexact": name})
        found = list(users._default_manager.filter(wanted)[:10]) if _is_storable(name) else []
        exact = [user for user in found if name in [getattr(user, field) for field in fields]]
        return next(iter(exact), found[0] if len(found) == 1 else None)

    @sensitive_variables()
    def _attempt(self, request: Any, given: Mapping[str, Any]) -> Attempt | None:
        """What is counted, or goes on being; None if nothing is: no name, nothing that proves it, or asked from
        within."""
        name = self._name(given)
        if name is None or _is_judging.get():
            return None
        carried = _carried.get()
        _carried.set(None)
        if carried and carried.request is request and self._place(request, given)[0]:
            return carried.attempt
        counters, ip = self._counters(request, name)
        return Attempt(counters, whose=lambda: _key_of(self.user_called(name)), ip=ip)

    @sensitive_variables()
    def _name(self, given: Mapping[str, Any]) -> str | None:
        users: Any = get_user_model()
        holders = self.name_credentials or ("username", users.USERNAME_FIELD, users.get_email_field_name(), "login")
        holder = next((each for each in holders if given.get(each) is not None), None)
        is_proven = any(value is not None for each, value in given.items() if each not in holders)
        return str(given[holder]) if holder and is_proven else None

    @sensitive_variables()
    def _counters(self, request: Any, name: str) -> tuple[Counters, str]:
        users: Any = get_user_model()
        if self.name_fields not in ((), (users.USERNAME_FIELD,)) and (user := self.user_called(name)):
            name = user.get_username()
        if request is None:
            return lockouts.counters(name), ""
        ip = client_address(request)
        return lockouts.counters(name, source=Origin(ip=ip).source, device=devices.known(request, name)), ip

    @sensitive_variables()
    def _settled(self, request: Any, given: Mapping[str, Any], attempt: Attempt, user: Any) -> Any:
        """``user``, after the attempt is settled. Raises PermissionDenied where the account is shut all the same."""
        if user is None and self._place(request, given)[1]:
            _carried.set(_Carried(request, attempt))
        elif user is None:
            attempt.fail()
            _explain(request, attempt)
        elif not attempt.succeed(user):
            raise _refused(request, attempt)
        return user

    @sensitive_variables()
    def _place(self, request: Any, given: Mapping[str, Any]) -> tuple[bool, bool]:
        """Whether another counted backend was asked for this sign-in before this one, and whether one will be after."""
        if len(authentication_backends()) == 1:
            return False, False
        counted = [each for each in get_backends() if isinstance(each, LockoutMixin) and each._takes(request, given)]
        place = next((number for number, each in enumerate(counted) if type(each) is type(self)), 0)
        return place > 0, place < len(counted) - 1

    @sensitive_variables()
    def _takes(self, request: Any, given: Mapping[str, Any]) -> bool:
        return _given(super().authenticate, request, (), given) is not None


class _EvenBackend(backends.ModelBackend):
    """Django's, and whatever the name is, one hash: also where the stored one is of a kind that costs nothing."""

    async def aauthenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> Any:
        """In a thread; Django before 6.0 hashes in the event loop."""
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)

    @sensitive_variables()
    def authenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> Any:
        users: Any = get_user_model()
        username = kwargs.get(users.USERNAME_FIELD) if username is None else username
        if username is None or password is None:
            return None
        user = _called(username)
        stored = user.password if user else ""
        if user is None:
            users().set_password(password)
        elif user.check_password(password):
            if user.password != stored:
                devices.rehashed(user, old_hash=stored)
            return user if self.user_can_authenticate(user) else None
        elif _is_free(user.password):
            make_password(password)
        return None


class ModelBackend(LockoutMixin, _EvenBackend):
    """Django's ``ModelBackend`` with the lockout. Put it into its place in ``AUTHENTICATION_BACKENDS``."""


@sensitive_variables()
def _called(username: Any) -> Any:
    """As Django's own look-up; None also for what cannot be a name."""
    if not _is_storable(str(username)):
        return None
    try:
        return cast(Any, get_user_model()._default_manager).get_by_natural_key(username)
    except (ObjectDoesNotExist, ValueError, TypeError, OverflowError):
        return None


def _is_storable(name: str) -> bool:
    """PostgreSQL stores neither NUL nor surrogates."""
    return "\0" not in name and name == name.encode(errors="ignore").decode()


def _is_free(encoded: str) -> bool:
    """Whether to compare with this hash took next to no time, while a hash of today takes long (``MD5``, of old)."""
    try:
        hasher = identify_hasher(encoded)
        return hasher.algorithm != get_hasher().algorithm and _WORK.isdisjoint(hasher.decode(encoded))
    except (ValueError, NotImplementedError):
        return False  # then Django has hashed once


def _key_of(user: AbstractBaseUser | None) -> str:
    return accounts.key_of(user) if user else ""


@sensitive_variables()
def _given(
    judge: Callable[..., Any], request: Any, args: tuple[Any, ...], credentials: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The credentials by the names that the backend gives them; None: it does not take them, and Django would have
    passed it over."""
    signature = _signature(getattr(judge, "__func__", judge))
    own = () if getattr(judge, "__self__", None) is None else (None,)
    try:
        bound = signature.bind(*own, request, *args, **credentials)
    except TypeError:
        return None
    given = dict(list(bound.arguments.items())[len(own) + 1 :])
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            given |= given.pop(parameter.name, {})
    return given


@cache
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


@contextmanager
def _judging() -> Iterator[None]:
    """A backend whose ``aauthenticate`` calls its ``authenticate``, as Django's do, counts once."""
    token = _is_judging.set(True)
    try:
        yield
    finally:
        _is_judging.reset(token)


async def _entered(attempt: Attempt) -> bool:
    take = sync_to_async(attempt.take)
    for pause in attempt.pauses():
        if (admission := await take()) != Admission.WAITS:
            return admission == Admission.ADMITTED
        await asyncio.sleep(pause)
    return False


def _stumbled(request: Any, attempt: Attempt, error: Exception) -> None:
    """The backend says no in its loud way, or could not judge at all."""
    if isinstance(error, PermissionDenied):
        attempt.fail()
        _explain(request, attempt)
    else:
        attempt.give_back()


def _refused(request: Any, attempt: Attempt) -> PermissionDenied:
    _explain(request, attempt)
    return PermissionDenied()


def _explain(request: Any, attempt: Attempt) -> None:
    """Leave on Django's request, which a framework may have wrapped, what a page may tell everybody alike."""
    if request is not None and attempt.refused_until:
        getattr(request, "_request", request).recovery_wait = attempt.refused_until
