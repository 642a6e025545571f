"""Site mail, bounces, suppressions and asks name an address and no account: staff who reach some people see theirs, and
cannot tell from what they see whether somebody out of their reach is there."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from recovery import audit, suppressions
from recovery.models import Bounce, Email, Lockout, ResetRequest, Suppression
from recovery.reasons import Action, EmailKind, EmailState, LockKind, Outcome
from tests.admin.pages import listed
from tests.admin.staff import ALL_BUT_ADA, staff
from tests.api.calling import member, staff_post
from tests.asking import ask, browser, work
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

ADA, BOB, BOTH, NOBODY = "ada@example.com", "bob@example.com", "both@example.com", "nobody@elsewhere.example"
RIGHTS = ("recovery.view_email", "recovery.view_bounce", "recovery.view_suppression", "recovery.diagnose")


@pytest.fixture(autouse=True)
def told() -> None:
    """A mail of the site's own to each of them, which came back and is suppressed."""
    for name, address in (("ada", ADA), ("bob", BOB)):
        UserFactory.create(username=name, email=address)
        UserFactory.create(username=f"{name}s-other", email=BOTH)
    get = Suppression.objects.get
    for address in (ADA, BOB.upper(), BOTH, NOBODY):
        key = address.lower()
        facts = {"recipient": address, "recipient_key": key, "subject": "Invoice", "state": EmailState.BOUNCED}
        email = Email.objects.create(kind=EmailKind.SITE, send_by="2026-11-29T08:00Z", **facts)
        Bounce.objects.create(email=email, recipient_key=key, bounce_class="hard", rule="smtp:550")
        suppressions.add(key, reason="complained", source="ours", kind="locked")
        assert get(address_key=key)


def pages(client: Any) -> list[set[str]]:
    rows = {page: client.get(listed(page)).context["cl"].result_list for page in ("email", "bounce", "suppression")}
    seen = [{getattr(row, "recipient_key", "") or row.address_key for row in found} for found in rows.values()]
    for page, found in rows.items():
        for row in {"email": Email, "bounce": Bounce, "suppression": Suppression}[page].objects.all():
            is_there = client.get(listed(page, f"{row.pk}/change/")).status_code == 200
            assert is_there == (row in found), page
    return seen


def diagnosed(client: Any) -> set[str]:
    page = "/admin/recovery/diagnosis/email/{}/"
    return {row.recipient_key for row in Email.objects.all() if client.get(page.format(row.pk)).status_code == 200}


def reached_by_api(client: Any) -> set[str]:
    keys = {row["id"] for row in staff_post(client, "emails", {}).json()["emails"]}
    return set(Email.objects.filter(pk__in=keys).values_list("recipient_key", flat=True))


EVERYBODY = {ADA, BOB, BOTH, NOBODY}


def test_without_a_limit_all_of_it_is_seen(settings: Any) -> None:
    client = staff(*RIGHTS)
    assert pages(client) == [EVERYBODY] * 3
    assert reached_by_api(member(settings, "recovery.view_email")) == EVERYBODY


def but_for_ada(actor: Any, user: Any) -> bool:
    return not user.get_username().startswith("ada")


