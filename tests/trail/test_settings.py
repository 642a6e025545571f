"""What is wrong with the settings of the trail is told by the checks."""

from datetime import timedelta
from typing import Any

import pytest

from recovery.checks import check_settings

SOUND = {"BASE_URL": "https://library.example"}


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"AUDIT_ANCHORS": ["recovery.anchors.log"]}, "recovery.E006"),
        ({"AUDIT_ANCHORS": [{"ANCHOR": "library.anchors.stone"}]}, "recovery.E020"),
        ({"AUDIT_ANCHORS": [{"ANCHOR": "recovery.anchors.file"}]}, "recovery.E020"),
        ({"AUDIT_ANCHORS": [{"ANCHOR": "recovery.anchors.log", "PATH": "x"}]}, "recovery.E020"),
        ({"RETENTION": {"audit": timedelta(days=399)}}, "recovery.E021"),
        ({"RETENTION": {"audit": timedelta(days=999), "emails": None}}, "recovery.E021"),
    ],
)
def test_a_wrong_setting_of_the_trail_is_named(settings: Any, wrong: Any, check: str) -> None:
    settings.RECOVERY = {**SOUND, **wrong}
    assert [each.id for each in check_settings(None)] == [check]


@pytest.mark.parametrize(
    "right",
    [
        {"AUDIT_ANCHORS": []},
        {"AUDIT_ANCHORS": [{"ANCHOR": "recovery.anchors.file", "PATH": "/x"}]},
        {"AUDIT_ANCHORS": [{"ANCHOR": "recovery.anchors.mail", "TO": ["auditor@example.org"]}]},
        {"RETENTION": {"audit": timedelta(days=400)}},
        {"RETENTION": {"audit": None, "emails": None}},
    ],
)
def test_a_right_one_is_not(settings: Any, right: Any) -> None:
    settings.RECOVERY = {**SOUND, **right}
    assert check_settings(None) == []
