"""Case 113: several workers, several members of staff and the people themselves, in one forced rotation at once."""

from collections import Counter
from functools import partial

import pytest
from django.core import mail

from recovery import accounts, resets, sweep
from recovery.models import AuditEvent, Email, Rotation, RotationMember, SupportCase
from recovery.reasons import Action, EmailKind, EmailState
from tests.asking import NEW_PASSWORD, set_password
from tests.factories import StaffFactory, UserFactory
from tests.following import mailed_link, opened
from tests.rotations.people import WHY, force, funnel, readers, said_it_was_not_them, users_of, work
from tests.together import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(113)]


def ended() -> Counter[str]:
    return Counter(AuditEvent.objects.filter(action=Action.ACCESS_ENDED).values_list("user_key", flat=True))


def mailed() -> Counter[str]:
    return Counter(Email.objects.filter(kind=EmailKind.FORCED_RESET).values_list("recipient", flat=True))


def test_many_workers_on_one_list_end_and_mail_each_person_once() -> None:
    people = readers(30)
    rotation = force(people)
    at_once(*[partial(resets.rotate, rotation.pk)] * 3, *[resets.rotate_due] * 3)
    work()
    assert ended() == Counter(accounts.key_of(user) for user in people)
    assert mailed() == Counter(user.email for user in people)
    assert Counter(message.to[0] for message in mail.outbox) == mailed()
    assert funnel(rotation) == {"told": 30}


def test_members_of_staff_who_start_the_same_list_at_once_reach_each_person_once() -> None:
    people, staff = readers(40), [StaffFactory.create() for _ in range(4)]
    lists = [people, list(reversed(people)), people[:20], people[10:]]
    starts = [
        partial(resets.force_rotation, given, actor=who, reason=WHY) for given, who in zip(lists, staff, strict=True)
    ]
    rotations = {rotation.pk for rotation in at_once(*starts)}
    assert Counter(RotationMember.objects.values_list("user_key", flat=True)) == Counter(map(accounts.key_of, people))
    assert sum(rotation.member_count for rotation in Rotation.objects.all()) == 40
    assert rotations == set(Rotation.objects.values_list("pk", flat=True))
    work()
    assert mailed() == Counter(user.email for user in people)


def test_one_person_and_staff_who_start_it_at_once_start_one() -> None:
    user, staff = UserFactory.create(), StaffFactory.create()
    at_once(
        *[partial(said_it_was_not_them, user)] * 3,
        *[partial(resets.force_rotation, [user], actor=staff, reason=WHY)] * 3,
    )
    assert Rotation.objects.count() == SupportCase.objects.count() == 1
    work()
    assert len(mail.outbox) == 1


def test_whoever_completes_a_reset_at_that_moment_is_ended_all_the_same_and_gets_a_link() -> None:
    for _ in range(5):
        user = UserFactory.create()
        client, form = opened(mailed_link(user))
        rotation = said_it_was_not_them(user)
        at_once(partial(resets.rotate, rotation.pk), partial(set_password, client, form))
        user.refresh_from_db()
        assert not user.has_usable_password()
        assert not user.check_password(NEW_PASSWORD)
        assert mailed()[user.email] == 1
        assert funnel(rotation) == {"told": 1}


def test_stopping_and_working_at_once_leave_nobody_in_between() -> None:
    people, staff = readers(20), StaffFactory.create()
    rotation = force(people)
    *_, stopped = at_once(
        *[partial(resets.rotate, rotation.pk)] * 2,
        partial(resets.stop_rotation, rotation, actor=staff, reason="wrong list"),
    )
    work()
    assert sum(user.has_usable_password() for user in users_of(rotation)) == stopped
    assert len(mail.outbox) == len(ended()) == 20 - stopped
    rotation.refresh_from_db()
    assert rotation.finished_at


def test_fresh_links_asked_for_by_several_at_once_go_out_once() -> None:
    people, staff = readers(10), [StaffFactory.create() for _ in range(3)]
    rotation = force(people)
    work()
    Email.objects.update(state=EmailState.BOUNCED, followed_up_at=rotation.started_at)
    renewed = at_once(*[partial(resets.renew_links, rotation, actor=who, reason=WHY) for who in staff])
    assert sorted(renewed) == [0, 0, 10]
    at_once(*[sweep.sweep] * 2)
    work()
    assert mailed() == Counter({user.email: 2 for user in people})
