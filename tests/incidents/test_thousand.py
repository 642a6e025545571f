"""A thousand people whose mail came back, and one act that repairs it."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError

from recovery import sweep
from recovery.models import AuditEvent, Repair, RepairMember, ResetRequest
from recovery.reasons import Action, Kind, RepairStep
from tests.admin.posting import said
from tests.admin.staff import staff
from tests.following import failing, let_pass
from tests.incidents.people import (
    ARRIVED,
    NOBODY,
    PAGE,
    RIGHTS,
    WHY,
    asked_again,
    confirm,
    gets_in,
    incident_of,
    mailed_links,
    numbers,
    only,
    repair_urls,
    set_up,
    steps,
    told,
    work,
)
from tests.rotations.people import let_pace_pass, readers

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def test_a_thousand_are_repaired_by_one_act_and_who_had_completed_gets_nothing(settings: Any) -> None:
    set_up(settings)
    people = readers(1000)
    incident_of(people)
    for user in people[:20]:
        gets_in(user)
    told(asked_again(people[20:30]), ARRIVED)  # they asked again, and it came
    assert numbers(only()) == {
        "people": 1000,
        "completed": 20,
        "helped": 10,
        "inactive": 0,
        "disputed": 0,
        "needy": 970,
    }
    client, before = staff(*RIGHTS), len(mail.outbox)
    [url] = repair_urls(client)
    assert "970 people get a mail" in client.get(url).content.decode()
    answer = confirm(client, url)
    assert said(answer) == ["success: Fresh links are on their way to 970 people."]
    assert said(client.get(url, follow=True)) == ["warning: Nobody of them needs a link any more."]
    assert Repair.objects.get().member_count == 970

    sweep.sweep()
    let_pace_pass()
    with failing("INSERT INTO .recovery_resetrequest"), pytest.raises(OperationalError):
        sweep.sweep()  # the database goes away in the middle
    let_pass(timedelta(minutes=2))
    waiting = set(RepairMember.objects.filter(step=RepairStep.WAITING).values_list("user_key", flat=True)[:10])
    found = [user for user in people if str(user.pk) in waiting]  # the first mail after all, in some folder
    for user in found:
        gets_in(user)
    work()
    assert steps() == {"asked": 960, "needless": 10}
    assert mailed_links(before) == Counter(user.email for user in people[30:] if user not in found)
    assert numbers(only()) == {**NOBODY, "people": 1000, "completed": 30, "helped": 970}
    assert repair_urls(client) == []
    assert "970" in client.get(PAGE).content.decode()
    fresh = ResetRequest.objects.filter(kind=Kind.ADMIN)
    assert {(each.reason, each.actor_key) for each in fresh} == {(WHY, str(client.user.pk))}  # type: ignore[attr-defined]
    assert AuditEvent.objects.filter(action=Action.REPAIR_STARTED).count() == 1
    assert AuditEvent.objects.filter(action=Action.REQUESTED, reason=WHY).count() == 960
