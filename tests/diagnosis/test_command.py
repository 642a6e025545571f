"""``recovery_diagnose``: in words and as JSON, in whose name, with the look-up on the trail."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from recovery import accounts
from recovery.models import AuditEvent
from recovery.reasons import Action, Cause
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.diagnosis.stage import Stage


def said(*args: str) -> tuple[str, int]:
    out, code = StringIO(), 0
    try:
        call_command("recovery_diagnose", *args, stdout=out, no_color=True)
    except SystemExit as end:
        code = int(end.code or 0)
    return out.getvalue(), code


@pytest.fixture
def ada(stage: Stage) -> Any:
    return stage.reader(username="ada", email="ada@example.com")


def test_it_says_what_is_wrong_and_the_exit_code_does_too(stage: Stage, ada: Any) -> None:
    reference = stage.asks(ada)
    text, code = said(reference)
    assert (code, text.splitlines()[0]) == (0, "ada: no_news_yet")
    stage.bounces(ada)
    text, code = said("ada@example.com")
    assert (code, text.splitlines()[0]) == (1, "ada: address_dead")
    assert "550 5.1.1" in text
    assert "fix: correct the address; the provider or the recipient's server said so" in text


def test_as_json_it_is_one_object(stage: Stage, ada: Any) -> None:
    reference = stage.asks(ada)
    stage.bounces(ada)
    text, code = said(reference, "--json")
    told = json.loads(text)
    assert code == 1
    assert set(told) == {"leading", "findings", "timeline", "would", "subject", "others"}
    assert set(told["leading"]) == {"code", "sentence", "evidence", "confidence", "fix", "fix_target"}
    assert (told["leading"]["code"], told["leading"]["fix"]) == ("address_dead", "correct_address")
    assert told["findings"][0] == told["leading"]
    assert [step["what"] for step in told["timeline"]][:2] == ["requested", "decided"]
    assert told["subject"]["reference"] == reference
    assert told["others"] == []


def test_each_look_up_is_on_the_trail_with_who_looked_and_no_personal_data(stage: Stage, ada: Any) -> None:
    reference = stage.asks(ada)
    agent = staff("recovery.diagnose", username="agent").user  # type: ignore[attr-defined]
    said(reference, "--actor", "agent")
    said("nobody@nowhere.example")
    known, unknown = AuditEvent.objects.filter(action=Action.DIAGNOSED).order_by("occurred_at", "id")
    assert (known.actor_key, known.user_key) == (accounts.key_of(agent), accounts.key_of(ada))
    assert known.reference == reference.replace("-", "")
    assert known.detail == {"cause": Cause.NO_NEWS_YET.value}
    assert (unknown.actor_key, unknown.user_key, unknown.request_id) == ("", "", None)
    assert unknown.detail == {"cause": Cause.UNKNOWN_ACCOUNT.value}


def test_whoever_looks_finds_only_whom_they_reach(stage: Stage, ada: Any) -> None:
    staff("recovery.diagnose", username="agent")
    stage.set(MAY_ACT_ON=ALL_BUT_ADA)
    text, code = said("ada", "--actor", "agent", "--json")
    assert (code, json.loads(text)["leading"]["code"]) == (1, Cause.UNKNOWN_ACCOUNT)
    assert AuditEvent.objects.get(action=Action.DIAGNOSED).user_key == ""
    assert AuditEvent.objects.get(action=Action.STAFF_REFUSED).user_key == accounts.key_of(ada)


def test_all_accounts_of_an_address_are_told(stage: Stage, ada: Any) -> None:
    bob = stage.reader(email=ada.email)
    told = json.loads(said(ada.email, "--json")[0])
    assert [told["subject"]["label"], *(each["subject"]["label"] for each in told["others"])] == ["ada", bob.username]


@pytest.mark.parametrize("args", [(" ",), ("ada", "--actor", "nobody"), ("ada", "--actor", "clerk")])
def test_bad_usage_ends_with_two(args: tuple[str, ...], stage: Stage, ada: Any) -> None:
    staff("recovery.view_email", username="clerk")
    with pytest.raises(CommandError) as refused:
        said(*args)
    assert refused.value.returncode == 2
    assert not AuditEvent.objects.filter(action=Action.DIAGNOSED).exists()
