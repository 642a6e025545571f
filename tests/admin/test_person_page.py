"""One page per person over all requests: what it tells, to whom, and the ways there and back."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from recovery import accounts, cases, outbox, resets
from recovery.models import Email, Lockout, ResetRequest
from recovery.reasons import EmailKind
from tests.admin.files import came_back
from tests.admin.pages import ORIGIN, case_of, listed, reset_for
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.asking import ask, asked, browser, set_password, statements
from tests.factories import StaffFactory, UserFactory
from tests.following import let_pass, mailed_link, opened
from tests.ladder import with_backup
from tests.signing_in import locked

pytestmark = pytest.mark.django_db

VIEW = "recovery.view_resetrequest"
REST = ("email", "lockout", "supportcase", "suppression", "backupaddress", "auditevent")
ALL = (VIEW, *(f"recovery.view_{page}" for page in REST))


def story_of(user: Any) -> str:
    return listed("resetrequest", f"person/{accounts.key_of(user)}/")


def told(client: Client, user: Any) -> list[str]:
    return [row["word"] for row in client.get(story_of(user)).context["timeline"]]


def sections(client: Client, user: Any) -> dict[str, Any]:
    return {section["name"]: section["rows"] for section in client.get(story_of(user)).context["sections"]}


def test_two_requests_the_notice_and_a_lockout_are_one_story(ada: Any) -> None:
    mailed_link(ada)
    first = asked()
    locked("ada")
    let_pass(timedelta(minutes=2))
    set_password(*opened(mailed_link(ada)))
    second = asked()
    page = staff(*ALL).get(story_of(ada))
    steps = page.context["timeline"]
    words = [step["word"] for step in steps]
    assert words.count("requested") == 2
    assert words.index("locked") < words.index("opened") < words.index("completed")
    assert words[0] == "requested"
    assert {"locked", "unlocked"} < set(words)
    about = [str(step["about"]) for step in steps if step["word"] == "requested"]
    assert [first.shown_reference in about[0], second.shown_reference in about[1]] == [True, True]


def test_what_is_known_of_the_person_stands_in_tables_that_lead_to_their_rows(ada: Any, settings: Any) -> None:
    with_backup(ada)
    reset_for(ada)
    came_back(ada, settings)
    locked("ada")
    case = case_of(UserFactory())
    own = cases.open_by_hand(ada, actor=StaffFactory(), reason="called")
    found = sections(staff(*ALL), ada)
    assert set(found) == {"resetrequest", "email", "lockout", "supportcase", "suppression", "backupaddress"}
    assert own
    assert [row["url"] for row in found["supportcase"]] == [listed("supportcase", f"{own.pk}/change/")]
    assert str(case.pk) not in str(found)
    lockout = Lockout.objects.get(user_key=accounts.key_of(ada))
    assert [row["url"] for row in found["lockout"]] == [listed("lockout", f"{lockout.pk}/change/")]
    assert (
        "spare@example.net"
        not in staff(*ALL, "recovery.see_addresses")
        .get(story_of(ada))
        .content.decode()
        .split('id="recovery-backupaddress-heading"')[1]
        .split("</section>")[0]
    ), "a backup address is shown to nobody"


@pytest.mark.parametrize("page", REST)
def test_each_table_needs_its_own_right(page: str, ada: Any, settings: Any) -> None:
    with_backup(ada)
    reset_for(ada)
    came_back(ada, settings)
    locked("ada")
    cases.open_by_hand(ada, actor=StaffFactory(), reason="called")
    less = [right for right in ALL if right != f"recovery.view_{page}"]
    assert page not in sections(staff(*less), ada)
    if page == "lockout":
        assert "locked" not in told(staff(*less), ada)
    if page == "auditevent":
        assert "backup confirmed" not in told(staff(*less), ada)
        assert "backup confirmed" in told(staff(*ALL), ada)


def test_the_page_needs_the_right_to_see_requests(ada: Any) -> None:
    reset_for(ada)
    assert Client().get(story_of(ada)).status_code == 302
    assert staff(*ALL[1:], "recovery.see_addresses").get(story_of(ada)).status_code == 403
    assert staff(VIEW).get(story_of(ada)).status_code == 200
    assert superuser().post(story_of(ada)).status_code in (403, 405)


def test_addresses_are_masked_without_the_right_to_see_them(ada: Any) -> None:
    reset_for(ada)
    masked = staff(*ALL).get(story_of(ada)).content.decode()
    assert ada.email not in masked
    assert "a•••e@e•••e.com" in masked
    assert ada.email in staff(*ALL, "recovery.see_addresses").get(story_of(ada)).content.decode()


def test_somebody_out_of_reach_is_as_little_there_as_an_account_that_never_was(ada: Any, settings: Any) -> None:
    reset_for(ada)
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(*ALL)
    outside, nobody = client.get(story_of(ada)), client.get(listed("resetrequest", "person/987654321/"))
    assert outside.status_code == nobody.status_code == 404
    assert outside.content == nobody.content


def test_a_request_that_others_share_is_told_only_to_whoever_reaches_all_of_them(ada: Any, settings: Any) -> None:
    bob: Any = UserFactory(username="bob", email=ada.email)
    reset_for(bob)
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    found = sections(staff(*ALL), bob)
    assert found == {"resetrequest": []}
    assert told(staff(*ALL), bob) == []


def test_the_story_of_an_account_that_is_gone_can_still_be_read(ada: Any) -> None:
    reset_for(ada)
    path = story_of(ada)
    ada.delete()
    page = staff(*ALL).get(path)
    assert page.status_code == 200
    assert "there is no such account any more" in page.content.decode()
    assert "requested" in [row["word"] for row in page.context["timeline"]]


def test_a_request_that_no_worker_took_yet_is_told_by_the_name_that_was_typed(ada: Any) -> None:
    ask(browser(), ada.email.upper())
    assert told(staff(*ALL), ada) == ["requested"]


def test_who_sent_a_link_and_why_stands_in_the_story(ada: Any) -> None:
    robin: Any = StaffFactory(username="robin")
    resets.send_by_staff(ada, actor=robin, reason="ticket 4711", origin=ORIGIN)
    page = staff(*ALL).get(story_of(ada))
    [step] = [row for row in page.context["timeline"] if row["word"] == "requested"]
    assert "robin" in str(step["actor"])
    assert "ticket 4711" in step["detail"]


@pytest.mark.parametrize("page", ["email", "resetrequest", "supportcase", "lockout", "user"])
def test_the_story_is_one_click_from_each_page_about_the_person(page: str, ada: Any) -> None:
    request = reset_for(ada)
    locked("ada")
    own: dict[str, Any] = {
        "email": listed("email", f"{request.emails.get().pk}/change/"),
        "resetrequest": listed("resetrequest", f"{request.pk}/change/"),
        "supportcase": "",
        "lockout": listed("lockout", f"{Lockout.objects.get(user_key=accounts.key_of(ada)).pk}/change/"),
        "user": f"/admin/auth/user/{ada.pk}/change/",
    }
    if page == "supportcase":
        case = cases.open_by_hand(ada, actor=StaffFactory(), reason="called")
        assert case
        own[page] = listed(page, f"{case.pk}/change/")
    view = "auth.view_user" if page == "user" else f"recovery.view_{page}"
    assert f'href="{story_of(ada)}"' in staff(VIEW, view).get(own[page]).content.decode()
    if page != "resetrequest":
        assert story_of(ada) not in staff(view).get(own[page]).content.decode()
    back = staff(*ALL, "auth.view_user").get(story_of(ada)).content.decode()
    assert own[page] in back


def test_a_mail_for_several_accounts_leads_to_the_story_of_each(ada: Any) -> None:
    bob: Any = UserFactory(username="bob", email=ada.email)
    email = reset_for(ada).emails.get()
    body = staff(VIEW, "recovery.view_email").get(listed("email", f"{email.pk}/change/")).content.decode()
    assert f'<a href="{story_of(ada)}">Whole story: ada</a>' in body
    assert f'<a href="{story_of(bob)}">Whole story: bob</a>' in body


def test_reading_it_writes_nothing_and_takes_the_same_statements_for_one_request_as_for_twenty(ada: Any) -> None:
    reset_for(ada)
    locked("ada")
    client = staff(*ALL)
    client.get(story_of(ada))
    with statements() as few:
        client.get(story_of(ada))
    for number in range(25):
        request = ResetRequest.objects.create(identifier=ada.email, user_key=accounts.key_of(ada))
        resets.fulfil(request.pk)
        outbox.queue(EmailKind.PASSWORD_CHANGED, [f"{number}@example.com"], user_key=accounts.key_of(ada))
    assert Email.objects.count() > 25
    with statements() as many:
        page = client.get(story_of(ada))
    assert len(page.context["sections"][0]["rows"]) == 20
    assert "These are the newest." in page.content.decode()
    assert len(many.texts) <= len(few.texts) + 1
    assert not [sql for sql in many.texts if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(many.texts) <= 40
