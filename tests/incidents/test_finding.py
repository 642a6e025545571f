"""Which failures belong together, who of these people still needs a link, and what it costs to know."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recovery import incidents, intake, resets, sweep
from recovery.conf import conf
from recovery.models import Email
from recovery.origin import Origin
from recovery.reasons import EmailState
from tests.admin.staff import ALL_BUT_ADA
from tests.asking import ask, browser, statements
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass
from tests.incidents.people import (
    ARRIVED,
    DEAD,
    POLICY,
    RULE,
    asked_again,
    asked_and_mailed,
    found,
    gets_in,
    incident_of,
    numbers,
    only,
    set_up,
    settle,
    told,
    with_a_disputed_one,
)
from tests.rotations.people import force, readers
from tests.rotations.people import work as rotate
from tests.ways_out import forget_trouble, raising
from tests.ways_out import told as provider

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _hears_sendgrid(settings: Any) -> None:
    set_up(settings)


def at(domain: str, count: int) -> list[Any]:
    return [UserFactory.create(email=f"reader{n}@{domain}") for n in range(count)]


def lines() -> list[tuple[str, str, int]]:
    return sorted((each.which.cause, each.which.domain, each.people) for each in found().incidents)


def test_failures_are_one_incident_by_cause_and_domain() -> None:
    incident_of(at("big.example", 4))
    incident_of(at("dead.example", 3), DEAD)
    told(asked_and_mailed(at("good.example", 3)), ARRIVED)
    assert lines() == [("hard/enhanced:5.1.1", "dead.example", 3), (f"policy/{RULE}", "big.example", 4)]
    [policy] = [each for each in found().incidents if each.which.domain == "big.example"]
    mails = Email.objects.filter(recipient_key__endswith="@big.example").order_by("queued_at")
    assert (policy.first_at, policy.last_at) == (mails[0].queued_at, mails[3].queued_at)
    assert incidents.mails(policy.which) == {email.pk for email in mails}


def test_two_people_are_no_incident_and_few_at_each_of_many_domains_are_one() -> None:
    incident_of(at("firm.example", 2))
    assert lines() == []
    incident_of([*at("shop.example", 2), *at("big.example", 3)])
    assert lines() == [(f"policy/{RULE}", "(other)", 4), (f"policy/{RULE}", "big.example", 3)]
    [other] = [each.which for each in found().incidents if each.which.domain == incidents.OTHER]
    domains = {email.recipient.partition("@")[2] for email in Email.objects.filter(pk__in=incidents.mails(other))}
    assert domains == {"firm.example", "shop.example"}
    assert len(incidents.needy(other)) == 4


def test_another_route_is_another_incident(settings: Any) -> None:
    for name in ("one", "two"):
        route = {"NAME": name, "BACKEND": "django.core.mail.backends.locmem.EmailBackend"}
        settings.RECOVERY = {**settings.RECOVERY, "ROUTES": [route]}
        incident_of(at(f"{name}.example", 3))
        told(list(Email.objects.filter(route=name)), POLICY)
    assert sorted(each.which.route for each in found().incidents) == ["one", "two"]


def test_what_is_our_own_fault_is_one_incident_over_all_domains() -> None:
    people = [*at("one.example", 2), *at("two.example", 2)]
    for user in people:
        ask(browser(), user.email)
        resets.decide(intake.ask(user.email, origin=Origin()).pk)
    sweep.sweep()
    Email.objects.update(state=EmailState.QUEUED, handed_over_at=None, doubt_count=0, next_try_at="2026-11-01T00:00Z")
    Email.objects.update(send_by="2026-11-01T00:00Z")
    sweep.sweep()
    assert lines() == [("past_send_by", "", 4)]


def repeated() -> None:
    """Mail without a clear answer is tried again until it rests; all within its time."""
    for _ in range(4):
        let_pass(timedelta(minutes=6))
        forget_trouble()
        sweep.sweep()


def test_mail_that_rests_without_a_clear_answer_is_an_incident_once_its_time_is_over(settings: Any) -> None:
    people = [*at("one.example", 2), *at("two.example", 2)]
    with provider(settings, raising(TimeoutError("timed out"))):
        asked_and_mailed(people)
        repeated()
    rest = Email.objects.filter(state=EmailState.UNKNOWN, next_try_at=None)
    assert (rest.count(), lines()) == (4, []), "it may still be told of"
    let_pass(conf.SEND_BY)
    assert lines() == [("unknown", "", 4)]
    assert numbers(only())["needy"] == 4
    told(asked_again(people[:1]), ARRIVED)
    told(list(rest.filter(recipient=people[1].email)), ARRIVED)  # after all
    assert numbers(only())["people"] == 3


def test_a_newer_link_that_rests_without_a_clear_answer_helps_nobody(settings: Any) -> None:
    people = at("big.example", 3)
    incident_of(people)
    let_pass(timedelta(minutes=2))
    with provider(settings, raising(TimeoutError("timed out"))):
        asked_and_mailed(people[:1])
        assert numbers(only())["needy"] == 2, "it may have left"
        repeated()
    let_pass(conf.SEND_BY)
    [policy] = [each for each in found().incidents if each.which.cause != EmailState.UNKNOWN]
    assert numbers(policy)["needy"] == 3


def test_a_person_is_counted_once_however_many_of_their_mails_failed() -> None:
    people = at("big.example", 3)
    incident_of(people)
    let_pass(timedelta(minutes=5))
    incident_of(people)
    assert (only().mail_count, numbers(only())) == (
        6,
        {"people": 3, "completed": 0, "helped": 0, "inactive": 0, "disputed": 0, "needy": 3},
    )


def test_who_completed_or_has_a_newer_link_needs_none_and_who_failed_again_does() -> None:
    people = at("big.example", 5)
    incident_of(people)
    gets_in(people[0])
    told(asked_again(people[1:2]), ARRIVED)
    asked_again(people[2:3])  # on its way
    assert numbers(only()) == {"people": 5, "completed": 1, "helped": 2, "inactive": 0, "disputed": 0, "needy": 2}
    assert [person.user_key for person in incidents.needy(only().which)] == [str(user.pk) for user in people[3:]]
    told(list(Email.objects.filter(recipient=people[2].email)), POLICY)
    let_pass(timedelta(minutes=5))
    incident_of(people[:1])  # forgot it again
    assert numbers(only()) == {"people": 5, "completed": 0, "helped": 1, "inactive": 0, "disputed": 0, "needy": 4}


def test_a_new_password_from_before_the_failed_link_helps_nobody() -> None:
    people = at("big.example", 3)
    asked_and_mailed(people)
    for user in people:
        gets_in(user)
    let_pass(timedelta(minutes=5))
    incident_of(people)
    assert numbers(only())["needy"] == 3


def test_each_account_of_an_address_is_a_person() -> None:
    people = [UserFactory.create(username=f"twin{n}", email="shared@big.example") for n in range(3)]
    told(asked_and_mailed(people[:1]), POLICY)
    assert (only().mail_count, only().people) == (1, 3)


def test_inactive_people_and_accounts_that_are_gone_are_sent_nothing() -> None:
    people = at("big.example", 4)
    incident_of(people)
    people[0].is_active = False
    people[0].save()
    people[1].delete()
    assert numbers(only()) == {"people": 4, "completed": 0, "helped": 0, "inactive": 2, "disputed": 0, "needy": 2}
    assert len(incidents.needy(only().which)) == 2
    assert "2 are inactive or gone, 0 have a disputed address, 2 need one" in command()[1]
    for user in people[2:]:
        gets_in(user)
    assert (only().needy, command()[0]) == (0, 0), "nothing is left to be done"


def test_whose_address_is_disputed_is_sent_nothing_in_bulk_and_counted_apart() -> None:
    """It would go to the address in question, and staff have not looked at each of them."""
    people, says_so = with_a_disputed_one(at("big.example", 3))
    incident_of(people)
    assert numbers(only())["needy"] == 3
    says_so()
    assert numbers(only()) == {"people": 3, "completed": 0, "helped": 0, "inactive": 0, "disputed": 1, "needy": 2}
    assert [person.user_key for person in incidents.needy(only().which)] == [str(user.pk) for user in people[1:]]
    assert "0 are inactive or gone, 1 have a disputed address, 2 need one" in command()[1]


def test_links_of_a_forced_rotation_and_activations_count_and_notices_do_not() -> None:
    people = readers(3)
    force(people)
    rotate()
    told(list(Email.objects.filter(kind="forced_reset")), POLICY)
    assert only().people == 3
    told(list(Email.objects.exclude(kind="forced_reset")), POLICY)
    assert only().people == 3


def test_out_of_the_time_that_is_asked_for_nothing_is_found() -> None:
    incident_of(at("big.example", 3))
    let_pass(timedelta(days=2))
    assert found().incidents == []


def test_an_agent_sees_and_is_told_numbers_of_those_alone_whom_they_reach(settings: Any) -> None:
    ada = UserFactory.create(username="ada", email="ada@big.example")
    incident_of([ada, *at("big.example", 3)])
    agent = StaffFactory.create()
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    [incident] = found(actor=agent).incidents
    assert numbers(incident, actor=agent) == {
        "people": 3,
        "completed": 0,
        "helped": 0,
        "inactive": 0,
        "disputed": 0,
        "needy": 3,
    }
    assert str(ada.pk) not in [person.user_key for person in incidents.needy(incident.which, actor=agent)]
    assert only().people == 4, "a command has no scope"


def test_it_is_two_statements_however_many_failed() -> None:
    incident_of(at("big.example", 3))
    with statements() as few:
        found()
    incident_of(readers(40))
    with statements() as many:
        assert len(found().incidents) == 2
    assert (len(few.texts), len(many.texts)) == (2, 2)


def test_only_the_newest_are_read_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    incident_of(at("old.example", 4))
    settle()
    let_pass(timedelta(hours=1))
    incident_of(at("new.example", 3))
    monkeypatch.setattr(incidents.finding, "MOST", 3)
    cut = found()
    assert cut.is_cut
    assert [each.which.domain for each in cut.incidents] == ["new.example"]
    assert len(incidents.needy(cut.incidents[0].which)) == 3


def command(*options: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("recovery_incidents", *options, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_tells_them_and_ends_with_1_while_somebody_needs_a_link() -> None:
    assert command() == (0, "Nothing failed for several people in that time.\n")
    people = at("big.example", 3)
    incident_of(people)
    code, text = command("--json")
    told = json.loads(text)
    assert code == 1
    [incident] = told["incidents"]
    wanted = {"cause": "policy", "rule": RULE, "domain": "big.example", "people": 3, "needy": 3, "mails": 3}
    assert wanted.items() <= incident.items()
    assert "3 people at big.example" in command()[1]
    for user in people:
        gets_in(user)
    assert command()[0] == 0
    with pytest.raises(CommandError) as refused:
        call_command("recovery_incidents", "--since", "yesterday")
    assert refused.value.returncode == 2
