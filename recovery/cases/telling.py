"""Tells the targets of ``CASE_TARGETS`` what became of a case, with the outbox's discipline: row first, network second.

A claim with a lease is committed before anything is sent; tries are counted before, waits are spread over their whole
length, ``Retry-After`` is honoured and capped. Each try has the same key, so that a lost answer makes no second ticket.
"""

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from uuid import UUID, uuid4

from django.db.models import F
from django.db.models.functions import Now

from recovery import alarms, bell
from recovery.cases import wording
from recovery.cases.targets import Answer
from recovery.conf import conf
from recovery.exceptions import RecoveryError
from recovery.models import CaseTelling, SupportCase
from recovery.models.insertion import insert
from recovery.reasons import Alarm, CaseNews, TellingState

logger = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=90)
FIRST_WAIT: Final = 10.0
LONGEST_WAIT: Final = 900.0
LONGEST_PAUSE: Final = 3600.0  # a target's Retry-After is honoured up to this
GIVE_UP: Final = timedelta(hours=24)
BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class Target:
    """One entry of ``CASE_TARGETS``: its name, its module, and what the module needs."""

    name: str
    path: str
    options: Mapping[str, Any]

    @property
    def module(self) -> ModuleType:
        """Raises ImportError where there is no such module."""
        return import_module(self.path)


def configured() -> dict[str, Target]:
    """The targets by name, in the order of the settings."""
    found: dict[str, Target] = {}
    for entry in conf.CASE_TARGETS:
        path = str(entry["TARGET"])
        name = str(entry.get("NAME") or path.rpartition(".")[2])[:40]
        found[name] = Target(name, path, {key: value for key, value in entry.items() if key not in ("TARGET", "NAME")})
    return found


def queue(case: SupportCase, news: CaseNews) -> None:
    """Write down, in the caller's transaction, who is to be told of it, and ring. Mail goes straight to the outbox."""
    waiting = []
    for target in configured().values():
        if news not in target.module.HEARS:
            continue
        if hasattr(target.module, "queue"):
            target.module.queue(case, news, wording.of(case, news), target.options)
        else:
            waiting.append(CaseTelling(case=case, target=target.name, news=news))
    if waiting:
        insert(*waiting)
        bell.ring("recovery.tell_case")


def given_up(case: SupportCase) -> list[CaseTelling]:
    """What targets were given up on and could be told again: those that the settings still name, and not that the case
    was opened where the target knows that it was closed."""
    rows = list(case.tellings.filter(target__in=configured()))
    over = {each.target for each in rows if each.news == CaseNews.CLOSED and each.stage == TellingState.TOLD}
    lost = [each for each in rows if each.stage == TellingState.GIVEN_UP]
    return [each for each in lost if each.news != CaseNews.OPENED or each.target not in over]


def tell_due(*, seconds: float = 10.0) -> int:
    """Tell what is due, beginning none after so many seconds; returns how many tries there were."""
    due, until = list(CaseTelling.objects.due().values_list("pk", flat=True)[:BATCH]), time.monotonic() + seconds
    return sum(tell(pk) for pk in due if time.monotonic() < until)


def tell(telling_id: UUID) -> bool:
    """One try at one target, if it is due and nobody else is at it. Commits the claim, and then what came of it."""
    owner = uuid4()
    claim = CaseTelling.objects.due().order_by().filter(pk=telling_id)
    if not claim.update(lease_owner=owner, lease_until=Now() + LEASE, attempt_count=F("attempt_count") + 1):
        return False
    telling = CaseTelling.objects.select_related("case__request").get(pk=telling_id)
    answer = _answer(telling)
    held = CaseTelling.objects.filter(pk=telling.pk, lease_owner=owner)
    free: dict[str, Any] = {"lease_owner": None, "lease_until": None, "detail": _one_line(answer.detail)[:500]}
    if answer.taken:
        held.update(stage=TellingState.TOLD, told_at=Now(), **free)
    elif answer.refused or CaseTelling.objects.filter(pk=telling.pk, queued_at__lt=Now() - GIVE_UP).exists():
        held.update(stage=TellingState.GIVEN_UP, **free)
        alarms.sound(Alarm.CASE_NOT_TOLD, telling.target, detail=f"case {telling.case_id}")
    else:
        if answer.ours:
            alarms.sound(Alarm.CASE_NOT_TOLD, telling.target, detail=answer.detail)
        held.update(next_try_at=Now() + timedelta(seconds=_wait(telling.attempt_count, answer.retry_after)), **free)
    return True


def _answer(telling: CaseTelling) -> Answer:
    target = configured().get(telling.target)
    if target is None:
        return Answer(refused=True, detail="not in CASE_TARGETS any more")
    words = wording.of(telling.case, CaseNews(telling.news), attempt=telling.attempt_count)
    try:
        answer: Answer = target.module.send(words, target.options)
    except Exception as error:  # noqa: BLE001 - whatever a target's code does, the case stays and is tried again
        logger.warning("case %s: %s failed (%s)", telling.case_id, target.name, type(error).__name__)
        says = str(error) if isinstance(error, RecoveryError) else type(error).__name__
        return Answer(ours=isinstance(error, RecoveryError), detail=says)
    return answer


def _wait(attempts: int, retry_after: float | None) -> float:
    ceiling = min(FIRST_WAIT * 2 ** min(attempts - 1, 12), LONGEST_WAIT)
    spread = random.uniform(1.0, ceiling)  # noqa: S311 - spreads load, hides nothing
    return max(spread, min(retry_after or 0.0, LONGEST_PAUSE))


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
