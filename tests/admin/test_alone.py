"""Case 112: a member of staff as the attacker. Whatever their role, a reset that they start brings them into no
account: they read no link, set no password over it, and no address of theirs gets it."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.urls import reverse

from recovery import sweep
from recovery.models import AddressCorrection, AuditEvent, Email, ResetRequest
from recovery.reasons import Action
from tests.admin.posting import REASON, USERS, form_of
from tests.admin.roles import NAMES, Role
from tests.asking import NEW_PASSWORD, ask, browser, links, set_password, work
from tests.factories import PASSWORD, UserFactory
from tests.following import let_pass, selector_of, verifier_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.attack(112)]

each_role = pytest.mark.parametrize("letter", NAMES)
SENDERS, CORRECTORS = "ASU", "SU"
OLD, THIEFS = "ada@old.example", "thief@evil.example"


@pytest.fixture
def ada() -> Any:
    return UserFactory.create(username="ada", email=OLD)


def sends(role: Role, user: Any) -> bool:
    """Whether the role may start a reset for her; workers have done what is due. Whoever may not waits for hers."""
    answer = role.post(f"{USERS}{user.pk}/send-reset-link/", {"reason": REASON})
    assert answer.status_code == (302 if role.letter in SENDERS else 403)
    if role.letter not in SENDERS:
        ask(browser(), user.email)
    work()
    return role.letter in SENDERS


def unchanged(user: Any) -> bool:
    user.refresh_from_db()
    return bool(user.email == OLD and user.check_password(PASSWORD))


@each_role
def test_no_page_file_or_preview_shows_them_the_link(letter: str, ada: Any) -> None:
    role = Role(letter, frozenset())
    sends(role, ada)
    [link] = links(mail.outbox[-1])
    role.secrets = frozenset({verifier_of(link), selector_of(link)})
    email, request = Email.objects.get(), ResetRequest.objects.get()
    shown = {"person": ada, "request": request, "email": email}
    rows = {"email": email, "resetrequest": request, "auditevent": AuditEvent.objects.latest("pk")}
    paths = [
        f"{USERS}{ada.pk}/change/",
        reverse("admin:recovery_resetrequest_person", args=[ada.pk]),
        *(reverse(f"admin:recovery_diagnosis_{what}", args=[row.pk]) for what, row in shown.items()),
        *(reverse(f"admin:recovery_email_{page}", args=[email.pk]) for page in ("preview", "preview_html")),
        *(reverse(f"admin:recovery_{name}_change", args=[row.pk]) for name, row in rows.items()),
    ]
    files = [reverse(f"admin:recovery_{name}_export", args=[form]) for name in rows for form in ("csv", "jsonl")]
    seen = [*map(role.get, paths), *map(role.post, files)]
    assert {answer.status_code for answer in seen} <= {200, 403}
    assert sum(answer.status_code == 200 for answer in seen) >= 8


@each_role
def test_they_set_no_password_over_it_nor_beside_it(letter: str, ada: Any) -> None:
    role = Role(letter, frozenset())
    sends(role, ada)
    [link] = links(mail.outbox[-1])
    assert set_password(role.client, f"/recovery/reset/{selector_of(link)}/").status_code != 302
    passwords = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    assert role.post(reverse("admin:auth_user_password_change", args=[ada.pk]), passwords).status_code in (403, 404)
    role.post(f"{USERS}{ada.pk}/change/", {**form_of(ada), "password": "a hash of theirs"})
    assert unchanged(ada)


@each_role
def test_they_bring_the_link_to_no_address_of_theirs(letter: str, ada: Any) -> None:
    role = Role(letter, frozenset())
    proposed = role.post(f"{USERS}{ada.pk}/correct-address/", {"reason": REASON, "address": THIEFS})
    assert proposed.status_code == (302 if letter in CORRECTORS else 403)
    role.post(f"{USERS}{ada.pk}/change/", form_of(ada, email=THIEFS))
    for correction in AddressCorrection.objects.all():
        role.post(
            reverse("admin:recovery_addresscorrection_decide", args=[correction.pk, "approve"]), {"reason": REASON}
        )
    sends(role, ada)
    for typed in (THIEFS, "ada", OLD):
        let_pass(timedelta(minutes=2))
        ask(browser(), typed)
        work()
    sweep.sweep()
    assert unchanged(ada)
    assert {message.to[0] for message in mail.outbox} == {OLD}


@each_role
def test_who_started_it_is_recorded_and_the_person_is_told(letter: str, ada: Any) -> None:
    role = Role(letter, frozenset())
    by_staff = sends(role, ada)
    lines = AuditEvent.objects.filter(action=Action.REQUESTED).values_list("actor_key", "user_key", "reason")
    mine = (str(role.member.pk), str(ada.pk), REASON)
    assert (mine in list(lines)) == by_staff
    assert [message.to for message in mail.outbox] == [[OLD]]
