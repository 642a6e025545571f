"""The staff half: who may call, whom they reach, what they see, and what stays on the trail (case 111)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from recovery import lockouts, outbox
from recovery.models import AuditEvent, Email, Lockout, ResetRequest
from recovery.reasons import Action, EmailKind, Kind, LockKind, Outcome
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.api.calling import API, REASON, ask, code, key, member, post, problem, program, staff_post
from tests.asking import work
from tests.factories import UserFactory
from tests.signing_in import locked

pytestmark = [pytest.mark.django_db, pytest.mark.attack(111)]

RIGHTS = {
    "diagnose": "recovery.diagnose",
    "reset": "recovery.send_reset",
    "unlock": "recovery.unlock",
    "emails": "recovery.view_email",
    "metrics": "recovery.view_rollup",
}


def body_of(act: str, user: Any) -> dict[str, Any]:
    return {"diagnose": {"said": user.get_username()}, "emails": {}}.get(act, {"user": str(user.pk)})


def called(client: Any, act: str, user: Any, **headers: Any) -> Any:
    if act == "metrics":
        return client.get(f"{API}staff/metrics/", **headers)
    return staff_post(client, act, body_of(act, user), **headers)


@pytest.mark.parametrize("act", RIGHTS)
def test_each_call_needs_its_own_right(act: str, settings: Any) -> None:
    user = UserFactory.create()
    others = [right for name, right in RIGHTS.items() if name != act]
    assert code(called(program(), act, user)) == "not_authenticated"
    assert code(called(member(settings, *others), act, user)) == "not_allowed"
    assert code(called(member(settings, RIGHTS[act], is_staff=False), act, user)) == "not_allowed"
    assert code(called(member(settings, RIGHTS[act], is_active=False), act, user)) == "not_authenticated"
    assert [row.action for row in AuditEvent.objects.all()] == [Action.ACCESS_REFUSED] * 2
    assert called(member(settings, RIGHTS[act]), act, user).status_code in (200, 202)


@pytest.mark.attack(16)
@pytest.mark.parametrize("act", [name for name in RIGHTS if name != "metrics"])
def test_a_session_counts_only_with_the_token_of_its_cookie(act: str) -> None:
    client, user = staff(RIGHTS[act]), UserFactory.create()
    assert code(called(client, act, user)) == "csrf_failed"
    client.get("/accounts/login/")
    token = client.cookies["csrftoken"].value
    assert code(called(client, act, user, HTTP_X_CSRFTOKEN="x" * 32)) == "csrf_failed"
    assert not AuditEvent.objects.exists()
    assert called(client, act, user, HTTP_X_CSRFTOKEN=token).status_code in (200, 202)
    strange = called(client, act, user, HTTP_X_CSRFTOKEN=token, HTTP_ORIGIN="https://evil.example")
    assert code(strange) == "origin_refused"


def test_the_token_is_asked_for_where_the_site_has_no_middleware_for_it(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "csrf" not in name]
    client, user = staff("recovery.diagnose"), UserFactory.create()
    assert code(called(client, "diagnose", user)) == "csrf_failed"
    client.get("/accounts/login/")
    token = client.cookies["csrftoken"].value
    assert called(client, "diagnose", user, HTTP_X_CSRFTOKEN=token).status_code == 200


@pytest.mark.attack(107)
@pytest.mark.parametrize("by_session", [True, False])
def test_a_call_without_the_right_is_on_the_trail_once(by_session: bool, settings: Any) -> None:
    client = staff("recovery.unlock") if by_session else member(settings, "recovery.unlock")
    client.get("/accounts/login/")
    token = client.cookies["csrftoken"].value
    assert code(called(client, "diagnose", UserFactory.create(), HTTP_X_CSRFTOKEN=token)) == "not_allowed"
    [row] = AuditEvent.objects.all()
    assert (row.action, row.actor_key) == (Action.ACCESS_REFUSED, str(client.user.pk))
    assert row.detail == {"page": "recovery_api:diagnose", "method": "POST"}


def test_who_is_signed_in_may_read_the_numbers() -> None:
    assert called(staff("recovery.view_rollup"), "metrics", None).status_code == 200


@pytest.mark.parametrize("act", ["diagnose", "reset", "unlock", "emails"])
@pytest.mark.parametrize("reason", ["", "  \t", "\x00", None, "x" * 501])
def test_each_call_asks_a_reason(act: str, reason: Any, settings: Any) -> None:
    user = UserFactory.create()
    response = staff_post(member(settings, RIGHTS[act]), act, {**body_of(act, user), "reason": reason})
    assert code(response) == "invalid"
    assert [error["field"] for error in problem(response)["errors"]] == ["reason"]
    assert not AuditEvent.objects.exists()


def test_a_link_by_staff_is_the_one_of_the_button_and_they_see_its_reference_alone(settings: Any) -> None:
    user, client = UserFactory.create(), member(settings, "recovery.send_reset")
    response = staff_post(client, "reset", {"user": str(user.pk)})
    assert response.status_code == 202
    row = ResetRequest.objects.get()
    assert response.json() == {"reference": row.shown_reference}
    assert (row.kind, row.user_key, row.actor_key, row.reason) == (
        Kind.ADMIN, str(user.pk), str(client.user.pk), REASON
    )  # fmt: skip
    assert AuditEvent.objects.get(action=Action.REQUESTED).reason == REASON
    work()
    assert [message.to for message in mail.outbox] == [[user.email]]
    row.refresh_from_db()
    assert row.outcome == Outcome.SENT


def test_past_the_cap_of_staff_no_link_is_sent_and_the_refusal_is_on_the_trail(settings: Any) -> None:
    user, client = UserFactory.create(), member(settings, "recovery.send_reset")
    settings.RECOVERY = {**settings.RECOVERY, "REQUEST_LIMITS": {"staff": (1, timedelta(hours=1))}}
    assert staff_post(client, "reset", {"user": str(user.pk)}).status_code == 202
    refused = staff_post(client, "reset", {"user": str(user.pk)})
    assert code(refused) == "staff_limit"
    assert 3500 <= int(refused.headers["Retry-After"]) <= 3600
    assert AuditEvent.objects.filter(action=Action.STAFF_REFUSED, detail__by="staff limit").count() == 1


def test_unlocking_lifts_all_that_stands_with_the_reason(settings: Any) -> None:
    user, client = UserFactory.create(), member(settings, "recovery.unlock")
    locked(user.get_username())
    assert staff_post(client, "unlock", {"user": str(user.pk)}).json() == {"lifted": 1, "refused": []}
    row = Lockout.objects.get()
    assert (row.lifter_key, row.lift_reason) == (str(client.user.pk), REASON)
    assert AuditEvent.objects.get(action=Action.UNLOCKED).reason == REASON
    assert staff_post(client, "unlock", {"user": str(user.pk)}).json() == {"lifted": 0, "refused": []}


def test_a_lock_by_staff_on_whoever_calls_stays_and_is_told_beside_what_ended(settings: Any) -> None:
    client, headers = member(settings, "recovery.unlock"), key()
    locked(client.user.get_username())
    lockouts.lock(client.user, actor=UserFactory.create(is_superuser=True), reason="suspected")
    for _ in range(2):
        done = staff_post(client, "unlock", {"user": str(client.user.pk)}, **headers)
        assert (done.status_code, done.json()["lifted"]) == (200, 1)
        assert "Ask a colleague" in done.json()["refused"][0]["detail"]
    again = staff_post(client, "unlock", {"user": str(client.user.pk)})
    assert (code(again), again.json()["errors"]) == ("not_allowed", done.json()["refused"])
    assert Lockout.objects.standing().get().kind == LockKind.STAFF


@pytest.mark.parametrize("act", ["reset", "unlock", "emails"])
@pytest.mark.parametrize("key", ["nobody", "999999", "9" * 40, "\x00", "\ud800", "-1"])
def test_somebody_who_is_not_there_is_not_found(act: str, key: str, settings: Any) -> None:
    response = staff_post(member(settings, RIGHTS[act]), act, {"user": f"{key}x" if key == "\x00" else key})
    assert code(response) in ("not_found", "invalid")
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("act", ["reset", "unlock", "emails"])
def test_somebody_out_of_reach_looks_like_nobody_and_the_try_is_on_the_trail(act: str, settings: Any) -> None:
    ada, client = UserFactory.create(username="ada"), member(settings, RIGHTS[act])
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    missing = staff_post(client, act, {"user": "999999"})
    hidden = staff_post(client, act, {"user": str(ada.pk)})
    assert hidden.content == missing.content
    assert hidden.status_code == missing.status_code == 404
    [row] = AuditEvent.objects.all()
    assert (row.action, row.user_key, row.reason) == (Action.STAFF_REFUSED, str(ada.pk), REASON)


class TestDiagnosis:
    """As ``recovery_diagnose --json``, within reach and masked."""

    def test_a_look_at_somebody_out_of_reach_says_nobody_and_the_try_is_on_the_trail(self, settings: Any) -> None:
        ada, client = UserFactory.create(username="ada"), member(settings, RIGHTS["diagnose"])
        settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
        assert staff_post(client, "diagnose", {"said": "ada"}).json()["found"][0]["subject"]["user"] == ""
        [row] = AuditEvent.objects.filter(action=Action.STAFF_REFUSED)
        assert (row.user_key, row.reason, row.detail) == (str(ada.pk), REASON, {"by": "MAY_ACT_ON"})

    def test_whoever_shares_an_address_with_somebody_out_of_reach_is_found_and_nothing_is_refused(
        self, settings: Any
    ) -> None:
        for name in ("ada", "bob"):
            UserFactory.create(username=name, email="both@example.com")
        client = member(settings, RIGHTS["diagnose"])
        settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
        [found] = staff_post(client, "diagnose", {"said": "both@example.com"}).json()["found"]
        assert found["subject"]["label"] == "bob"
        assert not AuditEvent.objects.filter(action=Action.STAFF_REFUSED).exists()

    def test_it_says_why_and_stays_on_the_trail(self, settings: Any) -> None:
        user, client = UserFactory.create(is_active=False), member(settings, "recovery.diagnose")
        reference = ask(program(), user.email).json()["reference"]
        work()
        [found] = staff_post(client, "diagnose", {"said": reference}).json()["found"]
        assert found["leading"]["code"] == "inactive_account"
        assert found["subject"]["user"] == str(user.pk)
        assert found["timeline"]
        row = AuditEvent.objects.get(action=Action.DIAGNOSED)
        assert (row.user_key, row.actor_key, row.reason) == (str(user.pk), str(client.user.pk), REASON)
        assert row.detail == {"cause": "inactive_account"}

    def test_addresses_are_masked_for_whoever_may_not_see_them(self, settings: Any) -> None:
        user = UserFactory.create(username="gwendolyn@example.com", email="gwendolyn@example.com")
        ask(program(), user.email)
        work()
        told = staff_post(member(settings, "recovery.diagnose"), "diagnose", {"said": user.email}).content.decode()
        assert "gwendolyn" not in told
        seeing = member(settings, "recovery.diagnose", "recovery.see_addresses")
        assert "gwendolyn@example.com" in staff_post(seeing, "diagnose", {"said": user.email}).content.decode()

    def test_somebody_out_of_reach_looks_like_nobody(self, settings: Any) -> None:
        UserFactory.create(username="ada")
        client = member(settings, "recovery.diagnose")
        settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
        hidden = staff_post(client, "diagnose", {"said": "ada"}).json()
        missing = staff_post(client, "diagnose", {"said": "eve"}).json()
        assert str(hidden).replace("ada", "eve") == str(missing)
        near = staff_post(client, "diagnose", {"said": "adaa"}).json()
        assert str(near).replace("adaa", "eve") == str(missing)

    @pytest.mark.parametrize("said", ["", "  ", "\x00", "x" * 255, ["ada"], None])
    def test_nothing_said_is_refused(self, said: Any, settings: Any) -> None:
        assert code(staff_post(member(settings, "recovery.diagnose"), "diagnose", {"said": said})) == "invalid"


class TestLog:
    """The email log in pages."""

    def mails(self, *users: Any) -> None:
        for user in users:
            ask(program(REMOTE_ADDR=f"192.0.2.{user.pk % 200}"), user.email)
        work()

    def test_pages_follow_each_other_without_gap_or_double(self, settings: Any) -> None:
        self.mails(*UserFactory.create_batch(5))
        client, seen, before = member(settings, "recovery.view_email"), [], {}
        for wanted in (2, 2, 1):
            page = staff_post(client, "emails", {"limit": 2, **before}).json()
            assert len(page["emails"]) == wanted
            seen += [mail["id"] for mail in page["emails"]]
            before = {"before": page["next"]}
        assert page["next"] is None
        assert seen == [str(key) for key in Email.objects.order_by("-pk").values_list("pk", flat=True)]

    def test_a_row_says_where_its_mail_is_and_masks_its_addresses(self, settings: Any) -> None:
        user = UserFactory.create(username="gwendolyn@example.com", email="gwendolyn@example.com")
        self.mails(user)
        Email.objects.update(subject=f"A link for {user.email}")  # as a site's own template may have it
        response = staff_post(member(settings, "recovery.view_email"), "emails", {})
        assert "gwendolyn" not in response.content.decode()
        [row] = response.json()["emails"]
        assert (row["kind"], row["state"], row["recipient"]) == ("reset", "handed_over", "g•••n@e•••e.com")
        assert row["subject"] == "A link for g•••n@e•••e.com"
        assert row["accounts"] == [{"user": str(user.pk), "name": "g•••n@e•••e.com"}]
        seeing = member(settings, "recovery.view_email", "recovery.see_addresses")
        assert staff_post(seeing, "emails", {}).json()["emails"][0]["recipient"] == user.email

    def test_it_is_read_by_person_and_by_reference(self, settings: Any) -> None:
        one, other = UserFactory.create_batch(2)
        self.mails(one, other)
        reference = ResetRequest.objects.get(identifier=other.email).shown_reference
        client = member(settings, "recovery.view_email")
        [by_person] = staff_post(client, "emails", {"user": str(other.pk)}).json()["emails"]
        [by_reference] = staff_post(client, "emails", {"reference": reference}).json()["emails"]
        assert by_person == by_reference
        [of_no_request] = outbox.queue(EmailKind.PASSWORD_CHANGED, [one.email], context={"username": "x"})
        assert staff_post(client, "emails", {"reference": "nothing"}).json() == {"emails": [], "next": None}
        assert staff_post(client, "emails", {}).json()["emails"][0]["id"] == str(of_no_request.pk)

    def test_mail_of_people_out_of_reach_is_left_out(self, settings: Any) -> None:
        ada, bob = UserFactory.create(username="ada"), UserFactory.create(username="bob")
        self.mails(ada, bob)
        client = member(settings, "recovery.view_email")
        settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
        found = staff_post(client, "emails", {}).json()["emails"]
        assert [mail["accounts"][0]["name"] for mail in found] == ["bob"]

    def test_each_page_that_is_read_is_one_row_of_the_trail(self, settings: Any) -> None:
        user = UserFactory.create()
        self.mails(user)
        client = member(settings, "recovery.view_email")
        staff_post(client, "emails", {"user": str(user.pk)})
        row = AuditEvent.objects.get(action=Action.LIST_READ)
        assert (row.actor_key, row.user_key, row.reason) == (str(client.user.pk), str(user.pk), REASON)
        assert row.detail == {"list": "email", "rows": 1}

    @pytest.mark.parametrize("wrong", [{"limit": 0}, {"limit": 101}, {"limit": True}, {"limit": "9"}, {"before": "x"}])
    def test_what_is_no_page_is_refused(self, wrong: dict[str, Any], settings: Any) -> None:
        assert code(staff_post(member(settings, "recovery.view_email"), "emails", wrong)) == "invalid"


def test_a_body_is_judged_after_who_calls(settings: Any) -> None:
    assert code(post(program(), "staff/reset/", b"{")) == "not_authenticated"
    assert code(post(member(settings, "recovery.send_reset"), "staff/reset/", b"{")) == "malformed"
