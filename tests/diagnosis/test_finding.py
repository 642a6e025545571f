"""What is typed finds whoever is meant, and out of the viewer's scope nobody, as if they did not exist."""

from typing import Any

import pytest

from example_project.provider.fates import Record
from recovery import diagnosis
from recovery.diagnosis import Subject
from recovery.models import Email, ResetRequest
from recovery.reasons import Cause
from tests.admin.posting import REASON, USERS, posted
from tests.admin.staff import ALL_BUT_ADA, superuser
from tests.diagnosis.stage import Stage, explained
from tests.factories import StaffFactory


@pytest.fixture
def ada(stage: Stage) -> Any:
    return stage.reader(username="ada", email="ada.lovelace@example.com")


def named(stage: Stage, user: Any) -> dict[str, str]:
    """Everything that a caller may have before them, after one ask."""
    reference = stage.asks(user)
    email, request = Email.objects.get(), ResetRequest.objects.get()
    return {
        "user name": user.username,
        "address": f" {user.email.upper()} ",
        "reference": reference,
        "reference as it is read out": reference.lower().replace("-", " ").replace("0", "o"),
        "our message id": f"<{email.pk}@library.example>",
        "the provider's message id": email.esp_message_id,
        "key of the mail": str(email.pk),
        "key of the request": str(request.pk),
        "key of the account": str(user.pk),
    }


def test_each_of_them_finds_the_person(stage: Stage, ada: Any) -> None:
    for what, typed in named(stage, ada).items():
        [subject] = diagnosis.find(typed)
        assert subject.user == ada, what
        assert (subject.email is not None) == ("message" in what or "mail" in what), what
        assert (subject.request is not None) == (what not in ("user name", "address", "key of the account")), what


def test_nothing_typed_finds_nothing_and_anything_else_somebody_or_nobody(stage: Stage) -> None:
    assert diagnosis.find(" \t") == []
    for typed in ("ZZZZ-ZZZZ", "a" * 5000, "nobody@nowhere.example", "7", "%", "👻" * 300):
        [subject] = diagnosis.find(typed)
        assert subject.user is None
        assert diagnosis.explain(subject).leading.code == Cause.UNKNOWN_ACCOUNT


def test_several_accounts_of_one_address_are_several_answers(stage: Stage) -> None:
    people = [stage.reader(email="both@example.com") for _ in "ab"]
    assert [subject.user for subject in diagnosis.find("both@example.com")] == people
    reference = stage.asks("both@example.com")
    assert {subject.user for subject in diagnosis.find(reference)} == set(people)
    assert {subject.user for subject in diagnosis.find(str(Email.objects.get().pk))} == set(people)


def told(typed: str, viewer: Any) -> list[dict[str, Any]]:
    """All that a viewer gets, without what they typed themselves."""
    found = [diagnosis.explain(subject, viewer=viewer) for subject in diagnosis.find(typed, viewer=viewer)]
    as_json = [explanation.as_json() for explanation in found]
    for each in as_json:
        assert each["subject"].pop("label") == typed.strip()
        for finding in (each["leading"], *each["findings"]):
            finding["sentence"] = finding["sentence"].replace(typed.strip(), "…")
    return as_json


@pytest.mark.parametrize("kept", ["<2017.578@relay.example>", "2017.578@relay.example"])
def test_a_providers_message_id_is_found_with_its_angle_brackets_and_without(kept: str, stage: Stage, ada: Any) -> None:
    stage.asks(ada)
    Email.objects.update(esp_message_id=kept)
    for typed in ("<2017.578@relay.example>", "2017.578@relay.example"):
        assert [subject.user for subject in diagnosis.find(typed)] == [ada], typed


