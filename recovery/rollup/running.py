"""Which hours are rolled up, and when: the recent ones each time, older ones when something touches them or time alone
changes what they are counted as, each hour once more when nothing more is to be expected of it, and the past before the
first run bit by bit.

One at a time: a worker holds the progress under a lease, and writes an hour only while it does.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from django.db.models import Q
from django.utils import timezone

from recovery import link_lives
from recovery.conf import conf
from recovery.models import AuditEvent, Email, ResetRequest, RollUpProgress
from recovery.models.primary import atomic
from recovery.rollup import days, hours, lives, touched
from recovery.rollup.hours import HOUR, beginning

LEASE: Final = timedelta(minutes=2)
SECONDS: Final = 10.0  # of one run; the next goes on
OVERDUE: Final = timedelta(minutes=3)  # three runs of beat's were missed
MARGIN: Final = timedelta(minutes=10)  # for sweeps, and for clocks that differ


@dataclass(frozen=True, slots=True)
class RolledUp:
    """How many hours were written anew; ``left``: there are more, for the next run."""

    hours: int
    left: bool


def is_overdue() -> bool:
    """Whether nobody has rolled up for a while, and nobody is at it. One statement."""
    now = timezone.now()
    current = Q(rolled_at__gt=now - OVERDUE) | Q(lease_until__gt=now)
    return not RollUpProgress.objects.filter(current).exists()


def roll_up(*, seconds: float = SECONDS) -> RolledUp | None:
    """Bring the figures up to date, for so many seconds; None where somebody else is at it. Commits hour by hour.

    Doing it twice changes nothing. Whatever is left, the next run takes on.
    """
    owner, now = uuid4(), timezone.now()
    progress = _claimed(owner, now)
    if progress is None:
        return None
    run = _Run(owner, now, time.monotonic() + seconds)
    try:
        run.recent(progress)
        run.changed_by_time(progress)
        run.touched(progress)
        run.settle(progress, "settled_until", _unsettled())
        run.settle(progress, "ended_until", _unended())
        run.fill_back(progress)
        lives.measure(now)
    except _Lost:
        return None
    RollUpProgress.objects.filter(lease_owner=owner).update(rolled_at=now, lease_owner=None, lease_until=None)
    return RolledUp(run.hours, run.left)


def again(since: datetime) -> None:
    """Let the hours from that moment on be counted anew, by the next runs; commits. Hours that have lost rows stay."""
    first = max(beginning(since), _oldest_kept(timezone.now()))
    RollUpProgress.objects.filter(settled_until__gt=first).update(settled_until=first)
    RollUpProgress.objects.filter(rolled_at__gt=first).update(rolled_at=first)


def outlook(since: datetime | None = None) -> int:
    """How many hours would be rolled up now, of those that nothing touched since, and after ``again``; writes
    nothing."""
    now = timezone.now()
    first = _first_hour(now)
    progress = RollUpProgress.objects.first() or _beginning(now)
    if first is None:
        return 0
    anew = min([progress.settled_until, *([max(beginning(since), first)] if since else [])])
    filled = max(progress.filled_until - first, timedelta())
    recent = beginning(now) + HOUR - max(anew, first)
    return (filled + max(recent, timedelta())) // HOUR


class _Lost(Exception):
    """Another worker took over: ours was too slow."""


class _Run:
    def __init__(self, owner: UUID, now: datetime, until: float) -> None:
        self.owner, self.now, self.until = owner, now, until
        self.hours, self.left = 0, False
        self.days: set[datetime] = set()  # of which an hour was written since

    def recent(self, progress: RollUpProgress) -> None:
        """From the hour before the last run on; what nothing more is expected of is the part of ``settle``."""
        last = beginning(progress.rolled_at or self.now) - HOUR
        self._each(_hours(max(last, self._unsettled_since), self._current))

    def changed_by_time(self, progress: RollUpProgress) -> None:
        """Before the recent ones. Not ended by the clock: what the next run asks for begins where this one ends."""
        recent, kept, silence = self._current - HOUR, self._kept(progress), conf.WEBHOOK_SILENCE
        silent = _hours(beginning((progress.rolled_at or self.now) - conf.SEND_BY - silence), self.now - silence)
        found = {hour for hour in silent if self._unsettled_since <= hour < recent}
        found.update(touched.by_silence(progress, before=recent, until=self.now))
        found.update(touched.by_expiry(progress, before=recent, until=self.now, due=self._unsettled_since))
        self._each(hour for hour in sorted(found) if hour >= kept)

    def touched(self, progress: RollUpProgress) -> None:
        recent, kept = self._current - HOUR, self._kept(progress)
        for batch in touched.by_events(progress, before=recent, now=self.now):
            if self._is_over():
                return
            self._each(hour for hour in batch.hours if hour >= kept)
            self._note(events_until=batch.events_until)
        self._each(hour for hour in touched.by_trail(progress, before=recent) if hour >= kept)
        self._note(trail_until=self.now - touched.SLACK)

    def settle(self, progress: RollUpProgress, cursor: str, age: timedelta) -> None:
        """Hours of which, at that age, nothing more is to be expected but late events."""
        hour: datetime = getattr(progress, cursor)
        while hour + HOUR + age <= self.now and not self._is_over():
            self._roll(hour)
            hour += HOUR
            if not hour.hour:  # each of its days is written once
                self._note(**{cursor: hour})
        self._note(**{cursor: hour})

    def fill_back(self, progress: RollUpProgress) -> None:
        """From the first run on into the past, the newest first."""
        first = _first_hour(self.now)
        hour = progress.filled_until
        while first is not None and hour > first and not self._is_over():
            hour -= HOUR
            self._roll(hour)
            if not hour.hour:
                self._note(filled_until=hour)
        self._note(filled_until=hour)

    @property
    def _current(self) -> datetime:
        return beginning(self.now)

    @property
    def _unsettled_since(self) -> datetime:
        """The oldest hour that is not yet the part of ``settle``, and one to spare."""
        return beginning(self.now - _unsettled()) - HOUR

    def _kept(self, progress: RollUpProgress) -> datetime:
        return max(progress.filled_until, _oldest_kept(self.now))

    def _is_over(self) -> bool:
        self.left = self.left or time.monotonic() >= self.until
        return self.left

    def _each(self, wanted: Iterable[datetime]) -> None:
        for hour in wanted:
            self._roll(hour)

    def _roll(self, hour: datetime) -> None:
        rows = hours.count(hour, self.now)
        with atomic(RollUpProgress):
            self._hold()
            hours.write(hour, rows)
        self.hours += 1
        self.days.add(days.beginning(hour))

    def _write_days(self) -> None:
        """Those that are over; of the others, hours are read."""
        for day in sorted(self.days):
            if day + days.DAY <= self.now:
                rows = days.count(day)
                with atomic(RollUpProgress):
                    self._hold()
                    days.write(day, rows)
        self.days.clear()

    def _hold(self) -> None:
        """Prolong the lease, or find that it is gone; its row is locked until the hour is written."""
        held = RollUpProgress.objects.filter(lease_owner=self.owner)
        if not held.update(lease_until=timezone.now() + LEASE):
            raise _Lost

    def _note(self, **until: datetime | int) -> None:
        """How far the figures are; of days as well as of hours."""
        self._write_days()
        if not RollUpProgress.objects.filter(lease_owner=self.owner).update(**until):
            raise _Lost


def _hours(first: datetime, last: datetime) -> Iterable[datetime]:
    while first <= last:
        yield first
        first += HOUR


def _unsettled() -> timedelta:
    """How long after its end an hour changes by mere time: mail waits, links live, providers are silent."""
    longest = max(
        link_lives.fixed_lifetime(audience) or link_lives.LONGEST for audience in ("default", *conf.AUDIENCES)
    )
    return max(conf.SEND_BY + longest, conf.WEBHOOK_SILENCE) + MARGIN


def _unended() -> timedelta:
    """The same of links to first passwords, which live for days."""
    return conf.SEND_BY + link_lives.first_lifetime() + MARGIN


def _claimed(owner: UUID, now: datetime) -> RollUpProgress | None:
    """The progress, held by us; made where there is none."""
    first = _beginning(now)
    with atomic(RollUpProgress):
        RollUpProgress.objects.bulk_create([first], ignore_conflicts=True)
        free = RollUpProgress.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now), pk=first.pk)
        if not free.update(lease_owner=owner, lease_until=now + LEASE):
            return None
        return RollUpProgress.objects.get(pk=first.pk)


def _beginning(now: datetime) -> RollUpProgress:
    """Of the roll-up itself: what was before is filled back."""
    return RollUpProgress(
        settled_until=beginning(now - _unsettled()),
        ended_until=beginning(now - _unended()),
        filled_until=beginning(now) - HOUR,
        events_until=touched.newest_event(),
        trail_until=now - touched.SLACK,
    )


def _first_hour(now: datetime) -> datetime | None:
    """The oldest that there is anything to count of."""
    moments = [
        Email.objects.order_by("pk").values_list("queued_at", flat=True).first(),
        ResetRequest.objects.order_by("pk").values_list("requested_at", flat=True).first(),
        AuditEvent.objects.order_by("pk").values_list("occurred_at", flat=True).first(),
    ]
    found = [beginning(moment) for moment in moments if moment]
    return max(min(found), _oldest_kept(now)) if found else None


def _oldest_kept(now: datetime) -> datetime:
    """Hours before this have lost rows, or are losing them: their figures stay as they are."""
    ages = [age for age in (conf.RETENTION["emails"], conf.RETENTION["requests"]) if age]
    return beginning(now - min(ages)) + HOUR if ages else datetime.min.replace(tzinfo=now.tzinfo)
