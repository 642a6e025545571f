"""What lives and dies: signs of life of a healthy day, a minute without any, and who is red."""

from datetime import timedelta

from recovery import heartbeats, tasks
from recovery.reasons import Part
from tests.following import let_pass


def everything_lives() -> None:
    """What beat, a sweep and a worker say of themselves on a healthy day."""
    tasks.sweep(by="beat")
    heartbeats.beat(Part.WORKER, "celery@one")


def red() -> set[tuple[str, str]]:
    found = heartbeats.health()
    sick = {(part.part, part.name) for part in found.parts if not part.healthy}
    assert found.healthy == (not sick)
    return sick


def dies_with_time() -> None:
    let_pass(timedelta(minutes=1, seconds=1))
