"""Workers that are killed in the middle of an incident's repair: nobody is skipped, and nobody is mailed twice."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from recovery import incidents, intake
from recovery.models import Email, RepairMember
from recovery.origin import Origin
from recovery.reasons import EmailKind, RepairStep
from tests.crashes.harness import PLAIN, Judged, Kind, Site, Workers
from tests.crashes.saboteur import Point
from tests.factories import StaffFactory
from tests.ladder import reported
from tests.rotations.people import readers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PEOPLE = 8
POINTS = [Point.REPAIRING, Point.ENDED, Point.REPAIRING, Point.BEFORE_REQUEST, Point.COMMITTED]
"""Where the workers die, one after the other."""


def test_a_repair_goes_on_after_each_kill_until_everybody_was_mailed_once(
    site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    """One provider connection, no keys: what was sent twice would be seen twice."""
    site = site_of(PLAIN)
    workers, people = workers_of(site), readers(PEOPLE)
    for user in people:
        intake.ask(user.email, origin=Origin())
    site.settle(workers)
    for email in Email.objects.filter(kind=EmailKind.RESET):
        reported(email, detail="550 5.7.1 Sender refused by policy")
    now = timezone.now()
    [incident] = incidents.find(now - timedelta(days=1), now).incidents
    repair = incidents.repair(incident.which, actor=StaffFactory.create(), reason="their server was mended")
    assert repair
    assert repair.member_count == PEOPLE
    for point in POINTS:
        waiting = RepairMember.objects.filter(step=RepairStep.WAITING).count()
        workers.killed(point, 2 if point == Point.REPAIRING and waiting > 2 else 1)
        site.end_leases()
    site.settle(workers)
    assert site.judge() == Judged(lost=[], doubled=0)
    mailed = Counter(Email.objects.filter(kind=EmailKind.RESET).values_list("recipient", flat=True))
    assert mailed == {user.email: 2 for user in people}, "the one that came back, and one more"
    assert set(RepairMember.objects.values_list("step", flat=True)) == {RepairStep.ASKED}
