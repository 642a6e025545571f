"""One caller for each cause: the right one leads, with its evidence, and its fix mends it."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recovery.diagnosis import ORDER, Explanation, Finding, rank
from recovery.diagnosis.fixes import FIXES
from recovery.diagnosis.sentences import SENTENCES
from recovery.reasons import Cause, Confidence
from tests.diagnosis import callers_of_accounts, callers_of_links, callers_of_mail, callers_of_routes
from tests.diagnosis.calling import CALLERS, Call
from tests.diagnosis.expecting import EXPECTED
from tests.diagnosis.mending import BUTTONS, press
from tests.diagnosis.owning import is_of, somebody_else_asks
from tests.diagnosis.stage import Stage, explained

MOST_STATEMENTS = 45
WITHOUT_EVIDENCE = {Cause.NEVER_ASKED}
NOT_KNOWN = {Cause.ANSWER_LOST, Cause.NO_NEWS_YET, Cause.NO_REPORTS}
ROOMS = (callers_of_accounts, callers_of_links, callers_of_mail, callers_of_routes)


def test_every_cause_has_a_caller_a_place_a_sentence_and_a_fix() -> None:
    assert all(room.__doc__ for room in ROOMS)
    for known in (CALLERS, ORDER, SENTENCES, FIXES, EXPECTED):
        assert set(known) == set(Cause)


@pytest.mark.parametrize("cause", Cause)
def test_the_right_cause_leads_and_its_fix_mends_it(cause: Cause, stage: Stage) -> None:
    call = CALLERS[cause](stage)
    with call.while_called:
        somebody_else_asks(stage)
        with CaptureQueriesContext(connection) as asked:
            found = call.seen or explained(call.who)
        assert found.leading.code == cause, [finding.code for finding in found.findings]
        assert len(asked) <= MOST_STATEMENTS
        is_complete(found)
        is_as_expected(cause, call, found.leading)
        mended(call, found, stage)


def is_complete(found: Explanation) -> None:
    assert list(found.findings) == sorted(found.findings, key=lambda finding: rank(finding.code))
    assert found.findings[0] == found.leading
    assert found.as_json()["leading"]["code"] == found.leading.code
    for finding in found.findings:
        assert re.search(r"[.”]$", finding.sentence), finding.sentence
        assert "%(" not in finding.sentence
        assert bool(finding.evidence) == (finding.code not in WITHOUT_EVIDENCE)
        rows_are_there(finding)
        is_as_sure_as_its_rows(finding)


def is_as_expected(cause: Cause, call: Call, leading: Finding) -> None:
    """How sure it is, what mends it, and which rows show it, all of this case and none of another's."""
    expected = EXPECTED[cause]
    assert leading.confidence == expected.confidence
    assert leading.fix == FIXES[cause]
    assert [evidence.model.rpartition(".")[2] or "-" for evidence in leading.evidence] == expected.rows.split()
    for evidence in leading.evidence:
        assert not evidence.model or is_of(call, row_of(evidence.model, evidence.pk)), evidence


def is_as_sure_as_its_rows(finding: Finding) -> None:
    """What is recorded rests on a row of ours with its moment, what is reported on one that holds the others' word."""
    rows = {evidence.model.rpartition(".")[2] for evidence in finding.evidence}
    match finding.confidence:
        case Confidence.RECORDED:
            assert any(evidence.model and evidence.at for evidence in finding.evidence), finding
        case Confidence.REPORTED:
            assert rows & {"emailevent", "bounce"}, finding
        case Confidence.UNKNOWN:
            assert finding.code in NOT_KNOWN


def rows_are_there(finding: Finding) -> None:
    """Whatever is named can be opened."""
    named = [(evidence.model, evidence.pk) for evidence in finding.evidence if evidence.model]
    for model, key in [*named, *([finding.fix_target] if finding.fix_target else [])]:
        assert row_of(model, key)


def row_of(model: str, key: str) -> Any:
    return apps.get_model(model)._base_manager.get(pk=key)


def mended(call: Call, found: Explanation, stage: Stage) -> None:
    if not call.fixed:
        assert found.leading.fix not in BUTTONS
        return
    if call.mend is not None:
        call.mend(found)
    else:
        press(found)
    if call.again is not None:
        assert call.again() is not False
    else:
        call.user.refresh_from_db()
        stage.gets_in(call.user, of=call.user)
    after = explained(call.user)
    assert after.leading.code == call.then, [finding.code for finding in after.findings]
