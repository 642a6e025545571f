"""A password that is changed without a link: its owner is told and tokens end, on our page, the admin's, a site's."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.test.utils import isolate_apps
from rest_framework.authtoken.models import Token

from recovery import resets, sweep
from recovery.models import AuditEvent, Email, ResetToken
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, TokenState
from tests.admin.posting import USERS, posted
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.asking import FIREFOX, NEW_PASSWORD, browser, set_password
from tests.factories import PASSWORD, UserFactory
from tests.following import failing, mailed_link, opened, trail
from tests.ladder import with_backup
from tests.objecting import newest_to, says_so

pytestmark = pytest.mark.django_db(transaction=True)

CHANGE = "/accounts/password_change/"
VALIDATOR = {"NAME": "recovery.password_change.FollowUpValidator"}
IP = "192.0.2.55"


@pytest.fixture
def ada() -> Any:
    user = UserFactory.create(username="ada", email="ada@example.com")
    Token.objects.create(user=user)
    return user


def inside(user: Any) -> Client:
    client = browser(REMOTE_ADDR=IP)
    client.force_login(user)
    return client


def changes(client: Client, old: str = PASSWORD) -> Any:
    return client.post(CHANGE, {"old_password": old, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD})


def told() -> list[str]:
    return sorted(Email.objects.filter(kind=EmailKind.PASSWORD_CHANGED).values_list("recipient", flat=True))


def watched(settings: Any) -> None:
    settings.AUTH_PASSWORD_VALIDATORS = [*settings.AUTH_PASSWORD_VALIDATORS, VALIDATOR]


@pytest.mark.attack(38, 42)
@pytest.mark.parametrize("is_watched", [False, True])
def test_our_page_tells_every_address_once_and_ends_tokens_and_links(ada: Any, settings: Any, is_watched: bool) -> None:
    if is_watched:
        watched(settings)
    with_backup(ada, "spare@example.net")
    mailed_link(ada)
    client = inside(ada)
    assert changes(client).status_code == 302
    assert client.get(CHANGE).status_code == 200, "this session stays"
    assert told() == ["ada@example.com", "spare@example.net"]
    assert not Token.objects.exists()
    assert not ResetToken.objects.filter(state=TokenState.LIVE).exists()
    [event] = AuditEvent.objects.filter(action=Action.PASSWORD_CHANGED)
    assert (event.user_key, event.actor_key) == (str(ada.pk), "")
    assert (event.detail["notices"], event.detail["links_ended"], event.detail["revoked"]["authtoken"]) == (2, 1, 1)
    email = Email.objects.get(recipient="ada@example.com", kind=EmailKind.PASSWORD_CHANGED)
    assert email.context["ip"] == IP


def test_a_wrong_old_password_tells_nobody(ada: Any) -> None:
    assert changes(inside(ada), "a guess").status_code == 200
    assert told() == []
    assert Token.objects.exists()


def test_over_the_notice_the_owner_ends_all_access(ada: Any) -> None:
    changes(inside(ada))
    assert says_so(newest_to(ada.email)).url.endswith("rotated")
    sweep.sweep()
    ada.refresh_from_db()
    assert not ada.has_usable_password()


def test_a_follow_up_that_fails_leaves_the_old_password(ada: Any) -> None:
    client = inside(ada)
    client.raise_request_exception = False
    with failing('INSERT INTO "recovery_auditevent"'):
        assert changes(client).status_code == 500
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


@pytest.fixture
def _staff_may(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "STAFF_MAY_SET_PASSWORDS": True}


@pytest.mark.parametrize("facts", [{}, {"is_superuser": True}])
def test_nobody_sets_anothers_password_and_everybody_their_own(facts: dict[str, Any], ada: Any) -> None:
    client = staff("auth.view_user", "auth.change_user", **facts)
    page = f"{USERS}{ada.pk}/password/"
    assert client.get(page).status_code == 403
    typed = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert posted(client, page, form_at="/admin/", **typed).status_code == 403
    assert "choose “Send reset link”" in client.get(USERS).content.decode()
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    own: Any = client.user  # type: ignore[attr-defined]
    assert by_admin(client, own).redirect_chain
    own.refresh_from_db()
    assert own.check_password(NEW_PASSWORD)


def by_admin(client: Any, user: Any) -> Any:
    page = f"{USERS}{user.pk}/password/"
    return posted(client, page, password1=NEW_PASSWORD, password2=NEW_PASSWORD, usable_password="true")


@pytest.mark.usefixtures("_staff_may")
@pytest.mark.parametrize("is_watched", [False, True])
def test_the_admins_page_tells_the_owner_once_and_says_who_did_it(ada: Any, settings: Any, is_watched: bool) -> None:
    if is_watched:
        watched(settings)
    client = staff("auth.view_user", "auth.change_user")
    assert by_admin(client, ada).redirect_chain
    ada.refresh_from_db()
    assert ada.check_password(NEW_PASSWORD)
    assert told() == ["ada@example.com"]
    assert not Token.objects.exists()
    [event] = AuditEvent.objects.filter(action=Action.PASSWORD_CHANGED)
    assert (event.user_key, event.actor_key) == (str(ada.pk), str(client.user.pk))  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_staff_may")
def test_the_admins_page_tells_nobody_of_what_was_not_changed(ada: Any, settings: Any) -> None:
    client = staff("auth.view_user", "auth.change_user")
    posted(client, f"{USERS}{ada.pk}/password/", password1="one", password2="another", usable_password="true")
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    posted(client, f"{USERS}{ada.pk}/password/", form_at="/admin/", password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert told() == []


@pytest.mark.usefixtures("_staff_may")
def test_a_first_password_that_staff_set_is_told_as_one() -> None:
    user = UserFactory.create(password=None)
    by_admin(staff("auth.view_user", "auth.change_user"), user)
    [email] = Email.objects.filter(kind=EmailKind.PASSWORD_CHANGED)
    assert email.context["is_first"] is True


def test_a_sites_own_page_calls_one_function(ada: Any) -> None:
    ada.set_password(NEW_PASSWORD)
    ada.save()
    assert told() == [], "nobody knows of it without"
    origin = Origin(ip=IP, user_agent=FIREFOX["HTTP_USER_AGENT"], language="de")
    assert resets.password_changed(ada, origin=origin) == 1
    [email] = Email.objects.filter(kind=EmailKind.PASSWORD_CHANGED)
    assert (email.language, email.context["ip"]) == ("", IP), "who did it speaks German; that need not be the person"
    assert not Token.objects.exists()


def test_the_validator_sees_what_a_page_of_somebody_else_saves(ada: Any, settings: Any) -> None:
    watched(settings)
    ada.set_password(NEW_PASSWORD)
    ada.save()
    assert told() == ["ada@example.com"]
    assert not Token.objects.exists()


def test_the_validator_leaves_alone_new_accounts_newer_hashes_and_resets(settings: Any, ada: Any) -> None:
    watched(settings)
    get_user_model().objects.create_user("new", "new@example.com", PASSWORD)
    new = get_user_model()(username="newer", email="newer@example.com")
    new.set_password(PASSWORD)
    new.save()
    with isolate_apps("tests.people"):
        meta = type("Meta", (), {"proxy": True, "app_label": "people"})
        proxy: Any = type("Colleague", (get_user_model(),), {"__module__": __name__, "Meta": meta})
    newest = proxy(username="newest", email="newest@example.com")
    newest.set_password(PASSWORD)
    newest.save()
    assert told() == []
    hasher = settings.PASSWORD_HASHERS[0]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", hasher]
    assert ada.check_password(PASSWORD)
    ada.refresh_from_db()
    assert ada.password.startswith("pbkdf2")
    assert told() == []
    client, form = opened(mailed_link(ada))
    assert set_password(client, form).status_code == 302
    assert told() == ["ada@example.com"]
    assert trail(Action.PASSWORD_CHANGED) == []
    new.set_password(NEW_PASSWORD)
    new.save()
    assert told() == ["ada@example.com", "newer@example.com"]


def test_a_forced_link_lives_a_day_whatever_a_resets_does(settings: Any, ada: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TOKEN_LIFETIME": timedelta(minutes=20)}
    other = UserFactory.create()
    resets.force_rotation([ada], actor=staff().user, reason="leaked")  # type: ignore[attr-defined]
    sweep.sweep()
    mailed_link(other)
    lives = {
        token.user_key: token.expires_at - token.email.handed_over_at  # type: ignore[union-attr, operator]
        for token in ResetToken.objects.select_related("email")
    }
    assert abs(lives[str(ada.pk)] - timedelta(hours=24)) < timedelta(seconds=2)
    assert abs(lives[str(other.pk)] - timedelta(minutes=20)) < timedelta(seconds=2)
    assert "works for 1 day" in newest_to(ada.email).body
    assert "works for 20 minutes" in newest_to(other.email).body
