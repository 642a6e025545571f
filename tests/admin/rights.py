"""The matrix of rights: who opens which page of the admin and who may do what. One line each, and no page without one.

V viewer, A agent, S senior agent, O security officer, U superuser; what rights these have is docs/roles.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from recovery.reasons import Action

READ: Final = {
    "recovery_rollup": "VASOU",
    "recovery_diagnosis": "ASOU",
    "recovery_incident": "SOU",
    "recovery_email": "VASOU",
    "recovery_resetrequest": "VASOU",
    "recovery_auditevent": "SOU",
    "recovery_routestate": "VASOU",
    "recovery_levelswitch": "OU",
    "recovery_sendingdomain": "VASOU",
    "recovery_lockout": "VASOU",
    "recovery_rotation": "OU",
    "recovery_rotationmember": "OU",
    "recovery_revocation": "OU",
    "recovery_supportcase": "VASOU",
    "recovery_backupaddress": "ASOU",
    "recovery_addresscorrection": "SOU",
    "recovery_bounce": "VASOU",
    "recovery_suppression": "VASOU",
    "recovery_rawevent": "OU",
    "auth_user": "VASOU",
}
"""Who opens the list, the page and the history of a row, and takes the list as a file."""

SHOWN: Final = {
    "recovery_diagnosis_person": "user",
    "recovery_diagnosis_request": "resetrequest",
    "recovery_diagnosis_email": "email",
    "recovery_email_preview": "email",
    "recovery_email_preview_html": "email",
    "recovery_resetrequest_person": "user",
}
"""Further pages that show something to the same people, and the row of the scene that they show."""

EDIT: Final = {"auth_user": "U"}
"""Who opens the pages that add and delete rows; for a model that is not named, nobody."""

REASON: Final = "asked by phone, ticket 4711"
WHY: Final = {"reason": REASON}
CONFIRMED: Final = {**WHY, "confirmed": "1"}


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that staff do: by which URL, to which row of the scene, who may, and what the trail says of it."""

    url: str
    row: str = ""
    rest: tuple[str, ...] = ()
    who: str
    done: Action | None = None
    """None: the trail says nothing, and rows differ."""
    data: Mapping[str, Any] = field(default_factory=lambda: WHY)
    action: str = ""
    """Of a list: the rows are ticked."""
    needs_reason: bool = True
    is_offered: bool = True
    """Whether a button leads there, from the list or the row's page, for everybody who may."""
    answers: int = 302
    is_idle: bool = False
    """Whether there is nothing to do in the scene: it is allowed, and that is all that is seen."""
    query: str = ""

    def __str__(self) -> str:
        return " ".join([self.url, *self.rest, self.action])


def _on_mail(row: str, verb: str, done: Action) -> Act:
    return Act(url="recovery_email_steer", row=row, rest=(verb,), who="SU", done=done)


def _decide(act: str) -> Act:
    url = "recovery_addresscorrection_decide"
    return Act(url=url, row="addresscorrection", rest=(act,), who="OU", done=Action.CORRECTION_ENDED)


def _reveal(url: str, row: str) -> Act:
    """Nobody needs the button who sees addresses anyway."""
    return Act(url=url, row=row, who="AU", done=Action.ADDRESS_REVEALED, answers=200, is_offered=False)


def _on_case(act: str, done: Action) -> Act:
    return Act(url="recovery_supportcase_work", row="supportcase", rest=(act,), who="ASOU", done=done)


def _on_list(url: str, row: str, action: str, who: str, done: Action) -> Act:
    return Act(url=url, row=row, action=action, who=who, done=done, data=CONFIRMED)


def _edit(url: str, row: str = "", **data: Any) -> Act:
    return Act(url=url, row=row, who="U", data=data, needs_reason=False, is_offered=False)


PASSWORDS: Final = {"password1": "seven quiet herons", "password2": "seven quiet herons", "usable_password": "true"}
CHANGED: Final = {
    "username": "mallory",
    "email": "guest@example.com",
    "date_joined_0": "2026-01-01",
    "date_joined_1": "00:00:00",
}

