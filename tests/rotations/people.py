"""A forced rotation in a test's words: who starts it, what workers do, and where everybody is."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db.models import F

from recovery import resets, sweep
from recovery.models import LimitCounter, Rotation, RotationMember
from tests.factories import PASSWORD, StaffFactory

WHY = "found in a list of leaked passwords"


def readers(count: int, **facts: Any) -> list[Any]:
    """So many people, written set-wise, all with the same hash."""
    users = get_user_model()
    first = users._default_manager.count()
    hashed = make_password(PASSWORD)
    rows = [
        users(username=f"leaked{n}", email=f"leaked{n}@example.com", password=hashed, **facts)
        for n in range(first, first + count)
    ]
    return list(users._default_manager.bulk_create(rows, batch_size=1000))


def force(users: Iterable[Any], **more: Any) -> Rotation:
    """Staff start it."""
    actor = more.pop("actor", None) or StaffFactory.create()
    return resets.force_rotation(users, **{"actor": actor, "reason": WHY, **more})


def said_it_was_not_them(user: Any, **more: Any) -> Rotation:
    """The person starts it."""
    return resets.force_rotation([user], reason="the person said that it was not them", **more)


def work() -> None:
    """Workers go on until nobody waits: their pace is what the settings say, and time passes between sweeps."""
    for _ in range(200):
        sweep.sweep()
        if not Rotation.objects.unfinished().exists():
            break
        let_pace_pass()
    sweep.sweep()


def let_pace_pass(seconds: float = 20) -> None:
    LimitCounter.objects.update(window_ends_at=F("window_ends_at") - timedelta(seconds=seconds))


def funnel(rotation: Rotation) -> dict[str, int]:
    """``{"told": 2, "stuck.bounced": 1}``; it always adds up."""
    counts = RotationMember.objects.filter(rotation=rotation).counts()
    assert sum(counts.values()) == Rotation.objects.get(pk=rotation.pk).member_count
    return {f"{stage}.{why}" if why else stage: count for (stage, why), count in counts.items()}


def users_of(rotation: Rotation) -> list[Any]:
    keys = rotation.members.values_list("user_key", flat=True)
    return list(get_user_model()._default_manager.filter(pk__in=list(keys)).order_by("pk"))
