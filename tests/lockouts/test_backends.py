"""The mixin in front of any backend: alone, beside others, asynchronously, and where a backend stumbles."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate, get_user_model
from django.contrib.auth.backends import ModelBackend as DjangosBackend
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.test import RequestFactory
from django.views.debug import ExceptionReporter

from recovery.backends import LockoutMixin, ModelBackend
from recovery.models import Lockout
from tests import hash_spy
from tests.factories import PASSWORD
from tests.following import failing
from tests.signing_in import LIMIT, WRONG, counter, fail, sign_in

pytestmark = pytest.mark.django_db

OURS = "recovery.backends.ModelBackend"


DJANGOS = {"base_user.py", "manager.py", "query.py", "utils.py", "base.py", "compiler.py", "following.py"}
"""Django's own frames below its look-up of an account hold the name."""


class Directory:
    """A backend that knows nothing of Django's classes."""

    asked: list[str] = []
    trouble: Exception | None = None

    def authenticate(self, request: Any, username: str, password: str) -> Any:
        self.asked.append(username)
        if self.trouble:
            raise self.trouble
        return get_user_model().objects.filter(username=username).first() if password == "of the directory" else None

    def get_user(self, user_id: Any) -> Any:
        return get_user_model().objects.filter(pk=user_id).first()


class CountedDirectory(LockoutMixin, Directory):
    pass


class Addresses(DjangosBackend):
    """Takes the user name or the address, as allauth's does."""

    def authenticate(self, request: Any, username: Any = None, password: Any = None, **kwargs: Any) -> Any:
        user = get_user_model().objects.filter(email=username).first()
        return super().authenticate(request, user.get_username() if user else username, password)


class ByBoth(LockoutMixin, Addresses):
    name_fields = ("username", "email")


class Tokens:
    def authenticate(self, request: Any, token: str) -> Any:
        return get_user_model().objects.first() if token == "good" else None


class CountedTokens(LockoutMixin, Tokens):
    pass


@pytest.fixture(autouse=True)
def directory() -> Any:
    Directory.asked, Directory.trouble = [], None
    return Directory


def use(settings: Any, *backends: Any) -> None:
    names = [each if isinstance(each, str) else f"{__name__}.{each.__name__}" for each in backends]
    settings.AUTHENTICATION_BACKENDS = names


def test_any_backend_is_counted_behind_the_mixin(settings: Any, ada: Any, directory: Any) -> None:
    use(settings, CountedDirectory)
    assert authenticate(username="ada", password="of the directory") == ada
    for _ in range(LIMIT + 3):
        assert authenticate(username="ada", password=WRONG) is None
    assert len(directory.asked) == 1 + LIMIT
    assert authenticate(username="ada", password="of the directory") is None


def test_a_refusal_asks_no_other_backend(settings: Any, ada: Any, directory: Any) -> None:
    use(settings, OURS, Directory)
    fail("ada", LIMIT)
    before = len(directory.asked)
    assert authenticate(username="ada", password="of the directory") is None
    assert len(directory.asked) == before == LIMIT


def test_several_counted_backends_count_one_sign_in_once(settings: Any, ada: Any, directory: Any) -> None:
    use(settings, OURS, CountedDirectory)
    for _ in range(LIMIT - 1):
        assert authenticate(username="ada", password=WRONG) is None
    assert not Lockout.objects.exists()
    assert authenticate(username="ada", password="of the directory") == ada
    assert authenticate(username="ada", password=PASSWORD) == ada
    assert authenticate(username="ada", password=WRONG) is None
    assert Lockout.objects.count() == 1
    assert hash_spy.hashed() == LIMIT + 2
    assert len(directory.asked) == LIMIT + 1


def test_whoever_signs_in_by_the_second_backend_leaves_no_failure_behind(settings: Any, ada: Any) -> None:
    use(settings, OURS, CountedDirectory)
    for _ in range(3 * LIMIT):
        assert authenticate(username="ada", password="of the directory") == ada
    assert counter("ada").slots == {}


def test_a_backend_that_does_not_take_the_credentials_is_passed_over(settings: Any, ada: Any) -> None:
    use(settings, CountedTokens, OURS)
    assert authenticate(token="bad") is None
    assert authenticate(username="ada", password=PASSWORD) == ada
    assert authenticate(token="good") == ada
    fail("ada", LIMIT)
    assert authenticate(username="ada", password=PASSWORD) is None


