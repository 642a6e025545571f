"""One caller for each cause: the right one leads, with its evidence, and its fix mends it."""

import re

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
from tests.diagnosis.mending import BUTTONS, press
from tests.diagnosis.stage import Stage, explained

MOST_STATEMENTS = 45
WITHOUT_EVIDENCE = {Cause.NEVER_ASKED}
ROOMS = (callers_of_accounts, callers_of_links, callers_of_mail, callers_of_routes)


def test_every_cause_has_a_caller_a_place_a_sentence_and_a_fix() -> None:
    assert all(room.__doc__ for room in ROOMS)
    for known in (CALLERS, ORDER, SENTENCES, FIXES):
        assert set(known) == set(Cause)


@pytest.mark.parametrize("cause", Cause)
def test_the_right_cause_leads_and_its_fix_mends_it(cause: Cause, stage: Stage) -> None:
    call = CALLERS[cause](stage)
    with call.while_called:
        with CaptureQueriesContext(connection) as asked:
            found = call.seen or explained(call.who)
        assert found.leading.code == cause, [finding.code for finding in found.findings]
        assert len(asked) <= MOST_STATEMENTS
        is_complete(found)
        mended(call, found, stage)


def is_complete(found: Explanation) -> None:
    assert list(found.findings) == sorted(found.findings, key=lambda finding: rank(finding.code))
    assert found.findings[0] == found.leading
    assert found.as_json()["leading"]["code"] == found.leading.code
    for finding in found.findings:
        assert re.search(r"[.”]$", finding.sentence), finding.sentence
        assert "%(" not in finding.sentence
        assert finding.evidence or finding.code in WITHOUT_EVIDENCE
        assert finding.confidence in Confidence
        rows_are_there(finding)


def rows_are_there(finding: Finding) -> None:
    """Whatever is named can be opened."""
    named = [(evidence.model, evidence.pk) for evidence in finding.evidence if evidence.model]
    for model, key in [*named, *([finding.fix_target] if finding.fix_target else [])]:
        assert apps.get_model(model)._base_manager.filter(pk=key).exists()


def mended(call: Call, found: Explanation, stage: Stage) -> None:
    if not call.fixed:
        assert found.leading.fix not in BUTTONS
        return
    if call.mend is not None:
        call.mend(found)
    else:
        press(found.leading)
    if call.again is not None:
        assert call.again() is not False
    else:
        call.user.refresh_from_db()
        stage.gets_in(call.user, of=call.user)
    after = explained(call.user)
    assert after.leading.code == call.then, [finding.code for finding in after.findings]
