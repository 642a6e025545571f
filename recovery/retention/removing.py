"""Rows taken away with all that hangs on them, in the caller's transaction; each returns how many of its own went.

Set-wise and without signals: nothing of this app listens to its own rows, and a collector would read them all first.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import models, router

from recovery.models import (
    Bounce,
    CaseNote,
    CaseTelling,
    Decision,
    Email,
    EmailEvent,
    Objection,
    RepairMember,
    ResetRequest,
    ResetToken,
    Rotation,
    RotationMember,
    SupportCase,
)


def remove_emails(keys: Sequence[UUID]) -> int:
    """Mails with their events, bounces and objections; links that they carried stay."""
    remove(Bounce.objects.filter(email__in=keys))
    # Events that could not be read are in the same table, and the plain manager leaves them out.
    remove(models.QuerySet(EmailEvent).filter(email__in=keys))
    remove(Objection.objects.filter(email__in=keys))
    ResetToken.objects.filter(email__in=keys).update(email=None)
    return remove(Email.objects.filter(pk__in=keys))


def remove_requests(keys: Sequence[UUID]) -> int:
    """Requests with their decisions and links; mails and cases that followed from them stay."""
    remove(Decision.objects.filter(request__in=keys))
    remove(ResetToken.objects.filter(request__in=keys))
    Email.objects.filter(request__in=keys).update(request=None)
    SupportCase.objects.filter(request__in=keys).update(request=None)
    RotationMember.objects.filter(request__in=keys).update(request=None)
    RepairMember.objects.filter(request__in=keys).update(request=None)
    return remove(ResetRequest.objects.filter(pk__in=keys))


def remove_cases(keys: Sequence[UUID]) -> int:
    """Support cases with their notes and news; forced rotations that they were opened for stay."""
    remove(CaseNote.objects.filter(case__in=keys))
    remove(CaseTelling.objects.filter(case__in=keys))
    Rotation.objects.filter(case__in=keys).update(case=None)
    return remove(SupportCase.objects.filter(pk__in=keys))


def remove(rows: "models.QuerySet[Any]") -> int:
    """These rows alone, by one statement."""
    alias = router.db_for_write(rows.model)
    return rows.using(alias).order_by()._raw_delete(alias)
