"""Erasing a person leaves alone what is others' as well: addresses, requests, mails, places and lists they share."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from recovery import accounts, privacy, resets, retention, suppressions, sweep
from recovery.models import AddressCorrection, Bounce, Decision, Email, ResetRequest, ResetToken, Suppression
from recovery.origin import Origin
from recovery.reasons import Action, CorrectionState, EmailKind, EmailState
from tests.asking import ask, asked, browser, follow, links, set_password, work
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, mailed_link, opened, row_of, trail
from tests.homes import at_home, signs_in
from tests.privacy.life import ADDRESS, NAME, erased, grace
from tests.privacy.searching import where
from tests.rotations.people import force, funnel, readers
from tests.rotations.people import work as finish
from tests.signing_in import fail

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(109)]


def test_whoever_shares_the_address_keeps_what_is_held_about_them() -> None:
    user, other = grace(), UserFactory.create(username="husband", email=ADDRESS)
    ask(browser(), ADDRESS)
    work()
    suppressions.add(ADDRESS, reason="complained", source="ours", kind="locked")
    erased(user)
    assert Suppression.objects.get().address_key == ADDRESS.lower(), "which is the other's as well"
    assert Decision.objects.get().user_key == accounts.key_of(other)
    assert ResetToken.objects.get().user_key == accounts.key_of(other)
    assert Email.objects.get().context["usernames"] == {accounts.key_of(other): "husband"}
    assert asked().identifier == ADDRESS
    assert where(NAME) == []
    client, form = opened(links(mail.outbox[-1])[1 if "husband" in mail.outbox[-1].body else 0])
    assert client.get(form).status_code == 200


def test_what_was_for_another_under_a_name_that_is_the_persons_now_stays() -> None:
    user, other = grace(), UserFactory.create(username="taken")
    key, boss = accounts.key_of(other), StaffFactory.create(is_superuser=True)
    asked_for = resets.send_by_staff(other, actor=boss, reason="called", origin=Origin())
    assert asked_for.identifier == "taken"
    facts: dict[str, Any] = {"user_key": key, "recipient_key": ADDRESS.lower()}
    email = Email.objects.create(kind=EmailKind.SITE, recipient=ADDRESS, send_by=timezone.now(), **facts)
    bounce = Bounce.objects.create(bounce_class="hard", rule="smtp:550", **facts)
    type(other).objects.filter(pk=other.pk).update(username="otherwise")
    type(user).objects.filter(pk=user.pk).update(username="taken")
    user.refresh_from_db()
    erased(user)
    for row in (asked_for, email, bounce):
        assert type(row).objects.filter(pk=row.pk).exists(), row


def test_a_mail_with_a_link_of_another_stays_whomever_it_names() -> None:
    user, other, email = mailed_together()
    Email.objects.update(context={})
    erased(user)
    assert Email.objects.get() == email
    assert ResetToken.objects.get().user_key == accounts.key_of(other)


def mailed_together() -> "tuple[Any, Any, Email]":
    user, other = grace(), UserFactory.create(username="husband", email=ADDRESS)
    ask(browser(), ADDRESS)
    work()
    return user, other, Email.objects.get()


def test_the_name_leaves_a_shared_mail_that_was_being_sent_at_that_moment() -> None:
    user, other, email = mailed_together()
    sending = {"state": EmailState.SENDING, "lease_until": timezone.now() + timedelta(seconds=90)}
    Email.objects.filter(pk=email.pk).update(**sending)
    assert privacy.erase(privacy.of_user(user)).left == 1
    assert not trail(Action.ERASED)
    Email.objects.update(state=EmailState.HANDED_OVER, lease_until=None)
    let_pass(timedelta(minutes=3))
    sweep.sweep()
    assert where(NAME) == []
    assert len(trail(Action.ERASED)) == 1
    assert Email.objects.get().account_keys == {accounts.key_of(other)}


def test_nor_does_a_shared_mail_keep_it_whose_links_went_before(settings: Any) -> None:
    user, other, email = mailed_together()
    settings.RECOVERY = {**settings.RECOVERY, "RETENTION": {"requests": timedelta(days=2)}}
    let_pass(timedelta(days=3))
    retention.purge()
    assert not ResetToken.objects.exists()
    [told] = privacy.export(privacy.of_user(user))["held"]["emails"]
    assert told.keys() == {"id", "kind", "queued_at"}, "it is the other's as well"
    erased(user)
    assert where(NAME) == []
    assert Email.objects.get().account_keys == {accounts.key_of(other)}
    erased(other)
    assert not Email.objects.filter(pk=email.pk).exists()


def correction(settings: Any, user: Any, address: str) -> AddressCorrection:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": timedelta(days=2)}
    boss = StaffFactory.create(is_superuser=True)
    return resets.correct_address(user, address, actor=boss, reason=f"she writes from {address}.")


def test_a_correction_of_another_account_keeps_its_row_without_the_address(settings: Any) -> None:
    user, other = grace(), UserFactory.create(username="adele")
    row = correction(settings, other, ADDRESS.upper())
    resets.withdraw_corrections(row.user_key, CorrectionState.LAPSED)
    assert "corrections" not in privacy.held(privacy.of_user(user))
    assert privacy.export(privacy.of_user(user))["held"]["corrections"] == []
    assert "corrections" in privacy.held(privacy.of_user(other))
    erased(user)
    row.refresh_from_db()
    assert (row.state, row.new_address, row.old_address) == (CorrectionState.LAPSED, "", other.email)
    assert row.reason == "she writes from …."
    assert where(ADDRESS) == []


def test_one_that_waits_ends_and_never_takes_effect(settings: Any) -> None:
    user, other = grace(), UserFactory.create(username="adele")
    row, address = correction(settings, other, ADDRESS), other.email
    user.delete()
    sweep.sweep()
    let_pass(timedelta(days=3))
    sweep.sweep()
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, row.new_address, other.email) == (CorrectionState.LAPSED, "", address)
    assert [told["end"] for told in trail(Action.CORRECTION_ENDED)] == ["lapsed"]


def test_where_a_shared_request_was_answered_from_goes_with_whoever_answered_it() -> None:
    user, _other = grace(), UserFactory.create(username="husband", email=ADDRESS)
    ask(browser(), ADDRESS)
    work()
    [mine] = [link for link in links(mail.outbox[-1]) if row_of(link).user_key == accounts.key_of(user)]
    client = browser(REMOTE_ADDR="203.0.113.44")
    assert set_password(client, follow(client, mine)).status_code == 302
    assert ResetRequest.objects.get().completed_ip == "203.0.113.44"
    erased(user)
    assert where("203.0.113.44") == []


def test_an_attackers_address_stays_in_the_rows_of_the_others_whom_it_met() -> None:
    user, other = grace(), UserFactory.create()
    for name in (ADDRESS, other.email, "nobody@example.com"):
        ask(browser(REMOTE_ADDR="198.51.100.66"), name)
    work()
    erased(user)
    assert set(ResetRequest.objects.values_list("identifier", "ip")) == {
        (other.email, "198.51.100.66"), ("nobody@example.com", "198.51.100.66")
    }  # fmt: skip


def test_so_does_one_from_which_others_were_locked() -> None:
    user, other = grace(), UserFactory.create(username="another")
    for name in (NAME, other.username):
        fail(name, 5, REMOTE_ADDR="198.51.100.66")
    ask(browser(REMOTE_ADDR="198.51.100.66"), "nobody@example.com")
    work()
    erased(user)
    assert asked().ip == "198.51.100.66"


def test_a_name_that_was_typed_in_letters_that_only_we_take_for_the_same_is_found() -> None:
    user = grace()
    ask(browser(), "\uff47\uff52\uff41\uff43\uff45hopper")
    work()
    erased(user)
    assert not ResetRequest.objects.exists()


def test_lists_of_several_people_go_on_adding_up() -> None:
    first, *others = readers(3)
    rotation = force([first, *others])
    finish()
    erased(first)
    assert sum(funnel(rotation).values()) == 2
    erased(others[0])
    assert sum(funnel(rotation).values()) == 1
    assert funnel(rotation).keys() == {"told"}


def signs_in_at(user: Any, ip: str) -> None:
    at_home(user)
    signs_in(browser(REMOTE_ADDR=ip), user)  # which is news, and on the trail


def opens_a_link_at(user: Any, ip: str) -> None:
    opened(mailed_link(user), REMOTE_ADDR=ip)


def answers_a_link_at(user: Any, ip: str) -> None:
    client, form = opened(mailed_link(user))
    client.defaults["REMOTE_ADDR"] = ip
    assert set_password(client, form).status_code == 302
    assert ip not in ResetToken.objects.values_list("opened_ip", flat=True)


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("acts", [signs_in_at, opens_a_link_at, answers_a_link_at])
def test_a_client_address_is_known_by_whatever_the_person_did_there(acts: Any, is_shared: bool) -> None:
    user, ip = grace(), "203.0.113.77"
    ask(browser(REMOTE_ADDR=ip), f"a slip in {ADDRESS}")
    for each in (user, UserFactory.create())[: 1 + is_shared]:
        acts(each, ip)
    sweep.sweep()
    assert ResetRequest.objects.filter(ip=ip).count() == 1
    erased(user)
    assert ResetRequest.objects.get(identifier__startswith="a slip").ip == (ip if is_shared else None)
    assert is_shared or where(ip) == []
