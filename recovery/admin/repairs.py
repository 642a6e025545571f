"""Repairs of incidents on the page of incidents: the question before one, and how far those are that were started."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext, ngettext

from recovery import accounts, agents, suppressions
from recovery.admin import moments
from recovery.admin.incident_mails import cause_in_words, domain_in_words
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer
from recovery.conf import conf
from recovery.incidents import Person
from recovery.models import Repair, RepairMember
from recovery.reasons import RepairStep

MOST_SHOWN: Final = 20


class RepairForm(ReasonForm):
    """Why, and for how many it was asked: those who came to need a link since are no surprise to anybody."""

    counted = forms.IntegerField(required=False)  # not shown: the page states how many it asked for

    def __init__(self, *args: Any, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = count

    def clean(self) -> dict[str, Any]:
        """Fewer may need a link by now, and are mailed; for more, the page asks again."""
        cleaned = super().clean() or self.cleaned_data
        if self.count > (cleaned.get("counted") or 0):
            self.add_error(None, gettext("More people need a link by now. Look at the number, and confirm again."))
        return cleaned


def consequences(people: Sequence[Person]) -> Iterable[str]:
    """What follows for these people, in words."""
    count = len(people)
    gets = ngettext(
        "%(count)d person gets a mail with a link that sets a new password. You do not see the link.",
        "%(count)d people get a mail with a link that sets a new password. You do not see the links.",
        count,
    )
    yield gets % {"count": count}
    yield gettext("The present password stays good until a new one is set. Older links end when the new mail leaves.")
    yield gettext("Who sets a new password, or gets another link, before it is their turn gets none by this.")
    yield gettext("Mend the cause first: if it still stands, this mail fails like the one before.")
    if count > 1:
        pace = gettext("They are mailed at a pace of %(pace)d a minute; what has not begun can be stopped.")
        yield pace % {"pace": conf.ROTATION_PACE}
    if held := len(suppressions.of({person.address_key for person in people})):
        said = ngettext(
            "%(count)d address is suppressed: mail to it is held back, and a backup address or support is what is "
            "left. Lift that first if the address is good.",
            "%(count)d addresses are suppressed: mail to them is held back, and a backup address or support is what "
            "is left. Lift that first if the addresses are good.",
            held,
        )
        yield said % {"count": held}


def shown_to(actor: AbstractBaseUser) -> "QuerySet[Repair]":
    """Where staff reach only some people, those that the actor started: others may be of people out of reach."""
    repairs = Repair.objects.all()
    return repairs.filter(actor_key=accounts.key_of(actor)) if agents.is_limited() else repairs


def told(viewer: Viewer, since: datetime, site_name: str) -> list[dict[str, Any]]:
    """The newest of that time, and what goes on."""
    standing = Q(started_at__gte=since) | Q(finished_at=None)
    repairs = list(shown_to(viewer.user).filter(standing).order_by("-id")[:MOST_SHOWN])
    viewer.look_up(repair.actor_key for repair in repairs)
    counts = _counts(repairs)
    return [
        {
            "key": repair.pk,
            "is_over": repair.finished_at is not None,
            "started_at": moments.shown(repair.started_at),
            "actor": viewer.link_to(repair.actor_key, site_name),
            "reason": viewer.text(repair.reason),
            "meaning": cause_in_words(repair.cause),
            "domain": domain_in_words(repair.domain),
            "people": repair.member_count,
            "steps": [(RepairStep(step).label, count) for step, count in counts.get(repair.pk, {}).items()],
        }
        for repair in repairs
    ]


def _counts(repairs: Sequence[Repair]) -> dict[UUID, dict[str, int]]:
    members: Any = RepairMember.objects.filter(repair__in=[repair.pk for repair in repairs]).order_by()
    counted = dict[UUID, dict[str, int]]()
    for key, step, count in members.values_list("repair", "step").annotate(count=Count("pk")).order_by("step"):
        counted.setdefault(key, {})[step] = count
    return counted
