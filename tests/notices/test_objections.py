"""The link and the code of "this was not me": when they are good, how often, under which key; and what is at rest."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from recovery import backup_addresses, codes, notices, objections, rendering, retention, sweep, timelines
from recovery.models import AuditEvent, BackupAddress, Email, Objection, Rotation
from recovery.origin import Origin
from recovery.reasons import Action, EmailKind, EmailState, Refusal, Verdict
from tests.asking import browser
from tests.factories import PASSWORD
from tests.following import let_pass, mailed_link, make_due, provider, trail, works
from tests.ladder import with_backup
from tests.notices.told import SPARE, rotated, says_so_again, told, told_elsewhere
from tests.objecting import DONE, THIEF, code_in, dead, link_in, newest_to, opened, says_so, wrong

pytestmark = pytest.mark.django_db(transaction=True)


def used(user: Any, message: Any) -> None:
    assert says_so(message).url == f"{DONE}rotated"
    Rotation.objects.all().delete()


def expired(user: Any, message: Any) -> None:
    let_pass(objections.LIFE)


def inactive(user: Any, message: Any) -> None:
    type(user).objects.update(is_active=False)


def gone(user: Any, message: Any) -> None:
    user.delete()


def reset_since(user: Any, message: Any) -> None:
    assert works(mailed_link(user), user)


def tried_too_often(user: Any, message: Any) -> None:
    for _ in range(5):
        assert "is not the code" in says_so(message, wrong(code_in(message))).content.decode()


def forgets_to_offer(user: Any, message: Any) -> None:
    Email.objects.update(context={})


DEATHS = {
    used: Refusal.USED,
    expired: Refusal.EXPIRED,
    inactive: Refusal.INACTIVE,
    gone: Refusal.INACTIVE,
    reset_since: Refusal.CREDENTIALS_CHANGED,
    tried_too_often: Refusal.TOO_OFTEN,
}


@pytest.mark.parametrize("is_open", [False, True], ids=["before it was opened", "with the form open"])
@pytest.mark.parametrize("end", DEATHS)
def test_what_ends_a_link_ends_it_at_every_step_and_the_page_gives_no_reason(
    user: Any, end: Any, is_open: bool
) -> None:
    message = told(user)
    client, form = opened(link_in(message)) if is_open else (browser(), "")
    end(user, message)
    if not is_open:
        client, form = opened(link_in(message))
        assert dead(client.get(form))
        assert trail(Action.OBJECTION_OPENED)[-1]["refusal"] == DEATHS[end]
    before = Rotation.objects.count()
    assert dead(client.post(form, {"code": code_in(message)}))
    assert trail(Action.OBJECTION_REFUSED)[-1]["refusal"] == DEATHS[end]
    assert Rotation.objects.count() == before


def removed(user: Any) -> None:
    backup = BackupAddress.objects.get()
    backup_addresses.remove(user, backup, password=PASSWORD, origin=Origin())


def removed_by_the_site(user: Any) -> None:
    BackupAddress.objects.all().delete()


@pytest.mark.parametrize("remove", [removed, removed_by_the_site])
def test_a_backup_address_that_was_removed_says_nothing_any_more(user: Any, remove: Any) -> None:
    with_backup(user, SPARE)
    message = told(user, SPARE)
    remove(user)
    client, form = opened(link_in(message))
    assert dead(client.get(form))
    assert dead(client.post(form, {"code": code_in(message)}))
    assert trail(Action.OBJECTION_REFUSED)[-1]["refusal"] == Refusal.REVOKED
    assert not rotated(user)


def test_a_former_main_address_still_does(user: Any) -> None:
    """Who takes an account over may change its address first."""
    message = told(user)
    type(user).objects.update(email="thief@example.net")
    assert says_so(message).url == f"{DONE}rotated"


def test_a_password_changed_elsewhere_ends_no_link(user: Any) -> None:
    message = told(user)
    user.set_password("chosen by the thief")
    user.save()
    assert says_so(message).url == f"{DONE}rotated"


def test_a_link_lives_until_the_second_before_its_end(user: Any) -> None:
    message = told(user)
    let_pass(objections.LIFE - timedelta(minutes=1))
    assert says_so(message).url == f"{DONE}rotated"


def test_every_refusal_of_a_notice_is_met_here() -> None:
    met = {*DEATHS.values(), Refusal.REVOKED, Refusal.WRONG_CODE}
    # For the first two no row is written; the others are about links that set a password.
    of_links_alone = {Refusal.MALFORMED, Refusal.UNKNOWN, Refusal.REPLACED, Refusal.JOINED}
    assert met | of_links_alone >= set(Refusal)


def test_five_tries_are_all_there_are_and_each_is_on_the_trail(user: Any) -> None:
    message = told(user)
    tried_too_often(user, message)
    assert dead(says_so_again(message))
    assert [row["refusal"] for row in trail(Action.OBJECTION_REFUSED)] == [*["wrong_code"] * 5, "too_often"]
    assert not rotated(user)
    fresh = told_elsewhere(user)
    assert says_so(fresh).url == f"{DONE}rotated"


def test_whoever_asks_for_a_try_gets_five(user: Any) -> None:
    told(user)
    email = Email.objects.get()
    assert [objections.take_try(email) for _ in range(7)] == [*[True] * 5, False, False]


@pytest.mark.parametrize("typed", ["", " ", "1234567", "123456789", "abcdefgh", "x" * 5000, "\x00", "<script>"])
def test_what_cannot_be_a_code_is_pointed_out_and_costs_no_try(user: Any, typed: str) -> None:
    message = told(user)
    for _ in range(6):
        answer = says_so(message, typed)
        assert answer.status_code == 200
        assert answer.context["form"].errors["code"]
    assert Objection.objects.get().try_count == 0
    code = code_in(message)
    assert says_so(message, f" {code[:4]}-{code[4:]} ").url == f"{DONE}rotated"


def test_openings_are_recorded_with_who_it_probably_was_and_a_hundred_at_most(user: Any) -> None:
    link = link_in(told(user))
    Client().get(link)
    client, form = opened(link)
    client.get(form)
    rows = trail(Action.OBJECTION_OPENED)
    assert [(row["verdict"], row["browser"], row["form_shown"]) for row in rows] == [
        (Verdict.PROBABLE_SCANNER, "", False),
        (Verdict.PERSON, "Firefox (Linux)", True),
    ]
    event = AuditEvent.objects.filter(action=Action.OBJECTION_OPENED).latest("id")
    assert (event.user_key, event.email_id) == (str(user.pk), Email.objects.get().pk)
    Objection.objects.update(open_count=objections.MOST_OPENINGS)
    assert client.get(form).status_code == 200
    assert len(trail(Action.OBJECTION_OPENED)) == 2


def test_the_timeline_of_the_mail_tells_what_came_back_over_it(user: Any) -> None:
    message = told(user)
    Client().get(link_in(message))
    says_so(message, wrong(code_in(message)))
    says_so(message)
    steps = [(step.what, step.by) for step in timelines.of_email(Email.objects.get(kind=EmailKind.NEW_DEVICE))]
    assert steps == [
        ("queued", "us"),
        ("sending", "us"),
        ("handed_over", "us"),
        ("objection_opened", "scanner"),
        ("objection_opened", "person"),
        ("objection_refused", "person"),
        ("objection_opened", "person"),
        ("objected", "person"),
    ]


def test_posts_in_vain_are_written_down_a_hundred_times_at_most(user: Any) -> None:
    message = told(user)
    used(user, message)
    client, form = opened(link_in(message))
    for _ in range(objections.MOST_OPENINGS + 3):
        assert dead(client.post(form, {"code": "12345678"}))
    assert len(trail(Action.OBJECTION_REFUSED)) == objections.MOST_OPENINGS


def test_links_and_codes_outlive_a_new_key_while_the_old_one_is_a_fallback(user: Any, settings: Any) -> None:
    message = told(user)
    settings.SECRET_KEY, old = "a key of today", settings.SECRET_KEY
    client, form = opened(link_in(message))
    assert dead(client.get(form))
    settings.SECRET_KEY_FALLBACKS = [old]
    assert says_so(message).url == f"{DONE}rotated"


def test_a_mail_that_is_tried_again_has_the_same_link_and_code_and_no_other_mail_has(user: Any, settings: Any) -> None:
    notices.new_device(user, origin=THIEF)
    with provider("tests.backends.Unreachable", settings):
        sweep.sweep()
    email = Email.objects.get()
    assert email.state == EmailState.DEFERRED
    first = rendering.message_for(email)
    make_due(email)
    second = newest_to(user.email)
    other = told_elsewhere(user)
    for read in (link_in, code_in):
        assert read(first) == read(second) != read(other)


def test_the_secret_of_one_notice_opens_no_other(user: Any) -> None:
    first, second = told(user), told_elsewhere(user)
    swapped = "/".join([*link_in(first).split("/")[:4], *link_in(second).split("/")[4:]])
    client, form = opened(swapped)
    assert dead(client.get(form))
    assert "is not the code" in says_so(first, code_in(second)).content.decode()
    assert not Rotation.objects.exists()


def test_a_notice_that_offers_nothing_has_no_link_that_works(user: Any) -> None:
    message = told(user)
    forgets_to_offer(user, message)
    client, form = opened(link_in(message))
    assert dead(client.get(form))
    assert dead(client.post(form, {"code": code_in(message)}))
    assert not AuditEvent.objects.filter(action=Action.OBJECTION_OPENED).exists()


def test_with_its_mail_an_objection_is_purged(user: Any, settings: Any) -> None:
    says_so(told(user))
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"emails": timedelta(days=30)}}
    let_pass(timedelta(days=31))
    assert Objection.objects.exists()
    retention.purge()
    assert not Objection.objects.exists()
    assert not Email.objects.exists()


def german(user: Any) -> str:
    return "de"


def test_the_page_and_the_mail_are_readable_in_the_readers_language(user: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "LANGUAGE_OF": f"{__name__}.german"}
    notices.new_device(user, origin=Origin(ip="192.0.2.1", language="fr"))
    message = newest_to(user.email)
    client, form = opened(link_in(message))
    assert 'lang="de"' in client.get(form, headers={"accept-language": "de"}).content.decode()
    assert 'lang="de"' in str(message.alternatives[0][0])


def test_a_code_for_a_backup_address_has_another_purpose() -> None:
    facts = "the same facts"
    assert codes.derived("recovery.codes", facts) != codes.derived("recovery.objections.code", facts)
