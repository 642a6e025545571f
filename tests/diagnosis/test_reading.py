"""Diagnosis writes nothing, and however much there is of a person, it asks no more of the database."""

from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from recovery import level
from recovery.models import ResetRequest
from recovery.reasons import MailLevel
from tests.diagnosis.stage import Stage, explained, reading_only
from tests.factories import StaffFactory


def statements(ident: Any) -> int:
    with CaptureQueriesContext(connection) as asked:
        explained(ident)
    return len(asked)


def test_the_database_is_shut_for_writing_while_tests_look(stage: Stage) -> None:
    staff = StaffFactory.create()
    with pytest.raises(DatabaseError), reading_only():
        level.switch(MailLevel.NONE, actor=staff, reason="test")
    level.switch(MailLevel.ALL, actor=staff, reason="and open again afterwards")


def test_a_long_story_takes_no_more_statements_than_a_short_one(stage: Stage) -> None:
    user = stage.reader()
    told = [_after(stage, user, asks) for asks in (7, 6)]
    assert ResetRequest.objects.count() == 13
    assert told[0] == told[1]


def _after(stage: Stage, user: Any, asks: int) -> int:
    for _ in range(asks):
        stage.asks(user)
        stage.rests(user)
        stage.bounces(user)
        stage.scanned(user)
    return statements(user)