def test_a_loud_no_is_a_failure(settings: Any, ada: Any, directory: Any) -> None:
    use(settings, CountedDirectory, OURS)
    directory.trouble = PermissionDenied()
    for _ in range(LIMIT + 3):
        assert authenticate(username="ada", password=WRONG) is None
    assert len(directory.asked) == LIMIT
    assert hash_spy.hashed() == 0


def test_a_backend_that_could_not_judge_locks_nobody(settings: Any, ada: Any, directory: Any) -> None:
    use(settings, CountedDirectory)
    directory.trouble = ConnectionError("the directory is down")
    for _ in range(LIMIT + 3):
        with pytest.raises(ConnectionError):
            authenticate(username="ada", password=WRONG)
    assert counter("ada").slots == {}
    assert counter("ada").streak == 0


def test_names_of_one_account_share_one_count(settings: Any, ada: Any) -> None:
    use(settings, ByBoth)
    for name in ("ada", ada.email, "ADA", ada.email.upper(), "ada", ada.email, "ada"):
        assert authenticate(username=name, password=WRONG) is None
    assert hash_spy.hashed() == LIMIT
    assert authenticate(username=ada.email, password=PASSWORD) is None
    assert Lockout.objects.get().user_key == str(ada.pk)


def test_the_right_password_lets_in_by_every_name(settings: Any, ada: Any) -> None:
    use(settings, ByBoth)
    assert authenticate(username="ada", password=PASSWORD) == ada
    assert authenticate(username=ada.email, password=PASSWORD) == ada


def of_async(**credentials: Any) -> Any:
    return async_to_sync(aauthenticate)(RequestFactory().post("/"), **credentials)


@pytest.mark.parametrize("backend", [OURS, CountedDirectory])
def test_asynchronous_sign_ins_are_counted_once_each(settings: Any, ada: Any, directory: Any, backend: Any) -> None:
    use(settings, backend)
    right = PASSWORD if backend == OURS else "of the directory"
    assert of_async(username="ada", password=right) == ada
    for number in range(LIMIT + 3):
        assert of_async(username="ada", password=WRONG) is None
        assert counter("ada").failed == (number + 1 if number < LIMIT - 1 else 0)
    assert hash_spy.hashed() + len(directory.asked) == 1 + LIMIT
    assert of_async(username="ada", password=right) is None
    assert not sign_in("ada")


def test_an_asynchronous_no_or_stumble_is_settled_too(settings: Any, ada: Any, directory: Any) -> None:
    use(settings, CountedDirectory)
    directory.trouble = ConnectionError()
    with pytest.raises(ConnectionError):
        of_async(username="ada", password=WRONG)
    assert counter("ada").taken == 0
    directory.trouble = PermissionDenied()
    assert of_async(username="ada", password=WRONG) is None
    assert counter("ada").failed == 1


def test_a_page_may_read_until_when_sign_in_is_refused(ada: Any, rf: RequestFactory) -> None:
    for number in range(LIMIT + 2):
        request = rf.post("/")
        authenticate(request, username="ada", password=WRONG)
        if number < LIMIT - 1:
            assert not hasattr(request, "recovery_wait")
        else:
            assert request.recovery_wait == Lockout.objects.get().until
    request = rf.post("/")
    authenticate(request, username="somebody else", password=WRONG)
    assert not hasattr(request, "recovery_wait")


def test_when_the_counters_cannot_be_written_nobody_is_let_in(ada: Any) -> None:
    with failing("recovery_logincounter"), pytest.raises(OperationalError):
        authenticate(username="ada", password=PASSWORD)
    assert hash_spy.hashed() == 0


@pytest.mark.attack(108)
@pytest.mark.parametrize("pattern", ["INSERT INTO recovery_logincounter", "auth_user"])
def test_an_error_report_of_a_sign_in_tells_neither_name_nor_password(ada: Any, rf: Any, pattern: str) -> None:
    request = rf.post("/")
    with failing(pattern), pytest.raises(OperationalError) as caught:
        authenticate(request, username="typed as name", password="typed as password")
    frames = ExceptionReporter(request, caught.type, caught.value, caught.tb).get_traceback_frames()
    shown = {frame["filename"].rsplit("/", 1)[1]: str(frame["vars"]) for frame in frames[1:]}
    assert "backends.py" in shown
    assert {name for name, variables in shown.items() if "typed as password" in variables} == set()
    assert {name for name, variables in shown.items() if "typed as name" in variables} <= DJANGOS


def test_it_still_is_djangos_own_class() -> None:
    assert isinstance(ModelBackend(), DjangosBackend)
