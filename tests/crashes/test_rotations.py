"""Workers that are killed in the middle of a forced rotation: nobody is skipped, and nobody is mailed twice."""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from recovery.models import AuditEvent, Email, RotationMember
from recovery.reasons import Action, EmailKind, RotationStep
from tests.crashes.harness import PLAIN, Judged, Kind, Site, Workers
from tests.crashes.saboteur import AMBIGUOUS, OF_A_MAIL, OF_A_ROTATION, Point
from tests.rotations.people import force, funnel, readers, users_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PEOPLE = 10
SURE = [point for point in OF_A_MAIL if point not in AMBIGUOUS]
TURNS = {"ending": [Point.ENDING] * 3, "ended": [Point.ENDED] * 3, "all": [*OF_A_ROTATION, *SURE]}
"""Where the workers die, one after the other."""


@pytest.mark.attack(83, 113)
@pytest.mark.parametrize("points", TURNS.values(), ids=TURNS.keys())
def test_a_rotation_goes_on_after_each_kill_until_everybody_was_reached_once(
    points: list[Point], site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    """One provider connection, no keys: what was sent twice would be seen twice."""
    site, drawn = site_of(PLAIN), random.Random(str(points))
    workers, people = workers_of(site), readers(PEOPLE)
    rotation = force(people)
    for point in points:
        left = RotationMember.objects.filter(rotation=rotation, step=RotationStep.WAITING).count()
        workers.killed(point, drawn.randint(1, 2) if point in OF_A_ROTATION and left > 2 else 1)
        assert sum(funnel(rotation).values()) == PEOPLE, "also in between"
        site.end_leases()
    site.settle(workers)
    assert site.judge() == Judged(lost=[], doubled=0)
    mails = Email.objects.filter(kind=EmailKind.FORCED_RESET)
    assert Counter(mails.values_list("recipient", flat=True)) == Counter(user.email for user in people)
    ended = AuditEvent.objects.filter(action=Action.ACCESS_ENDED)
    assert sorted(ended.values_list("user_key", flat=True)) == sorted(str(user.pk) for user in people)
    assert not any(user.has_usable_password() for user in users_of(rotation))
    assert funnel(rotation) == {"told": PEOPLE}