def test_staff_of_a_workspace_see_what_went_to_addresses_of_their_people_alone(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.but_for_ada"}
    client = staff(*RIGHTS)
    assert pages(client) == [{BOB}] * 3
    assert reached_by_api(member(settings, "recovery.view_email")) == {BOB}
    assert ADA not in diagnosed(client)
    assert NOBODY not in diagnosed(client)


def test_what_went_to_nobodys_address_is_for_superusers(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    boss = staff(is_superuser=True)
    assert pages(boss) == [{BOB, BOTH, NOBODY}] * 3
    assert NOBODY in diagnosed(boss)
    assert ADA not in diagnosed(boss)


def doors_of(actor: Any) -> list[str] | None:
    return [actor.username] if actor.username in ("default", "portal") else None


@pytest.mark.parametrize(("door", "seen"), [("default", EVERYBODY), ("portal", set()), ("boss", EVERYBODY)])
def test_staff_of_some_doors_see_what_is_of_their_people_and_the_default_door_what_is_nobodys(
    door: str, seen: set[str], settings: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "STAFF_AUDIENCES": f"{__name__}.doors_of"}
    assert pages(staff(*RIGHTS, username=door))[0] == seen


def told_of(request: ResetRequest, client: Any, api: Any) -> str:
    """All that a member of staff learns who has the reference of an ask, without what is told of any."""
    reference = request.shown_reference
    told: list[Any] = [
        len(client.get(listed(page, f"?q={reference}")).context["cl"].result_list)
        for page in ("resetrequest", "auditevent", "email")
    ]
    told.append(client.get(listed("resetrequest", f"{request.pk}/change/")).status_code)
    told.append(client.get(f"/admin/recovery/diagnosis/request/{request.pk}/").status_code)
    told.append(staff_post(api, "diagnose", {"said": reference}).json())
    told.append(staff_post(api, "emails", {"reference": reference}).json())
    return str(told).replace(reference, "REFERENCE")


@pytest.mark.parametrize("stage", [Outcome.RECEIVED, Outcome.SENT, Outcome.THROTTLED])
def test_an_ask_for_nobody_looks_like_one_for_somebody_out_of_reach(stage: Outcome, settings: Any) -> None:
    limits = {"address": (1, timedelta(hours=1))}
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.but_for_ada", "REQUEST_LIMITS": limits}
    seen, api = {}, member(settings, "recovery.view_email", "recovery.diagnose")
    client = staff(*RIGHTS, "recovery.view_resetrequest", "recovery.view_auditevent")
    for address in (ADA, BOB, "nobody@example.com"):
        for _time in range(2 if stage == Outcome.THROTTLED else 1):
            ask(browser(), address)
        if stage != Outcome.RECEIVED:
            work()
        seen[address] = told_of(asked(address, stage), client, api)
    assert seen[ADA] == seen["nobody@example.com"]
    assert seen[BOB].startswith("[1, ") or stage == Outcome.THROTTLED


def asked(address: str, stage: Outcome) -> ResetRequest:
    newest = ResetRequest.objects.filter(identifier=address).latest("pk")
    assert (newest.outcome == stage) or (stage == Outcome.SENT and address.startswith("nobody"))
    return newest


def test_a_locked_name_that_nobody_has_is_for_whoever_sees_strangers_and_a_place_for_all(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.but_for_ada"}
    rows = {
        kind: Lockout.objects.create(kind=kind, counter_key=number, since=timezone.now())
        for number, kind in enumerate((LockKind.ACCOUNT, LockKind.SOURCE))
    }
    for kind, row in rows.items():
        audit.record(Action.LOCKED, lockout=str(row.pk), kind=str(kind))
    of_purged = audit.record(Action.DECIDED, request_id=uuid4(), outcome=Outcome.NO_ACCOUNT)
    for client, kinds in (
        (staff("recovery.view_lockout", "recovery.view_auditevent"), {LockKind.SOURCE}),
        (staff(is_superuser=True), set(rows)),
    ):
        seen = {row.kind for row in client.get(listed("lockout")).context["cl"].result_list}
        found = client.get(listed("auditevent", "?action__exact=sign_in.locked")).context["cl"].result_list
        noted = {row.detail["kind"] for row in found}
        assert (seen, noted) == (kinds, {str(kind) for kind in kinds})
        is_there = client.get(listed("auditevent", f"{of_purged.pk}/change/")).status_code == 200
        assert is_there == (LockKind.ACCOUNT in kinds), "what is about a purged request may have meant anybody"


def test_a_bounce_without_its_mail_is_of_the_account_that_it_names(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.but_for_ada"}
    keys = {user.username: str(user.pk) for user in UserFactory._meta.model.objects.all()}
    for name in ("ada", "bob"):
        facts = {"bounce_class": "hard", "rule": "smtp:550", "user_key": keys[name]}
        Bounce.objects.create(recipient_key=f"{name}@former.example", **facts)
    seen = {row.recipient_key for row in staff(*RIGHTS).get(listed("bounce")).context["cl"].result_list}
    assert seen == {BOB, "bob@former.example"}


def test_an_address_that_several_share_is_of_all_to_whom_mail_went(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{__name__}.but_for_ada"}
    ask(browser(), BOTH)
    work()
    UserFactory._meta.model.objects.filter(username="adas-other").update(email="moved@example.com")
    row = Suppression.objects.get(address_key=BOTH)
    client = staff(*RIGHTS, "recovery.lift_suppression", "recovery.view_auditevent")
    audit.record(Action.EMAIL_RETRIED, email=Email.objects.get(kind=EmailKind.RESET, recipient=BOTH))
    assert not client.get(listed("auditevent", "?action__exact=email.retried")).context["cl"].result_list
    assert BOTH not in {each.address_key for each in client.get(listed("suppression")).context["cl"].result_list}
    assert client.get(listed("suppression", f"{row.pk}/lift/")).status_code == 404
