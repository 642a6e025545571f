"""Idempotency-Key: the first call acts, its repetitions get its answer (case 113)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core import signing
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recovery import idempotency, retention
from recovery.exceptions import KeyInUse
from recovery.models import ApiCall, AuditEvent, ResetRequest
from recovery.reasons import Action
from recovery.signals import reset_requested
from tests.api.calling import ask, code, key, mailed_token, member, post, problem, program, staff_post
from tests.asking import NEW_PASSWORD
from tests.factories import UserFactory
from tests.following import failing, let_pass, overtaken
from tests.signing_in import locked

pytestmark = pytest.mark.django_db(transaction=True)


def while_at_work(headers: dict[str, str], *identifiers: str) -> list[str]:
    """What those are told who come with this key while an ask for "ada" under it is at work."""
    codes = []

    def meanwhile(**signal: Any) -> None:
        codes.extend(code(ask(program(), identifier, **headers)) for identifier in identifiers)

    reset_requested.connect(meanwhile)
    try:
        assert ask(program(), "ada", **headers).status_code == 202
    finally:
        reset_requested.disconnect(meanwhile)
    return codes


def test_an_ask_that_comes_twice_is_one_ask_with_one_answer() -> None:
    headers = key()
    first, again = ask(program(), "ada@example.com", **headers), ask(program(), "ada@example.com", **headers)
    assert first.status_code == again.status_code == 202
    assert first.json()["reference"] == again.json()["reference"]
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert ResetRequest.objects.count() == AuditEvent.objects.filter(action=Action.REQUESTED).count() == 1


def test_without_a_key_each_is_its_own() -> None:
    assert ask(program(), "ada").json()["reference"] != ask(program(), "ada").json()["reference"]


def test_a_key_with_another_body_is_refused_and_does_nothing() -> None:
    headers = key()
    ask(program(), "ada@example.com", **headers)
    assert code(ask(program(), "eve@example.com", **headers)) == "key_reused"
    assert ResetRequest.objects.count() == 1


def test_the_quotes_of_the_draft_are_no_part_of_the_key() -> None:
    word = str(uuid4())
    first = ask(program(), "ada", HTTP_IDEMPOTENCY_KEY=word).json()
    assert ask(program(), "ada", HTTP_IDEMPOTENCY_KEY=f'"{word}"').json()["reference"] == first["reference"]


@pytest.mark.parametrize("word", ["", "1", "x" * 15, "x" * 129, "with a blank in it", "ümlaut-ümlaut-ümlaut"])
def test_a_key_that_others_could_meet_by_chance_is_refused(word: str) -> None:
    assert code(ask(program(), "ada", HTTP_IDEMPOTENCY_KEY=word)) == "key_malformed"
    assert not ResetRequest.objects.exists()


def test_a_call_that_comes_while_the_first_is_at_work_waits() -> None:
    headers = key()
    assert while_at_work(headers, "ada", "eve") == ["key_in_use", "key_reused"]
    assert ResetRequest.objects.count() == 1


def test_what_was_refused_may_be_tried_again_under_its_key(settings: Any) -> None:
    headers = key()
    before = settings.RECOVERY
    settings.RECOVERY = {**before, "REQUEST_LIMITS": {"source": (0, timedelta(hours=1))}}
    assert code(ask(program(), "ada", **headers)) == "too_many_asks"
    settings.RECOVERY = before
    assert ask(program(), "ada", **headers).status_code == 202


def test_what_failed_may_be_tried_again_under_its_key() -> None:
    headers = key()
    with failing('INSERT INTO "recovery_resetrequest"'), pytest.raises(OperationalError):
        ask(program(), "ada", **headers)
    assert not ApiCall.objects.exists()
    assert ask(program(), "ada", **headers).status_code == 202


def test_a_call_whose_process_died_may_be_made_again_after_its_lease() -> None:
    headers = key()
    with failing('UPDATE "recovery_apicall"'), pytest.raises(OperationalError):
        ask(program(), "ada", **headers)  # it acted, and died before it could note so
    for passed, wait in ((0, 1), (20, 20), (35, 5)):  # as long again as it is at work, and never past its end
        let_pass(timedelta(seconds=passed))
        at_work = ask(program(), "ada", **headers)
        assert code(at_work) == "key_in_use"
        assert wait <= int(at_work.headers["Retry-After"]) <= wait + 1
    let_pass(timedelta(seconds=6))
    assert ask(program(), "ada", **headers).status_code == 202
    assert ResetRequest.objects.count() == 2


def test_of_two_that_find_a_dead_call_one_takes_it() -> None:
    headers = key()
    with failing('UPDATE "recovery_apicall"'), pytest.raises(OperationalError):
        ask(program(), "ada", **headers)
    let_pass(timedelta(seconds=61))
    with overtaken('UPDATE "recovery_apicall"', lambda: ask(program(), "ada", **headers).status_code) as quicker:
        assert code(ask(program(), "ada", **headers)) == "key_in_use"
    assert quicker == [202]
    assert ResetRequest.objects.count() == 2


def test_who_comes_back_after_its_lease_neither_notes_nor_forgets_what_another_does() -> None:
    facts: dict[str, Any] = {"caller": "", "act": "ask", "body": {}}
    slow = idempotency.claim("a-key", **facts)
    ApiCall.objects.update(ends_at=timezone.now())
    second = idempotency.claim("a-key", **facts)
    for late in (lambda: idempotency.settle(slow, {"by": "slow"}), lambda: idempotency.release(slow)):
        late()
        with pytest.raises(KeyInUse):
            idempotency.claim("a-key", **facts)
    idempotency.settle(second, {"by": "second"})
    assert idempotency.claim("a-key", **facts).answer == {"by": "second"}


def test_an_answer_is_kept_for_a_day_and_then_purged() -> None:
    headers = key()
    first = ask(program(), "ada", **headers).json()
    let_pass(timedelta(hours=23))
    again = ask(program(), "ada", **headers).json()
    assert again["reference"] == first["reference"]
    assert retention.outlook().api_calls == retention.purge().api_calls == 0
    let_pass(timedelta(hours=1, minutes=1))
    assert ask(program(), "ada", **headers).json()["reference"] != first["reference"]
    let_pass(timedelta(hours=24, minutes=1))
    assert retention.outlook().api_calls == retention.purge().api_calls == 1
    assert not ApiCall.objects.exists()


def test_old_answers_go_in_batches_however_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "BATCH", 3)
    for number in range(7):
        idempotency.claim(f"key-{number}", caller="", act="ask", body={})
    ApiCall.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    with CaptureQueriesContext(connection) as ran:
        assert idempotency.purge() == 7
    assert sum("DELETE" in each["sql"] for each in ran.captured_queries) == 3


def test_an_old_answer_whose_key_is_taken_up_again_meanwhile_stays() -> None:
    facts: dict[str, Any] = {"caller": "", "act": "ask", "body": {}}
    idempotency.claim("a-key", **facts)
    ApiCall.objects.update(ends_at=timezone.now() - timedelta(seconds=1))
    with overtaken("DELETE", lambda: idempotency.claim("a-key", **facts)):
        assert idempotency.purge() == 0
    assert ApiCall.objects.exists()


def test_neither_key_nor_address_nor_what_lets_resend_is_kept(settings: Any) -> None:
    word = "a-key-that-is-seen-nowhere"
    answer = ask(program(REMOTE_ADDR="192.0.2.7"), "gwendolyn@example.com", HTTP_IDEMPOTENCY_KEY=word).json()
    kept = repr(ApiCall.objects.values_list().get())
    for text in (word, "gwendolyn", answer["resend_token"], "192.0.2.7"):
        assert text not in kept
    assert signing.loads(answer["resend_token"], salt="recovery.asked")[0] in kept
    settings.SECRET_KEY = "another one"  # without which nobody can try addresses against what is kept
    ask(program(REMOTE_ADDR="192.0.2.7"), "gwendolyn@example.com", HTTP_IDEMPOTENCY_KEY=word)
    first, other = ApiCall.objects.all()
    assert first.body != other.body


def test_a_key_belongs_to_whoever_sent_it_and_to_one_act(settings: Any) -> None:
    headers, user = key(), UserFactory.create()
    first = ask(program(REMOTE_ADDR="192.0.2.7"), "ada", **headers).json()
    assert ask(program(REMOTE_ADDR="192.0.2.8"), "ada", **headers).json()["reference"] != first["reference"]
    client = member(settings, "recovery.send_reset", "recovery.unlock")
    other = member(settings, "recovery.send_reset")
    body = {"user": str(user.pk)}
    assert staff_post(client, "unlock", body, **headers).json()["lifted"] == 0
    sent = staff_post(client, "reset", body, **headers).json()
    assert staff_post(client, "reset", body, **headers).json() == sent
    assert staff_post(other, "reset", body, **headers).json() != sent
    assert ResetRequest.objects.filter(user_key=str(user.pk)).count() == 2


def test_an_unlock_that_comes_twice_says_twice_what_it_did(settings: Any) -> None:
    user, headers = UserFactory.create(), key()
    locked(user.get_username())
    client = member(settings, "recovery.unlock")
    answers = [staff_post(client, "unlock", {"user": str(user.pk)}, **headers).json() for _ in range(2)]
    assert answers == [{"lifted": 1, "refused": []}] * 2
    assert AuditEvent.objects.filter(action=Action.UNLOCKED).count() == 1


def test_a_repetition_hours_later_prolongs_no_right_to_ask_again() -> None:
    headers = key()
    first = ask(program(), "ada", **headers).json()
    with time_machine.travel(timezone.now() + timedelta(hours=3)):
        again = ask(program(), "ada", **headers).json()
        body = {"resend_token": again["resend_token"]}
        assert again["reference"] == first["reference"]
        assert code(post(program(), f"requests/{again['reference']}/resend/", body)) == "resend_refused"


def test_asking_again_is_one_ask_too(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
    first, headers = ask(program(), "ada").json(), key()
    path, body = f"requests/{first['reference']}/resend/", {"resend_token": first["resend_token"]}
    answers = {post(program(), path, body, **headers).json()["reference"] for _ in range(2)}
    assert len(answers) == 1
    assert ResetRequest.objects.count() == 2


def test_a_new_password_whose_answer_was_lost_is_told_again_and_set_once() -> None:
    user, headers = UserFactory.create(), key()
    token = mailed_token(user)
    body = {"token": token, "new_password": NEW_PASSWORD}
    assert code(post(program(), "links/complete/", {**body, "new_password": "12345"}, **headers)) == "password_refused"
    first = post(program(), "links/complete/", body, **headers)
    again = post(program(REMOTE_ADDR="192.0.2.8"), "links/complete/", {**body, "token": f"{token}."}, **headers)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json() == {"main_address_failed": False}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert AuditEvent.objects.filter(action=Action.COMPLETED).count() == 1
    assert problem(post(program(), "links/complete/", body, **key()))["reason"] == "used"


@pytest.mark.parametrize("other", ["another quiet heron", "\ud800 quiet herons at dusk"])
def test_another_password_is_another_call_and_no_hash_of_one_is_kept(other: str) -> None:
    user, headers = UserFactory.create(), key()
    body = {"token": mailed_token(user), "new_password": NEW_PASSWORD}
    assert post(program(), "links/complete/", body, **headers).status_code == 200
    user.refresh_from_db()
    user.set_password("yet another heron")  # the account's own hash judges, and nothing that is kept with the key
    user.save()
    changed = {**body, "new_password": "yet another heron"}
    for _ in range(2):
        assert post(program(), "links/complete/", changed, **headers).headers["Idempotency-Replayed"] == "true"
    assert code(post(program(), "links/complete/", {**body, "new_password": other}, **headers)) == "key_reused"
    assert problem(post(program(), "links/complete/", changed, **headers))["reason"] == "used", "one guess, not many"
    user.refresh_from_db()
    assert user.check_password("yet another heron")


def test_while_one_repetition_is_judged_no_other_is() -> None:
    user, headers = UserFactory.create(), key()
    body = {"token": mailed_token(user), "new_password": NEW_PASSWORD}
    assert post(program(), "links/complete/", body, **headers).status_code == 200
    told = []

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "recovery_resettoken" in sql and not told:
            told.append("")
            told[0] = code(post(program(), "links/complete/", body, **headers))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meanwhile):
        assert post(program(), "links/complete/", body, **headers).status_code == 200
    assert told == ["key_in_use"]
