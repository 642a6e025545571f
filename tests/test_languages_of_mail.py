"""In which language each kind of mail is written to a person, whoever brings it about."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery import notices, resets, sweep
from recovery.models import Email
from recovery.origin import Origin
from recovery.reasons import EmailKind, EmailState, RotationSource
from tests.asking import ask, browser, follow, links, set_password, work
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import let_pass
from tests.ladder import BACKUPS, signed_in, with_backup
from tests.signing_in import locked
from tests.ways_out import forget_trouble, raising, told

pytestmark = pytest.mark.django_db(transaction=True)

ARABIC: Final = {"HTTP_ACCEPT_LANGUAGE": "ar", "REMOTE_ADDR": "203.0.113.9"}
THERE: Final = Origin(ip="203.0.113.9", language="ar")
NOT_TO_PEOPLE: Final = {EmailKind.SUPPORT_CASE, EmailKind.ALARM, EmailKind.TEST, EmailKind.SITE}


def german(user: Any) -> str:
    """What a site knows of its people."""
    return {"jo": "", "ludwig": "de-at", "newton": "la"}.get(user.username, "de")


asked_about: list[Any] = []


def noting(user: Any) -> str:
    asked_about.append(user.pk)
    return "de"


def broken(user: Any) -> str:
    return str(user.profile.language)


def somebody_asks(user: Any) -> None:
    ask(browser(**ARABIC), user.email)


def is_reset_by_link(user: Any) -> None:
    somebody_asks(user)
    work()
    client = browser(**ARABIC)
    set_password(client, follow(client, links(mail.outbox[-1])[0]))


def more_addresses(user: Any) -> None:
    for address in (user.email, f"more.{user.email}"):
        EmailAddress.objects.create(user=user, email=address, verified=True, primary=address == user.email)


def address_is_changed(user: Any) -> None:
    more_addresses(user)
    resets.address_changed(user, old=f"old.{user.email}", new=user.email, origin=THERE)


def address_is_corrected(user: Any) -> None:
    resets.correct_address(user, "right@example.com", actor=StaffFactory.create(is_superuser=True), reason="by phone")


def code_is_asked_for(user: Any) -> None:
    signed_in(user).post(BACKUPS, {"address": "spare@example.net", "password": PASSWORD}, **ARABIC)


def backup_is_removed(user: Any) -> None:
    backup = with_backup(user)
    signed_in(user).post(f"{BACKUPS}{backup.pk}/remove/", {"password": PASSWORD}, **ARABIC)


def access_is_ended(user: Any) -> None:
    more_addresses(user)
    resets.force_rotation([user], reason="phished", source=RotationSource.SITE)


BY: Final[dict[EmailKind, tuple[Callable[[Any], Any], bool]]] = {
    EmailKind.RESET: (somebody_asks, True),
    EmailKind.NO_PASSWORD: (somebody_asks, True),
    EmailKind.ACTIVATION: (lambda user: resets.activate(user, origin=THERE), True),
    EmailKind.BACKUP_CODE: (code_is_asked_for, True),
    EmailKind.FORCED_RESET: (access_is_ended, False),
    EmailKind.ROTATION_FORCED: (access_is_ended, False),
    EmailKind.PASSWORD_CHANGED: (is_reset_by_link, False),
    EmailKind.ADDRESS_CHANGED: (address_is_changed, False),
    EmailKind.ADDRESS_PROPOSED: (address_is_corrected, False),
    EmailKind.BACKUP_CHANGED: (backup_is_removed, False),
    EmailKind.LOCKED: (lambda user: locked(user.username, **ARABIC), False),
    EmailKind.NEW_DEVICE: (lambda user: notices.new_device(user, origin=THERE), False),
    EmailKind.SUSPICIOUS_SIGN_IN: (lambda user: notices.suspicious_sign_in(user, origin=THERE), False),
}
"""What brings each kind about, in an Arabic browser; and whether it is only what somebody asked for themselves."""


@pytest.fixture(autouse=True)
def french_site(settings: Any) -> None:
    asked_about.clear()
    settings.LANGUAGE_CODE = "fr"
    way = {"NAME": "the city card", "URL": "https://card.example/"}
    settings.RECOVERY = {**settings.RECOVERY, "NO_PASSWORD_SIGN_IN": way}


@pytest.fixture
def knows(settings: Any) -> Callable[[Callable[[Any], Any]], None]:
    def says(function: Callable[[Any], Any]) -> None:
        settings.RECOVERY = {**settings.RECOVERY, "LANGUAGE_OF": f"{__name__}.{function.__name__}"}

    return says


def languages(kind: str) -> set[str]:
    """In which mail of this kind left, after workers have done what is due; a row that says one says the same."""
    work()
    sweep.sweep()
    rows = {str(row.pk): row for row in Email.objects.filter(kind=kind, state=EmailState.HANDED_OVER)}
    found = set()
    for message in mail.outbox:
        key = message.extra_headers["Message-ID"].strip("<>").partition("@")[0]
        if row := rows.get(key):
            [(html, _type)] = message.alternatives
            [language] = re.findall(r'<html lang="([^"]*)"', str(html))
            assert row.language in ("", language)
            found.add(language)
    return found


def somebody(kind: str, **more: Any) -> Any:
    has_none = kind in (EmailKind.NO_PASSWORD, EmailKind.ACTIVATION)
    return UserFactory.create(**({"password": None} if has_none else {}), **more)


def test_every_kind_of_mail_to_people_is_tried_here() -> None:
    assert set(BY) | NOT_TO_PEOPLE | {EmailKind.UNKNOWN_ACCOUNT} == set(EmailKind)


@pytest.mark.parametrize("kind", BY)
def test_a_mail_is_in_the_language_that_the_site_knows_of_the_account(kind: EmailKind, knows: Any) -> None:
    knows(german)
    BY[kind][0](somebody(kind))
    assert languages(kind) == {"de"}


@pytest.mark.parametrize("kind", BY)
def test_else_what_somebody_asked_for_is_in_that_of_their_page_and_no_notice_is(kind: EmailKind) -> None:
    bring_about, is_asked_for = BY[kind]
    bring_about(somebody(kind))
    assert languages(kind) == {"ar" if is_asked_for else "fr"}


def test_nobody_is_asked_about_a_stranger_nor_while_somebody_waits_for_a_page(settings: Any, knows: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "UNKNOWN_ACCOUNT_MAIL": True}
    knows(noting)
    user = UserFactory.create()
    ask(browser(**ARABIC), "nobody@example.com")
    work()
    somebody_asks(user)
    assert asked_about == []
    work()
    client = browser(**ARABIC)
    form = follow(client, links(mail.outbox[-1])[0])
    assert asked_about == [user.pk]
    set_password(client, form)
    assert asked_about == [user.pk]
    assert languages(EmailKind.PASSWORD_CHANGED) == {"de"}
    assert asked_about == [user.pk, user.pk]
    assert languages(EmailKind.UNKNOWN_ACCOUNT) == {"ar"}


@pytest.mark.parametrize(
    ("username", "function", "language"),
    [
        ("jo", german, "ar"),
        ("ludwig", german, "de"),
        ("newton", german, "ar"),
        ("ada", broken, "ar"),
    ],
    ids=["none", "of a region", "not spoken", "broken"],
)
def test_where_the_site_says_none_that_it_speaks_the_mail_leaves_all_the_same_and_the_log_says_so(
    username: str, function: Any, language: str, knows: Any, caplog: Any
) -> None:
    knows(function)
    somebody_asks(UserFactory.create(username=username))
    assert languages(EmailKind.RESET) == {language}
    said = [record.getMessage() for record in caplog.records if record.name == "recovery.languages"]
    wrong = {"newton": ["LANGUAGE_OF named a language that is not in LANGUAGES"], "ada": ["LANGUAGE_OF failed"]}
    assert [each.partition(";")[0] for each in said] == wrong.get(username, [])


def test_a_mail_for_several_accounts_has_the_first_language_that_the_site_says(knows: Any) -> None:
    knows(german)
    for username in ("jo", "ada"):
        user = UserFactory.create(username=username, email="both@example.com")
    somebody_asks(user)
    assert languages(EmailKind.RESET) == {"de"}


def test_a_mail_that_may_have_left_keeps_its_words(settings: Any, knows: Any) -> None:
    with told(settings, raising(TimeoutError("timed out"))):
        somebody_asks(UserFactory.create())
        work()
    knows(german)
    let_pass(timedelta(minutes=6))
    forget_trouble()
    assert languages(EmailKind.RESET) == {"ar"}


def test_the_languages_of_many_mails_are_noted_in_one_statement(knows: Any) -> None:
    knows(german)
    for user in UserFactory.create_batch(3):
        notices.suspicious_sign_in(user, origin=THERE)
    with CaptureQueriesContext(connection) as ran:
        sweep.sweep()
    noted = [query["sql"] for query in ran if re.match(r'UPDATE "recovery_email" SET "language"', query["sql"])]
    assert (len(noted), languages(EmailKind.SUSPICIOUS_SIGN_IN)) == (1, {"de"})
