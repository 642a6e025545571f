"""One person's access ends, by staff or by their own word: password, sessions, links; and a link brings them back."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.core import mail
from django.db.models.signals import post_save
from django.test import Client

from recovery import accounts, resets
from recovery.exceptions import NotAllowed
from recovery.models import AuditEvent, CaseNote, Email, ResetRequest, Rotation, RotationMember, SupportCase
from recovery.reasons import Action, CaseEnd, CaseReason, EmailKind, Kind, Outcome, RotationSource
from tests.admin.staff import ALL_BUT_ADA
from tests.asking import NEW_PASSWORD, asked, browser, links, recipients, set_password
from tests.asking import ask as ask_for
from tests.asking import work as decide
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.following import dead_page, let_pass, mailed_link, opened, trail, works
from tests.rotations.people import WHY, force, funnel, said_it_was_not_them, work

pytestmark = pytest.mark.django_db

EVIDENCE = "sign-in from 198.51.100.7 at 03:12 UTC, Firefox on Linux"
OWN_PAGE = "/accounts/password_change/"


@pytest.fixture
def ada() -> Any:
    return UserFactory.create(username="ada")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    assert client.get(OWN_PAGE).status_code == 200
    return client


def test_by_staff_everything_ends_at_once_and_a_link_brings_the_person_back(ada: Any) -> None:
    browsers, staff = [signed_in(ada) for _ in range(3)], StaffFactory.create()
    early, early_form = opened(mailed_link(ada))
    other = signed_in(UserFactory.create())
    rotation = force([ada], actor=staff, evidence=EVIDENCE)
    resets.rotate(rotation.pk)

    assert {client.get(OWN_PAGE).status_code for client in browsers} == {302}
    assert other.get(OWN_PAGE).status_code == 200
    assert not Client().login(username="ada", password=PASSWORD)
    assert dead_page(early.get(early_form)) == "invalid"
    [message] = mail.outbox[1:]
    assert message.to == [ada.email]
    assert "Somebody else may know the password" in message.body
    assert EVIDENCE not in message.body
    assert WHY not in message.body
    request = ResetRequest.objects.get(kind=Kind.FORCED)
    assert (request.outcome, request.actor_key, request.reason) == (Outcome.SENT, accounts.key_of(staff), WHY)
    assert funnel(rotation) == {"told": 1}

    client, form = opened(links(message)[0])
    assert funnel(rotation) == {"opened": 1}
    assert set_password(client, form).status_code == 302
    assert Client().login(username="ada", password=NEW_PASSWORD)
    assert funnel(rotation) == {"completed": 1}


def test_by_the_persons_own_word_the_mail_says_so_and_support_gets_a_case_that_closes_by_itself(ada: Any) -> None:
    rotation = said_it_was_not_them(ada, evidence=EVIDENCE)
    assert (rotation.source, rotation.actor_key) == (RotationSource.PERSON, "")
    case = SupportCase.objects.get()
    assert (case.user_key, case.reason, case.failure_count) == (accounts.key_of(ada), CaseReason.COMPROMISED, 0)
    assert EVIDENCE in CaseNote.objects.get(case=case).text
    resets.rotate(rotation.pk)
    [message] = mail.outbox
    assert "told us that something in it was not you" in message.body
    case.refresh_from_db()
    assert case.request == asked(), "its timeline is that of the case"
    assert works(links(message)[0], ada)
    case.refresh_from_db()
    assert case.end == CaseEnd.COMPLETED


def test_an_open_case_of_the_person_takes_the_evidence_and_stays_the_only_one(ada: Any) -> None:
    key, staff = accounts.key_of(ada), StaffFactory.create()
    first = resets.force_rotation([ada], reason=WHY)
    resets.rotate(first.pk)
    let_pass(timedelta(minutes=2))
    second = force([ada], actor=staff, evidence=EVIDENCE)
    [case] = SupportCase.objects.filter(user_key=key)
    assert (first.case, second.case, case.failure_count) == (case, case, 0)
    assert [note.text for note in case.notes.all()] == [WHY, f"{WHY}\n{EVIDENCE}"]


@pytest.mark.attack(38)
def test_a_session_without_a_hash_of_its_password_is_none_either(ada: Any) -> None:
    """Sessions need no list: Django refuses each that does not hold the present password's hash."""
    client = signed_in(ada)
    session = client.session
    del session[HASH_SESSION_KEY]
    session.save()
    assert client.get(OWN_PAGE).status_code == 302
    resets.rotate(force([ada]).pk)
    assert client.get(OWN_PAGE).status_code == 302


def test_the_account_still_signs_in_with_a_password_so_that_asking_for_a_link_goes_on_working(ada: Any) -> None:
    resets.rotate(force([ada]).pk)
    ada.refresh_from_db()
    assert not ada.has_usable_password()
    assert accounts.has_password(ada)
    let_pass(timedelta(minutes=2))
    ask_for(browser(), ada.email)
    decide()
    assert recipients() == [ada.email, ada.email]
    assert "Somebody, probably you, asked" in mail.outbox[1].body
    assert works(links(mail.outbox[1])[0], ada)
    assert funnel(Rotation.objects.get()) == {"completed": 1}, "whichever way they got in"


