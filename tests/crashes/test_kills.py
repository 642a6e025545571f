"""Workers that are killed, at the worst moments: no mail is lost, and what can be told apart is not doubled."""

import random
from collections.abc import Callable

import pytest

from recovery.models import Email
from recovery.reasons import EmailState
from tests.crashes.harness import ASKABLE, KEYED, PLAIN, Judged, Kind, Site, Workers
from tests.crashes.saboteur import AMBIGUOUS, OF_A_MAIL, Point

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

LOAD = 12
KILLS = 10


def kill(site: Site, workers: Workers, point: Point, kills: int) -> Judged:
    """Workers die one after the other at this point, with the queue full; the next takes over when the lease ends."""
    drawn = random.Random(f"{point} {site.kind.name}")
    # Answers that come together are noted together: as many at most as there are connections.
    most = 2 if point == Point.CLAIMED else min(6, LOAD // site.kind.connections)
    site.provider.mode("slow", seconds=0.01)
    for _ in range(kills):
        site.fill(LOAD)
        workers.killed(point, drawn.randint(1, most))
        assert site.provider.is_left_alone(), "what it said before it died is heard before anybody takes over"
        site.end_leases()
    if point == Point.COMMITTED:
        workers.run("deliver", ids=[str(pk) for pk in Email.objects.values_list("pk", flat=True)])
    workers.run("sweep")
    assert not Email.objects.exclude(state=EmailState.HANDED_OVER).exists()
    return site.judge()


@pytest.mark.attack(83)
@pytest.mark.parametrize("point", OF_A_MAIL)
def test_a_killed_worker_loses_nothing_and_doubles_only_what_nobody_can_know(
    point: Point, site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    """The provider knows no keys and cannot be asked; one connection. What was accepted is repeated: that it is
    doubled shows that the worker died where it was meant to."""
    site = site_of(PLAIN)
    judged = kill(site, workers_of(site), point, KILLS)
    assert judged == Judged(lost=[], doubled=KILLS if point in AMBIGUOUS else 0)


@pytest.mark.attack(83, 94)
@pytest.mark.parametrize("point", sorted(AMBIGUOUS))
@pytest.mark.parametrize("kind", [KEYED, ASKABLE], ids=lambda kind: kind.name)
def test_nothing_is_doubled_where_the_provider_knows_the_key_or_can_be_asked(
    kind: Kind, point: Point, site_of: Callable[[Kind], Site], workers_of: Callable[[Site], Workers]
) -> None:
    site = site_of(kind)
    assert kill(site, workers_of(site), point, 3) == Judged(lost=[], doubled=0)
