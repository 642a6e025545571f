"""Case 107, for every act: the table of what a row must say has an entry for each, and a row with less is not taken."""

from typing import Any

import pytest

from recovery import audit, devices
from recovery.reasons import Action, ActOutcome
from tests import recorded
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.attack(107)

OF_ONE_OR_MANY = (Action.STAFF_REFUSED, "user_key")
"""By its facts alone, a refusal about one person cannot be told from one about many, which names none."""


def test_there_is_an_entry_for_every_act_and_for_no_other() -> None:
    assert set(recorded.SAYS) == set(Action)


@pytest.mark.parametrize("action", Action.values)
def test_an_act_whose_row_lost_one_of_its_facts_is_found(action: str) -> None:
    for says in recorded.SAYS[Action(action)]:
        row = row_of(action, says)
        in_web = says.is_of_the_web
        assert recorded.judged(row, in_web=in_web) == ""
        columns = [each for each in recorded.COLUMNS if row.get(each) and (action, each) != OF_ONE_OR_MANY]
        lost = [{**row, column: ""} for column in columns]
        lost += [{**row, "outcome": other} for other in set(ActOutcome) - set(says.outcomes)]
        assert [each for each in lost if not recorded.judged(each, in_web=in_web)] == []


@pytest.mark.django_db
def test_what_the_app_writes_is_looked_at_wherever_a_test_comes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    user, actor = UserFactory.create(), StaffFactory.create()
    monkeypatch.setitem(recorded.SAYS, Action.DEVICES_FORGOTTEN, (recorded.Says("actor"),))  # type: ignore[arg-type]
    audit.record(Action.DEVICES_FORGOTTEN, user_key="what a test writes is its own affair")
    assert recorded.wrong() == []
    devices.forget(user, actor=actor, reason="lost laptop")
    [wrong] = recorded.wrong()
    assert wrong.startswith(Action.DEVICES_FORGOTTEN)
    recorded.forget()


def row_of(action: str, says: recorded.Says) -> dict[str, Any]:
    columns = {column: "x" for column, name in recorded.COLUMNS.items() if name in says.columns.split()}
    words = (word.partition("=") for word in says.detail.split() if not word.startswith("!"))
    detail = {word: value.split("|")[0] or "x" for word, _equals, value in words}
    return {"action": action, "outcome": says.outcomes[0], "detail": detail, **columns}