def test_out_of_scope_looks_like_not_existing_however_it_is_asked(stage: Stage, ada: Any) -> None:
    names = named(stage, ada)
    stage.says(ada, Record.DELIVERY)
    stage.set(MAY_ACT_ON=ALL_BUT_ADA)
    viewer = StaffFactory.create()
    unknown = {
        "reference": "7KQ4-M9XD", "reference as it is read out": "7kq4 m9xd", "key of the account": "424242",
    }  # fmt: skip
    for what, typed in names.items():
        stranger = unknown.get(what, "00000000-0000-7000-8000-000000000000")
        if what in ("user name", "address"):
            stranger = "grace" if what == "user name" else "grace.hopper@example.org"
            if what == "address":
                stage.asks(stranger)
        mine, strangers = told(typed, viewer), told(stranger, viewer)
        for each in (*mine, *strangers):  # when it was asked for is told of both, and when that was differs
            for finding in (each["leading"], *each["findings"]):
                finding["evidence"] = len(finding["evidence"])
        assert mine == strangers, what
        assert mine[0]["leading"]["code"] == Cause.UNKNOWN_ACCOUNT
    assert [subject.user for subject in diagnosis.find("ada")] == [ada], "whoever has no bounds finds her"


def test_out_of_scope_nobody_is_named_as_a_near_miss_or_a_former_owner(stage: Stage, ada: Any) -> None:
    stage.asks(ada)
    posted(superuser(), f"{USERS}{ada.pk}/correct-address/", address="ada@new.example", reason=REASON)
    for typed, cause in (("ada.lovelace@example.com", Cause.FORMER_ADDRESS), ("ada@new.exmple", Cause.NEAR_MISS)):
        assert explained(typed).leading.code == cause
        stage.set(MAY_ACT_ON=ALL_BUT_ADA)
        found = explained(typed, viewer=StaffFactory.create())
        assert [finding.code for finding in found.findings] == [Cause.UNKNOWN_ACCOUNT]
        stage.set(MAY_ACT_ON=None)


def test_a_request_of_several_shows_each_viewer_their_own(stage: Stage, ada: Any) -> None:
    bob = stage.reader(username="bob", email=ada.email)
    reference = stage.asks(ada)
    stage.set(MAY_ACT_ON=ALL_BUT_ADA)
    [subject] = diagnosis.find(reference, viewer=StaffFactory.create())
    assert subject.user == bob


def test_what_others_share_names_nobody_out_of_scope(stage: Stage, ada: Any) -> None:
    bob = stage.reader(username="bob", email=ada.email)
    reference = stage.asks(ada)
    stage.gets_in(ada, of=ada)
    viewer = StaffFactory.create()
    of_bob = [subject for subject in diagnosis.find(reference, viewer=viewer) if subject.user == bob]
    whole = diagnosis.explain(*of_bob, viewer=viewer)
    assert whole.leading.code == Cause.OTHER_ACCOUNT
    assert "ada" in whole.leading.sentence
    assert whole.timeline
    stage.set(MAY_ACT_ON=ALL_BUT_ADA)
    found = diagnosis.explain(*of_bob, viewer=viewer)
    assert found.timeline == []
    assert Cause.OTHER_ACCOUNT not in [finding.code for finding in found.findings]
    assert not [finding for finding in found.findings if "ada" in finding.sentence.replace(ada.email, "")]


def test_what_staff_sent_somebody_out_of_scope_is_no_ask_that_is_told(stage: Stage, ada: Any) -> None:
    stage.staff_send(ada)
    stage.set(MAY_ACT_ON=ALL_BUT_ADA)
    viewer = StaffFactory.create()
    mine, strangers = told("ada", viewer), told("grace", viewer)
    assert mine == strangers


def test_whose_account_is_gone_is_nobody(stage: Stage, ada: Any) -> None:
    reference = stage.asks(ada)
    stage.set(MAY_ACT_ON=ALL_BUT_ADA)
    viewer = StaffFactory.create()
    assert [subject.request for subject in diagnosis.find(reference, viewer=viewer)] == [None]
    ada.delete()
    assert explained(reference).leading.code == Cause.UNKNOWN_ACCOUNT
    [subject] = diagnosis.find(reference, viewer=viewer)
    assert subject.request, "who is gone is out of nobody's reach"


def test_a_subject_may_be_made_of_a_row_that_a_page_shows(stage: Stage, ada: Any) -> None:
    stage.asks(ada)
    request = ResetRequest.objects.get()
    assert diagnosis.explain(Subject(ada, request)).leading.code == Cause.NO_NEWS_YET
