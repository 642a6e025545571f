"""The numbers of a forced rotation add up, whatever the rows say, and behind each are as many people."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recovery.models import AuditEvent, Email, ResetRequest, ResetToken, Rotation, RotationMember
from recovery.models.insertion import insert
from recovery.models.rotations import NOT_MAILED
from recovery.reasons import (
    Action,
    EmailKind,
    EmailState,
    Outcome,
    RotationSnag,
    RotationSource,
    RotationStage,
    RotationStep,
    TokenState,
)

pytestmark = pytest.mark.django_db

STAGES, SNAGS = RotationStage, RotationSnag


MEMBER = st.fixed_dictionaries(
    {
        "step": st.sampled_from(RotationStep.values),
        "outcome": st.sampled_from([None, *Outcome.values]),
        "mail": st.sampled_from([None, *EmailState.values]),
        "has_left": st.booleans(),
        "link": st.sampled_from([None, *TokenState.values]),
        "is_over": st.booleans(),
        "was_opened": st.booleans(),
    }
)


def write(rotation: Rotation, members: list[dict[str, Any]]) -> None:
    """Whatever combination: also those that cannot come about."""
    now, rows = timezone.now(), list[Any]()
    for number, facts in enumerate(members):
        key, request = f"{rotation.pk}-{number}", None
        if facts["outcome"]:
            request = ResetRequest(identifier=key, user_key=key, outcome=facts["outcome"])
            rows.append(request)
        rows.append(
            RotationMember(
                rotation=rotation, user_key=key, step=facts["step"], request=request,
                rotated_at=now - timedelta(minutes=1),
            )
        )  # fmt: skip
        if request and facts["mail"]:
            rows.append(
                Email(
                    kind=EmailKind.FORCED_RESET, recipient="a@example.com", request=request, state=facts["mail"],
                    send_by=now, handed_over_at=now if facts["has_left"] else None,
                )
            )  # fmt: skip
        if request and facts["link"]:
            rows.append(
                ResetToken(
                    selector=uuid4().hex[:22], user_key=key, request=request, state=facts["link"],
                    expires_at=now + timedelta(minutes=-5 if facts["is_over"] else 5),
                )
            )  # fmt: skip
        if facts["was_opened"]:
            rows.append(AuditEvent(action=Action.LINK_OPENED, user_key=key, detail={"form_shown": True}))
    insert(*sorted(rows, key=lambda row: (type(row) is not ResetRequest, type(row).__name__)))


@given(facts=st.lists(MEMBER, min_size=1, max_size=40))
@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_numbers_add_up_whatever_the_rows_say_and_behind_each_are_as_many(facts: list[dict[str, Any]]) -> None:
    rotation = Rotation.objects.create(source=RotationSource.STAFF, reason="x", member_count=len(facts))
    write(rotation, facts)
    members = RotationMember.objects.filter(rotation=rotation)
    counts = members.counts()
    assert sum(counts.values()) == len(facts)
    stages = Counter[str]()
    for (stage, why), count in counts.items():
        stages[stage] += count
        assert why in {STAGES.STUCK: RotationSnag, STAGES.NOT_MAILED: NOT_MAILED}.get(RotationStage(stage), ("",))
        assert not why or members.placed().at(stage, why).count() == count
    assert all(members.placed().at(stage).count() == stages[stage] for stage in RotationStage)