ACTS: Final = (
    _on_mail("deferred", "retry", Action.EMAIL_RETRIED),
    _on_mail("queued", "set_aside", Action.EMAIL_SET_ASIDE),
    _on_mail("withheld", "release", Action.EMAIL_RELEASED),
    _on_mail("queued", "stop", Action.EMAIL_STOPPED),
    Act(url="recovery_email_at_provider", row="email", who="SU", done=Action.PROVIDER_LIFT_ASKED),
    Act(  # what was lifted is undone, and in the scene nothing was
        url="recovery_suppression_stop", row="suppression", who="SU", is_offered=False, is_idle=True,
        needs_reason=False,
    ),
    Act(url="recovery_suppression_lift", row="suppression", who="SU", done=Action.SUPPRESSION_LIFTED),
    Act(
        url="recovery_routestate_switch", row="routestate", who="OU", done=Action.ROUTE_SWITCHED_OFF,
        data={**WHY, "to": "off"},
    ),
    Act(url="recovery_sendingdomain_check", who="SOU", done=Action.DOMAINS_CHECKED, needs_reason=False),
    Act(
        url="recovery_sendingdomain_test_mail", who="SOU", done=Action.TEST_MAIL_SENT,
        data={**WHY, "to": "ops@example.com", "audience": "default"},
    ),
    Act(url="recovery_levelswitch_change_level", who="OU", done=Action.LEVEL_CHANGED, data={**WHY, "level": "none"}),
    Act(url="recovery_lockout_lift", row="lockout", who="ASOU", done=Action.UNLOCKED),
    _on_list("recovery_lockout_changelist", "lockout", "lift_lockouts", "ASOU", Action.UNLOCKED),
    Act(url="recovery_rotation_act", row="rotation", rest=("renew",), who="OU", done=Action.ROTATION_RENEWED),
    Act(url="recovery_rotation_act", row="waiting", rest=("stop",), who="OU", done=Action.ROTATION_STOPPED),
    Act(
        url="recovery_incident_repair", who="SOU", is_offered=False, is_idle=True, needs_reason=False,
        query="?incident_cause=soft&incident_since=2026-01-01T00:00:00Z&incident_until=2026-01-02T00:00:00Z",
    ),
    Act(url="recovery_incident_stop", row="repair", who="SOU", done=Action.REPAIR_STOPPED, is_offered=False),
    Act(url="recovery_revocation_again", row="revocation", who="OU", done=Action.REVOKING_RETRIED),
    _decide("approve"),
    _decide("refuse"),
    _reveal("recovery_email_reveal", "email"),
    _reveal("recovery_resetrequest_reveal", "resetrequest"),
    Act(
        url="recovery_resetrequest_export_person", row="ada", who="OU", done=Action.PERSON_EXPORTED, answers=200,
        is_offered=False,
    ),
    _on_case("assign", Action.CASE_ASSIGNED),
    _on_case("note", Action.CASE_NOTED),
    _on_case("tell-again", Action.CASE_TOLD_AGAIN),
    _on_case("close", Action.CASE_CLOSED),
    Act(url="auth_user_send_reset_link", row="ada", who="ASU", done=Action.REQUESTED),
    Act(url="auth_user_send_activation_link", row="guest", who="ASU", done=Action.REQUESTED),
    Act(url="auth_user_activate_account", row="inactive", who="ASU", done=Action.ACCOUNT_ACTIVATED),
    Act(
        url="auth_user_correct_address", row="ada", who="SU", done=Action.ADDRESS_PROPOSED,
        data={**WHY, "address": "new@example.com"},
    ),
    Act(url="auth_user_open_case", row="guest", who="ASOU", done=Action.CASE_OPENED),
    Act(url="auth_user_unlock", row="ada", who="ASOU", done=Action.UNLOCKED),
    Act(url="auth_user_lock", row="guest", who="ASOU", done=Action.LOCKED),
    Act(url="auth_user_forget_devices", row="ada", who="SOU", done=Action.DEVICES_FORGOTTEN, is_offered=False),
    Act(url="auth_user_force_password", row="ada", who="OU", done=Action.ROTATION_STARTED),
    Act(url="auth_user_free_addresses", row="frozen", who="OU", done=Action.ADDRESSES_FREED),
    _on_list("auth_user_changelist", "ada", "send_reset_links", "ASU", Action.REQUESTED),
    _on_list("auth_user_changelist", "guest", "send_activation_links", "ASU", Action.REQUESTED),
    _on_list("auth_user_changelist", "ada", "unlock_people", "ASOU", Action.UNLOCKED),
    _on_list("auth_user_changelist", "ada", "force_rotations", "OU", Action.ROTATION_STARTED),
    Act(
        url="auth_user_changelist", row="guest", action="delete_selected", who="U", data={"post": "yes"},
        needs_reason=False,
    ),
    Act(
        url="recovery_auditevent_report", rest=("csv",), who="OU", done=Action.EXPORTED, data={}, needs_reason=False,
        answers=200,
    ),
    _edit("auth_user_add", username="mallory", **PASSWORDS),
    _edit("auth_user_change", "guest", **CHANGED),
    _edit("auth_user_delete", "guest", post="yes"),
    _edit("auth_user_password_change", "guest", **PASSWORDS),
)  # fmt: skip