def test_who_has_no_password_here_is_signed_out_and_told_of_the_other_way_in(settings: Any) -> None:
    user = UserFactory.create(password=None)
    client = signed_in(user)
    settings.RECOVERY = {
        **settings.RECOVERY,
        "NO_PASSWORD_SIGN_IN": {"NAME": "the city card", "URL": "https://x.example"},
    }
    rotation = force([user])
    resets.rotate(rotation.pk)
    assert client.get(OWN_PAGE).status_code == 302
    user.refresh_from_db()
    assert not accounts.has_password(user)
    assert [email.kind for email in Email.objects.all()] == [EmailKind.NO_PASSWORD]
    assert funnel(rotation) == {"not_mailed.no_password": 1}


@pytest.mark.attack(40)
def test_an_inactive_account_is_rotated_and_not_mailed_and_no_old_link_revives_it(ada: Any) -> None:
    client, form = opened(mailed_link(ada))
    get_user_model()._default_manager.filter(pk=ada.pk).update(is_active=False)
    rotation = force([ada])
    resets.rotate(rotation.pk)
    ada.refresh_from_db()
    assert not ada.has_usable_password()
    assert recipients() == [ada.email], "the one that was asked for before"
    assert funnel(rotation) == {"not_mailed.inactive": 1}
    assert dead_page(client.get(form)) == "invalid"
    get_user_model()._default_manager.filter(pk=ada.pk).update(is_active=True)
    assert dead_page(client.get(form)) == "invalid", "nor does making it active again"


def test_an_account_that_is_gone_by_then_stands_in_the_funnel_as_gone(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    rotation = force([ada, 999_999])
    ada.delete()
    work()
    assert funnel(rotation) == {"not_mailed.no_account": 2}


def test_what_ended_is_on_the_trail_without_personal_data(ada: Any) -> None:
    mailed_link(ada)
    staff = StaffFactory.create()
    rotation = force([ada], actor=staff, evidence=EVIDENCE)
    resets.rotate(rotation.pk)
    [started] = trail(Action.ROTATION_STARTED)
    own = {"rotation": str(rotation.pk)}
    assert started == {**own, "source": "staff", "people": 1, "left_out": 0}
    [ended] = trail(Action.ACCESS_ENDED)
    assert ended.pop("addresses_frozen_until")
    revoked = {"authtoken": 0, "simplejwt": 0, "knox": 0}
    assert ended == {**own, "password": True, "links": 1, "revoked": revoked, "backups_waiting": 0}
    event = AuditEvent.objects.get(action=Action.ACCESS_ENDED)
    assert (event.user_key, event.actor_key) == (accounts.key_of(ada), accounts.key_of(staff))
    assert event.request_id == ResetRequest.objects.get(kind=Kind.FORCED).pk
    for row in AuditEvent.objects.all():
        assert ada.email not in str(row.detail)
        assert "198.51.100.7" not in f"{row.detail}{row.reason}"


def test_staff_reach_nobody_out_of_their_scope_and_nobody_else_of_that_list_is_touched(ada: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    bob = UserFactory.create()
    for people in ([ada, bob], [accounts.key_of(ada)], get_user_model()._default_manager.all()):
        with pytest.raises(NotAllowed):
            force(people)
    assert not Rotation.objects.exists()
    assert len(trail(Action.STAFF_REFUSED)) == 3
    assert force([bob]).member_count == 1


def test_starts_of_a_member_of_staff_are_counted_and_those_of_people_are_not(settings: Any) -> None:
    limits = {"rotation": (2, timedelta(hours=1))}
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": limits}
    staff = StaffFactory.create()
    for _ in range(2):
        force([UserFactory.create()], actor=staff)
    with pytest.raises(NotAllowed, match="free again at"):
        force([UserFactory.create()], actor=staff)
    assert trail(Action.STAFF_REFUSED) == [{"by": "rotation limit"}]
    force([UserFactory.create()])
    for _ in range(3):
        said_it_was_not_them(UserFactory.create())
    assert Rotation.objects.count() == 6


def test_a_second_start_within_the_cool_down_mails_nobody_twice(ada: Any) -> None:
    first = said_it_was_not_them(ada)
    assert said_it_was_not_them(ada) == first, "while it waits"
    resets.rotate(first.pk)
    assert said_it_was_not_them(ada) == first, "and a moment later"
    assert Rotation.objects.count() == RotationMember.objects.count() == len(mail.outbox) == 1
    let_pass(timedelta(seconds=61))
    assert said_it_was_not_them(ada) != first


def test_nobody_is_no_rotation() -> None:
    with pytest.raises(ValueError, match="somebody"):
        resets.force_rotation([], reason=WHY)


def test_a_receiver_of_the_site_that_fails_leaves_no_thief_in(ada: Any, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    def fail(instance: Any, update_fields: Any, **kwargs: Any) -> None:
        heard.append(update_fields)
        raise LookupError("the directory is down")

    client, users, rotation = signed_in(ada), get_user_model(), force([ada])
    post_save.connect(fail, sender=users)
    try:
        resets.rotate(rotation.pk)
    finally:
        post_save.disconnect(fail, sender=users)
    assert heard == [{"password"}]
    assert client.get(OWN_PAGE).status_code == 302
    assert recipients() == [ada.email]
