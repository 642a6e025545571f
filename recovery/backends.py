"""Sign-ins are counted here, whatever door they come through: ``authenticate()`` is the one place that all doors share.

What is counted and when it is too much stands in ``lockouts``; which browser is a known device, in ``devices``.
"""

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from asgiref.sync import sync_to_async
from django.contrib.auth import backends, get_backends, get_user_model
from django.contrib.auth.base_user import BaseUserManager
from django.core.exceptions import PermissionDenied
from django.views.decorators.debug import sensitive_variables

from recovery import accounts, devices, lockouts
from recovery.conf import authentication_backends
from recovery.lockouts import Admission, Attempt, Counters, Meant
from recovery.one_hash import OneHashBackend
from recovery.origin import Origin, client_address

if TYPE_CHECKING:
    _Base = backends.BaseBackend
else:
    _Base = object

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
    """Fields of the user model by which the backend finds an account; behind a relation, too. Empty: the one for the
    name where the backend is Django's, else that and the one for the e-mail, for we cannot know (check
    ``recovery.W023``). With more than the one for the name, accounts are looked up before anything is counted: all
    names of an account share one count, staff who lock it lock them all, and a name that means several accounts is
    counted for each of them."""

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
        except Exception as error:  # the backend behind may be the site's
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
        except Exception as error:  # the same
            await sync_to_async(_stumbled)(request, attempt, error)
            raise
        return await sync_to_async(self._settled)(request, given, attempt, user)

    @classmethod
    def fields_of_names(cls) -> tuple[str, ...]:
        """``name_fields``, or what stands in for them."""
        own = str(cast(Any, get_user_model()).USERNAME_FIELD)
        if cls.name_fields or cls.judges_as_django():
            return cls.name_fields or (own,)
        return tuple(dict.fromkeys(field for field in (own, accounts.email_field()) if field))

    @classmethod
    def judges_as_django(cls) -> bool:
        """Whether the backend behind it finds an account as Django's own do: by its user name alone."""
        users = type(cast(Any, get_user_model())._default_manager)
        is_own = users.get_by_natural_key is BaseUserManager.get_by_natural_key
        return is_own and _is_djangos(cast(Any, cls))

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
        fields = self._fields(request, given)
        counters, ip = _counters(request, name, fields)
        return Attempt(counters, whose=lambda: _whose(name, fields), ip=ip)

    @sensitive_variables()
    def _fields(self, request: Any, given: Mapping[str, Any]) -> tuple[str, ...]:
        """By which any of the backends that share this attempt may find an account."""
        own = self.fields_of_names()
        others = [] if len(authentication_backends()) == 1 else self._counted(request, given)
        return tuple(dict.fromkeys([*own, *(field for each in others for field in each.fields_of_names())]))

    @sensitive_variables()
    def _name(self, given: Mapping[str, Any]) -> str | None:
        users: Any = get_user_model()
        holders = self.name_credentials or ("username", users.USERNAME_FIELD, users.get_email_field_name(), "login")
        holder = next((each for each in holders if given.get(each) is not None), None)
        is_proven = any(value is not None for each, value in given.items() if each not in holders)
        return str(given[holder]) if holder and is_proven else None

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
        counted = self._counted(request, given)
        place = next((number for number, each in enumerate(counted) if type(each) is type(self)), 0)
        return place > 0, place < len(counted) - 1

    @sensitive_variables()
    def _counted(self, request: Any, given: Mapping[str, Any]) -> "list[LockoutMixin]":
        return [each for each in get_backends() if isinstance(each, LockoutMixin) and each._takes(request, given)]

    @sensitive_variables()
    def _takes(self, request: Any, given: Mapping[str, Any]) -> bool:
        return _given(super().authenticate, request, (), given) is not None


class ModelBackend(LockoutMixin, OneHashBackend):
    """Django's ``ModelBackend`` with the lockout. Put it into its place in ``AUTHENTICATION_BACKENDS``."""


@sensitive_variables()
def _counters(request: Any, name: str, fields: tuple[str, ...]) -> tuple[Counters, str]:
    """Under what a sign-in with this name is counted, and the client's address."""
    users: Any = get_user_model()
    origin = Origin(ip=client_address(request)) if request is not None else Origin()
    ip, source = origin.ip, origin.source
    if fields != (users.USERNAME_FIELD,) and (called := accounts.called(name, fields)):
        known = devices.known_of(request, called)
        meant = [Meant(user.get_username(), device) for user, device in zip(called, known, strict=True)]
        if len(meant) > 1:
            meant = [one._replace(user_key=accounts.key_of(user)) for one, user in zip(meant, called, strict=True)]
        return lockouts.of_all(meant, source=source), ip
    return lockouts.counters(name, source=source, device=devices.known(request, name)), ip


@sensitive_variables()
def _whose(name: str, fields: tuple[str, ...]) -> str:
    """Key of the account that this name means, however it is spelled; "" where there is none, or more than one."""
    found = accounts.called(name, fields)
    exact = [user for user in found if name in [getattr(user, field, None) for field in fields]]
    user = next(iter(exact), found[0] if len(found) == 1 else None)
    return accounts.key_of(user) if user else ""


@sensitive_variables()
def _given(
    judge: Callable[..., Any], request: Any, args: tuple[Any, ...], credentials: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The credentials by the names that the backend gives them; None: it does not take them, and Django would have
    passed it over."""
    function, own = getattr(judge, "__func__", judge), () if getattr(judge, "__self__", None) is None else (None,)
    if not args:
        return dict(credentials) if _binds(function, len(own), tuple(credentials)) else None
    signature = _signature(function)
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
def _is_djangos(backend: type[LockoutMixin]) -> bool:
    """Whether what is behind the mixin is Django's ``authenticate``, or ours in its stead."""
    behind = backend.__mro__[backend.__mro__.index(LockoutMixin) + 1 :]
    judge = next((vars(each)["authenticate"] for each in behind if "authenticate" in vars(each)), None)
    return judge in (OneHashBackend.authenticate, backends.ModelBackend.authenticate)


@lru_cache
def _binds(function: Callable[..., Any], own: int, names: tuple[str, ...]) -> bool:
    """Whether it takes a request and credentials of these names."""
    try:
        _signature(function).bind(*[None] * (own + 1), **dict.fromkeys(names))
    except TypeError:
        return False
    return True


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
    await sync_to_async(attempt.wait_in_vain)()
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
