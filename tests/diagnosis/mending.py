"""What staff do with the button that a finding offers: each fix by its own page in the admin."""

from typing import Any

from recovery import sweep
from recovery.diagnosis import Explanation
from recovery.models import Email
from recovery.reasons import EmailState, Fix
from tests.admin.posting import REASON, USERS, posted
from tests.admin.staff import superuser
from tests.asking import work

BUTTONS = frozenset(
    {
        Fix.SEND_NEW_LINK, Fix.ACTIVATE, Fix.REACTIVATE_ACCOUNT, Fix.UNLOCK, Fix.LIFT_SUPPRESSION, Fix.LIFT_AT_PROVIDER,
        Fix.CORRECT_ADDRESS, Fix.DECIDE_CORRECTION, Fix.RETRY_MAIL, Fix.SWITCH_ROUTE, Fix.RAISE_LEVEL, Fix.CLOSE_CASE,
    }
)  # fmt: skip
"""Fixes that this app has a button for; the others are for people to do."""
ROW_PAGES = {
    Fix.DECIDE_CORRECTION: ("recovery.addresscorrection", "decide/approve"),
    Fix.UNLOCK: ("recovery.lockout", "lift"),
    Fix.CLOSE_CASE: ("recovery.supportcase", "work/close"),
}
RIGHT_ADDRESS = "right@new.example"


def press(found: Explanation) -> None:
    """Do what the leading cause offers, with the row that it names, and let workers work."""
    finding, user = found.leading, found.subject.user
    model, key = finding.fix_target or ("", "")
    client = superuser()
    match finding.fix:
        case Fix.SEND_NEW_LINK:
            _of_person(client, model, key, "send-reset-link")
        case Fix.ACTIVATE:
            _of_person(client, model, key, "send-activation-link")
        case Fix.REACTIVATE_ACCOUNT:
            _of_person(client, model, key, "activate-account")
            _of_person(client, model, key, "send-reset-link")
        case Fix.CORRECT_ADDRESS:
            _of_person(client, model, key, "correct-address", address=RIGHT_ADDRESS)
            _of_person(client, model, key, "send-reset-link")
        case Fix.DECIDE_CORRECTION | Fix.UNLOCK | Fix.CLOSE_CASE:
            _of_row(client, model, key, *ROW_PAGES[finding.fix])
        case Fix.LIFT_SUPPRESSION:
            _of_row(client, model, key, "recovery.suppression", "lift")
            send_to(user)
        case Fix.LIFT_AT_PROVIDER:
            _of_row(client, model, key, "recovery.email", "at-provider")
            send_to(user)
        case Fix.RETRY_MAIL:
            verb = "release" if Email.objects.get(pk=key).state == EmailState.WITHHELD else "retry"
            _of_row(client, model, key, "recovery.email", f"steer/{verb}")
        case Fix.SWITCH_ROUTE:
            _of_row(client, model, key, "recovery.routestate", "switch", to="on")
        case Fix.RAISE_LEVEL:
            path = "/admin/recovery/levelswitch/change-level/"
            assert posted(client, path, level="all", release="on", reason=REASON).status_code == 200
    work()
    sweep.sweep()


def send_to(user: Any) -> None:
    """Send a new link to whoever the page is about, to their address that was lifted."""
    assert posted(superuser(), f"{USERS}{user.pk}/send-reset-link/", reason=REASON).status_code == 200


def _of_person(client: Any, model: str, key: str, page: str, **data: str) -> None:
    assert model == "auth.user"
    assert posted(client, f"{USERS}{key}/{page}/", reason=REASON, **data).status_code == 200


def _of_row(client: Any, model: str, key: str, wanted: str, page: str, **data: str) -> None:
    assert model == wanted
    name = model.partition(".")[2]
    assert posted(client, f"/admin/recovery/{name}/{key}/{page}/", reason=REASON, **data).status_code == 200
