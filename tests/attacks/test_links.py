"""Cases 20 and 22 to 28: links that are too old, doubled, spent, mixed up, mangled, or held on to."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress

from recovery import accounts, outbox, resets, tokens
from recovery.models import AuditEvent, Email, ResetToken
from recovery.reasons import Action, EmailKind, Refusal, TokenState
from tests.asking import NEW_PASSWORD, ask, asked, browser, follow, set_password
from tests.factories import StaffFactory, UserFactory
from tests.following import (
    dead_page,
    is_unchanged,
    let_pass,
    mailed_link,
    opened,
    row_of,
    selector_of,
    trail,
    verifier_of,
    works,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(20)
@pytest.mark.parametrize(("seconds", "is_good"), [(-1, True), (0, False), (1, False)])
def test_a_link_lives_until_the_second_before_its_end(seconds: int, is_good: bool) -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    with time_machine.travel(row_of(link).expires_at + timedelta(seconds=seconds), tick=False):
        assert works(link, user) is is_good
        if not is_good:
            client, form = opened(link)
            assert dead_page(client.get(form)) == "expired"
            assert is_unchanged(user)


@pytest.mark.attack(20)
def test_a_link_that_expires_between_form_and_password_sets_none() -> None:
    user = UserFactory.create()
    client, form = opened(mailed_link(user))
    let_pass(timedelta(minutes=61))
    assert dead_page(set_password(client, form)) == "expired"
    assert is_unchanged(user)


@pytest.mark.attack(20)
@pytest.mark.parametrize(
    ("lifetime", "lives"),
    [
        ("auto", timedelta(minutes=60)),
        (timedelta(minutes=20), timedelta(minutes=20)),
        (timedelta(days=9), timedelta(1)),
    ],
)
def test_life_is_an_hour_unless_the_site_says_otherwise_and_never_over_a_day(
    lifetime: Any, lives: timedelta, settings: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "TOKEN_LIFETIME": lifetime}
    link = mailed_link(UserFactory.create())
    handed_over_at = Email.objects.get().handed_over_at
    assert handed_over_at is not None
    assert abs(row_of(link).expires_at - handed_over_at - lives) < timedelta(seconds=5)


@pytest.mark.attack(22)
def test_the_slower_of_two_browsers_is_refused_and_its_password_not_set() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    (first, form), (second, _) = opened(link), opened(link)
    assert set_password(first, form).status_code == 302
    assert dead_page(set_password(second, form, "another long password of hers")) == "used"
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert trail(Action.LINK_REFUSED) == [{"refusal": "used"}]


@pytest.mark.attack(23)
def test_a_completed_reset_ends_every_other_link_of_the_account_and_of_no_other() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    outstanding = []
    for _ in range(3):
        outstanding.append(mailed_link(user))
        let_pass(timedelta(minutes=2))
    foreign = mailed_link(other)
    # All live at once: as if each newer mail had left and its worker had died before the note.
    ResetToken.objects.update(state=TokenState.LIVE, ended_at=None)
    assert works(outstanding.pop(1), user)
    for link in outstanding:
        client, form = opened(link)
        assert dead_page(set_password(client, form, "another long password of hers")) == "invalid"
        assert row_of(link).state == TokenState.REVOKED
    assert not is_unchanged(user)
    assert works(foreign, other)


def change_password(user: Any) -> None:
    user.set_password("changed in her profile")
    user.save()


def change_address(user: Any) -> None:
    user.email = "moved@example.com"
    user.save()


def change_spelling(user: Any) -> None:
    user.email = user.email.upper()
    user.save()


def deactivate(user: Any) -> None:
    user.is_active = False
    user.save()


def let_sign_in_be_elsewhere(user: Any) -> None:
    user.set_unusable_password()
    user.save()


def unverify(user: Any) -> None:
    EmailAddress.objects.create(user=user, email=user.email, verified=False, primary=True)


def drop_verified(user: Any) -> None:
    EmailAddress.objects.create(user=user, email="only@example.com", verified=True, primary=True)


def correct_by_staff(user: Any) -> None:
    resets.address_changed(user, old=user.email, new="right@example.com", actor=StaffFactory.create(), reason="typo")


CHANGES: dict[Callable[[Any], None], str] = {
    change_password: Refusal.CREDENTIALS_CHANGED,
    change_address: Refusal.CREDENTIALS_CHANGED,
    change_spelling: Refusal.CREDENTIALS_CHANGED,
    unverify: Refusal.CREDENTIALS_CHANGED,
    drop_verified: Refusal.CREDENTIALS_CHANGED,
    let_sign_in_be_elsewhere: Refusal.CREDENTIALS_CHANGED,
    deactivate: Refusal.INACTIVE,
    lambda user: user.delete(): Refusal.INACTIVE,
    correct_by_staff: Refusal.REVOKED,
}


@pytest.mark.attack(24, 28)
@pytest.mark.parametrize("is_open", [False, True], ids=["before it was opened", "with the form open"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_account_kills_its_links(change: Callable[[Any], None], is_open: bool) -> None:
    """Case 28: the secret in the browser's cookie is no pass; the link is judged anew at the post."""
    user = UserFactory.create()
    link = mailed_link(user)
    client, form = opened(link) if is_open else (browser(), "")
    key = accounts.key_of(user)
    change(user)
    if not is_open:
        form = follow(client, link)
        assert dead_page(client.get(form)) == "invalid"
        assert trail(Action.LINK_OPENED)[-1]["refusal"] == CHANGES[change]
    assert dead_page(set_password(client, form)) == "invalid"
    assert trail(Action.LINK_REFUSED) == [{"refusal": CHANGES[change]}]
    now = accounts.by_key(key)
    assert now is None or not now.check_password(NEW_PASSWORD)
    assert AuditEvent.objects.filter(action=Action.COMPLETED).count() == 0


