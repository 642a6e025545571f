"""The API under ASGI: the same answers, one thread of the database, and receivers that are coroutines."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import AsyncClient

from recovery import accounts
from recovery.models import ApiCall, AuditEvent, ResetRequest
from recovery.reasons import Action, Outcome
from recovery.signals import link_opened, reset_completed, reset_requested
from tests.api.calling import API, mailed_token, member
from tests.asking import NEW_PASSWORD
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


async def post(client: AsyncClient, path: str, body: Any, **headers: str) -> Any:
    return await client.post(API + path, json.dumps(body), content_type="application/json", headers=headers)


def test_a_whole_reset_goes_through_and_coroutines_hear_of_each_step() -> None:
    user, heard = UserFactory.create(), []

    async def hear(signal: Any, **facts: Any) -> None:
        await asyncio.sleep(0)
        named = facts.get("user") or await sync_to_async(accounts.by_key)(facts.get("user_key", ""))
        heard.append((signal, facts["request_id"], named))

    token = mailed_token(user)

    async def reset() -> None:
        client = AsyncClient()
        assert (await post(client, "requests/", {"identifier": "ada"})).status_code == 202
        assert (await post(client, "links/look/", {"token": token})).json()["usable"] is True
        body = {"token": token, "new_password": NEW_PASSWORD}
        assert (await post(client, "links/complete/", body)).status_code == 200
        assert (await post(client, "links/complete/", body)).status_code == 410

    for signal in (reset_requested, link_opened, reset_completed):
        signal.connect(hear)
    try:
        async_to_sync(reset)()
    finally:
        for signal in (reset_requested, link_opened, reset_completed):
            signal.disconnect(hear)
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    mailed, asked = ResetRequest.objects.order_by("requested_at")
    assert mailed.outcome == Outcome.COMPLETED
    assert heard == [
        (reset_requested, asked.pk, None), (link_opened, mailed.pk, user), (reset_completed, mailed.pk, user)
    ]  # fmt: skip


def test_the_same_call_many_times_at_once_happens_once() -> None:
    async def asked() -> list[Any]:
        headers = {"Idempotency-Key": "the-same-for-all-of-them"}
        calls = [post(AsyncClient(), "requests/", {"identifier": "ada"}, **headers) for _ in range(8)]
        return list(await asyncio.gather(*calls))

    answers = async_to_sync(asked)()
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.json()["reference"] for answer in answers if answer.status_code == 202}) == 1
    assert ResetRequest.objects.count() == ApiCall.objects.count() == 1


def test_staff_are_known_by_the_sites_own_function(settings: Any) -> None:
    user, client = UserFactory.create(), member(settings, "recovery.diagnose")
    authorization = client.defaults["HTTP_AUTHORIZATION"]

    async def diagnosed() -> Any:
        body = {"said": user.username, "reason": "asked by phone"}
        return await post(AsyncClient(), "staff/diagnose/", body, Authorization=authorization)

    [found] = async_to_sync(diagnosed)().json()["found"]
    assert found["leading"]["code"] == "never_asked"


def test_a_call_without_the_right_is_on_the_trail(settings: Any) -> None:
    authorization = member(settings, "recovery.unlock").defaults["HTTP_AUTHORIZATION"]
    body = {"said": "ada", "reason": "asked by phone"}
    answer = async_to_sync(post)(AsyncClient(), "staff/diagnose/", body, Authorization=authorization)
    assert answer.status_code == 403
    assert AuditEvent.objects.get().action == Action.ACCESS_REFUSED


def test_a_body_without_a_length_is_limited_too() -> None:
    """Chunked, as ASGI servers pass it on: no Content-Length says how much comes."""

    async def sent() -> Any:
        client = AsyncClient()
        body = b'{"identifier": "' + b"a" * 200_000 + b'"}'
        return await client.generic("POST", f"{API}requests/", body, content_type="application/json", CONTENT_LENGTH="")

    assert async_to_sync(sent)().status_code == 413
