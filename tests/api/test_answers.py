"""Each call of the OpenAPI document succeeds once in earnest, and its answer is the one that the document promises."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jsonschema_rs
import pytest
from django.http import HttpResponse

from recovery import rollup
from tests.api.calling import API, ask, complete, look, mailed_token, member, post, program, staff_post
from tests.api.documented import OPERATIONS, hold
from tests.asking import work
from tests.factories import UserFactory
from tests.following import let_pass
from tests.signing_in import locked

pytestmark = pytest.mark.django_db


def asked_again(user: Any, settings: Any) -> Any:
    settings.RECOVERY = {**settings.RECOVERY, "COOLDOWN": timedelta(0)}
    first = ask(program(), user.email).json()
    return post(program(), f"requests/{first['reference']}/resend/", {"resend_token": first["resend_token"]})


def diagnosed(user: Any, settings: Any) -> Any:
    ask(program(), user.email)
    work()
    return staff_post(member(settings, "recovery.diagnose"), "diagnose", {"said": user.email})


def unlocked(user: Any, settings: Any) -> Any:
    locked(user.get_username())
    return staff_post(member(settings, "recovery.unlock"), "unlock", {"user": str(user.pk)})


def mails_read(user: Any, settings: Any) -> Any:
    mailed_token(user)
    return staff_post(member(settings, "recovery.view_email"), "emails", {"user": str(user.pk)})


def counted(user: Any, settings: Any) -> Any:
    mailed_token(user)
    let_pass(timedelta(hours=2))
    rollup.roll_up()
    return member(settings, "recovery.view_rollup").get(f"{API}staff/metrics/")


Act = Callable[[Any, Any], Any]
Shows = Callable[[Any], Any]

SUCCESSES: dict[tuple[str, str], tuple[Act, int, Shows]] = {
    ("/requests/", "post"): (lambda user, _: ask(program(), user.email), 202, lambda said: said["resend_after"]),
    ("/requests/{reference}/resend/", "post"): (asked_again, 202, lambda said: said["resend_token"]),
    ("/links/look/", "post"): (
        lambda user, _: look(program(), mailed_token(user)),
        200,
        lambda said: said["usable"] and said["password_rules"],
    ),
    ("/links/complete/", "post"): (
        lambda user, _: complete(program(), mailed_token(user)),
        200,
        lambda said: said["main_address_failed"] is False,
    ),
    ("/staff/diagnose/", "post"): (
        diagnosed,
        200,
        lambda said: said["found"][0]["timeline"] and said["found"][0]["leading"]["evidence"],
    ),
    ("/staff/reset/", "post"): (
        lambda user, settings: staff_post(member(settings, "recovery.send_reset"), "reset", {"user": str(user.pk)}),
        202,
        lambda said: said["reference"],
    ),
    ("/staff/unlock/", "post"): (unlocked, 200, lambda said: said["lifted"] == 1),
    ("/staff/emails/", "post"): (mails_read, 200, lambda said: said["emails"][0]["accounts"]),
    ("/staff/metrics/", "get"): (counted, 200, lambda said: said["rolled_at"]),
    ("/problems/{code}/", "get"): (
        lambda *_: program().get(f"{API}problems/link_refused/"),
        200,
        lambda said: said["code"] == "link_refused",
    ),
    ("/openapi.json", "get"): (lambda *_: program().get(f"{API}openapi.json"), 200, lambda said: said["paths"]),
}
"""Who does it, how it is answered, and by what it is seen that something was answered."""


def test_there_is_one_for_every_call() -> None:
    assert set(SUCCESSES) == set(OPERATIONS)


@pytest.mark.parametrize("call", SUCCESSES, ids=" ".join)
def test_a_call_that_succeeds_answers_what_the_document_says(call: tuple[str, str], settings: Any) -> None:
    act, status, shows = SUCCESSES[call]
    response = act(UserFactory.create(), settings)
    assert response.status_code == status
    assert shows(response.json())
    hold(*call, response)


@pytest.mark.parametrize("change", ["member lost", "member of another kind", "member that nobody documents"])
def test_an_answer_of_another_form_is_not_taken(change: str, settings: Any) -> None:
    said = mails_read(UserFactory.create(), settings).json()
    [row] = said["emails"]
    if change == "member lost":
        del row["route"]
    elif change == "member of another kind":
        row["queued_at"] = "yesterday"
    else:
        row["body"] = "x"
    with pytest.raises(jsonschema_rs.ValidationError):
        hold("/staff/emails/", "post", HttpResponse(json.dumps(said), content_type="application/json"))