@pytest.mark.attack(25)
def test_a_link_for_another_purpose_sets_no_password() -> None:
    user = UserFactory.create()
    ask(browser(), user.email)
    [email] = outbox.queue(EmailKind.RESET, [user.email], request=asked(), user_key=accounts.key_of(user))
    for purpose in ("unlock", "verify", "reset"):
        token = tokens.issue(user, request=asked(), email=email, address=user.email, purpose=purpose)
        link = f"/recovery/reset/{token.selector}/{tokens.verifier_of(token)}/"
        assert works(link, user) is (purpose == "reset")


@pytest.mark.attack(25)
def test_the_secret_of_one_purpose_is_not_that_of_another() -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    ResetToken.objects.update(purpose="unlock")
    with pytest.raises(tokens.SecretLost):
        tokens.verifier_of(row_of(link))


@pytest.mark.attack(26)
@pytest.mark.parametrize(
    "cookie", [None, "", "null", "[]", "{}", "undefined", "%20", "\x00", "a" * 43, "ä", "' OR 1=1 --", "x" * 4000]
)
def test_a_missing_or_mangled_secret_changes_nothing(cookie: str | None) -> None:
    user = UserFactory.create()
    form = f"/recovery/reset/{selector_of(mailed_link(user))}/"
    client = browser()
    if cookie is not None:
        client.cookies["recovery_token"] = cookie
    before = AuditEvent.objects.count()
    fields = {"new_password1": NEW_PASSWORD, "token": "1", "user": str(user.pk), "verifier": "x"}
    reason = "invalid" if cookie else "forgotten"
    assert dead_page(client.get(form)) == reason
    assert dead_page(client.post(form, fields)) == reason
    assert AuditEvent.objects.count() == before
    assert is_unchanged(user)
    assert ResetToken.objects.get().open_count == 0


@pytest.mark.attack(26)
@pytest.mark.parametrize(
    "path",
    ["{s}/{v}x/", "{s}x/{v}/", "{s}/{v}/{v}/", "{v}/{s}/", "{s}/", "{s}//", "{s}/%00/", "%00/{v}/", "{s}/ä/", "x"],
)
def test_a_mangled_link_is_the_generic_page_and_never_an_error(path: str) -> None:
    user = UserFactory.create()
    link = mailed_link(user)
    client = browser()
    answer = client.get("/recovery/reset/" + path.format(s=selector_of(link), v=verifier_of(link)), follow=True)
    assert dead_page(answer) == ("forgotten" if path == "{s}/" else "invalid")
    assert works(link, user)


@pytest.mark.attack(27)
def test_the_form_without_the_link_or_with_the_secret_of_another_link_is_refused() -> None:
    user, attacker = UserFactory.create(), UserFactory.create()
    victims, own = mailed_link(user), mailed_link(attacker)
    client, _ = opened(own)
    form = f"/recovery/reset/{selector_of(victims)}/"
    for knocking, reason in ((client, "invalid"), (browser(), "forgotten")):
        assert dead_page(set_password(knocking, form)) == reason
    ask(client, user.email)
    client.post(f"/recovery/sent/{asked().shown_reference}/")
    assert dead_page(set_password(client, form)) == "invalid"
    assert is_unchanged(user)
    assert works(victims, user)
