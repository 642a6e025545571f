"""The diagnosis page: who may look, what is typed and where it goes, what stands on the trail, and the way back."""

from typing import Any

import pytest
from django.test import Client
from django.utils.html import escape

from recovery import accounts, intake, outbox, resets
from recovery.models import AuditEvent, Email, Lockout, ResetRequest
from recovery.reasons import Action, EmailKind, Fix
from tests.admin.files import came_back
from tests.admin.pages import ORIGIN, listed, reset_for
from tests.admin.posting import REASON, posted
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.asking import statements
from tests.factories import UserFactory
from tests.following import failing, mailed_link, opened
from tests.signing_in import locked

pytestmark = pytest.mark.django_db

RIGHT = "recovery.diagnose"
BOX = listed("diagnosis")


def page_of(user: Any) -> str:
    return listed("diagnosis", f"person/{accounts.key_of(user)}/")


def looked_up(client: Client, said: str) -> Any:
    return posted(client, BOX, said=said)


def trail() -> list[tuple[str, str, str]]:
    lines = AuditEvent.objects.filter(action=Action.DIAGNOSED).order_by("pk")
    return [(line.actor_key, line.user_key, line.detail.get("cause", "")) for line in lines]


@pytest.mark.attack(107)
@pytest.mark.parametrize("way", ["box", "person", "request", "email"])
def test_a_look_at_somebody_out_of_scope_is_on_the_trail_once(way: str, ada: Any, settings: Any) -> None:
    request = reset_for(ada)
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(RIGHT)
    if way == "box":
        assert looked_up(client, "ada.lovelace@example.com").context["subject"].user is None
    else:
        key = {"person": ada.pk, "request": request.pk, "email": request.emails.get().pk}[way]
        assert client.get(listed("diagnosis", f"{way}/{key}/")).status_code == 404
    [row] = AuditEvent.objects.filter(action=Action.STAFF_REFUSED)
    assert (row.user_key, row.detail) == (accounts.key_of(ada), {"by": "MAY_ACT_ON"})


@pytest.mark.parametrize(
    "way", ["name", "address", "reference", "spoken reference", "message id", "provider's id", "key"]
)
def test_whatever_the_caller_says_leads_to_the_answer(way: str, ada: Any) -> None:
    request = reset_for(ada)
    email = request.emails.get()
    Email.objects.filter(pk=email.pk).update(esp_message_id="a1b2-c3d4")
    said = {
        "name": "ada",
        "address": " Ada.Lovelace@Example.com ",
        "reference": request.shown_reference,
        "spoken reference": request.reference.lower(),
        "message id": f"<{email.pk}@mail.example.com>",
        "provider's id": "<a1b2-c3d4>",
        "key": accounts.key_of(ada),
    }[way]
    answer = looked_up(staff(RIGHT), said)
    assert answer.status_code == 200
    assert answer.redirect_chain, "the answer has a URL of its own"
    assert "lovelace" not in answer.redirect_chain[0][0].lower()
    assert answer.context["subject"].user == ada
    assert escape(answer.context["leading"]["sentence"]) in answer.content.decode()


def test_an_address_never_stands_in_a_url_or_on_the_trail(ada: Any) -> None:
    answer = looked_up(staff(RIGHT), "nobody.at.all@example.com")
    assert answer.redirect_chain == []
    assert answer.context["leading"]["code"] == "unknown_account"
    body = answer.content.decode()
    assert not [word for word in body.split('"') if "nobody.at.all" in word and word.startswith("/")]
    assert "nobody.at.all" not in str(list(AuditEvent.objects.values()))
    assert staff(RIGHT).get(BOX, {"said": ada.email}).context.get("leading") is None


def test_the_pages_need_their_own_right(ada: Any) -> None:
    request = reset_for(ada)
    pages = [BOX, page_of(ada), listed("diagnosis", f"request/{request.pk}/")]
    pages.append(listed("diagnosis", f"email/{request.emails.get().pk}/"))
    other = staff("recovery.view_resetrequest", "recovery.view_email", "recovery.send_reset", "recovery.see_addresses")
    agent = staff(RIGHT)
    for page in pages:
        assert Client().get(page).status_code == 302
        assert other.get(page).status_code == 403
        assert agent.get(page).status_code == 200
    assert posted(other, BOX, "/admin/", said="ada").status_code == 403
    assert "/admin/recovery/diagnosis/" in staff(RIGHT).get("/admin/").content.decode()
    assert "/admin/recovery/diagnosis/" not in other.get("/admin/").content.decode()
    actor = accounts.key_of(agent.user)  # type: ignore[attr-defined]
    assert [line[:2] for line in trail()] == [(actor, accounts.key_of(ada))] * 3, "who may not look is not noted"


def test_each_look_is_on_the_trail_with_who_at_whom_and_what_led(ada: Any) -> None:
    reset_for(ada)
    client = staff(RIGHT)
    actor = accounts.key_of(client.user)  # type: ignore[attr-defined]
    answer = looked_up(client, "ada")
    code = answer.context["leading"]["code"]
    assert trail() == [(actor, accounts.key_of(ada), code)]
    looked_up(client, "nobody")
    assert trail()[1:] == [(actor, "", "unknown_account")]


def test_a_look_that_cannot_be_noted_shows_nothing(ada: Any) -> None:
    client = staff(RIGHT)
    reset_for(ada)
    assert client.get(page_of(ada)).status_code == 200
    client.raise_request_exception = False
    with failing("INSERT.*recovery_auditevent"):
        answer = client.get(page_of(ada))
    assert answer.status_code == 500


def test_somebody_out_of_reach_is_as_little_there_as_nobody(ada: Any, settings: Any) -> None:
    request = reset_for(ada)
    email = request.emails.get()
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(RIGHT, "recovery.see_addresses")
    for said in ("ada", ada.email, request.shown_reference, str(email.pk), accounts.key_of(ada)):
        answer = looked_up(client, said)
        assert answer.redirect_chain == []
        assert answer.context["leading"]["code"] == "unknown_account"
        assert [finding["code"] for finding in answer.context["others"]] == []
    for page in (
        page_of(ada),
        listed("diagnosis", f"request/{request.pk}/"),
        listed("diagnosis", f"email/{email.pk}/"),
        listed("diagnosis", "person/987654321/"),
        listed("diagnosis", "request/0190163d-8694-739b-aea5-966c26f8ad91/"),
    ):
        assert client.get(page).status_code == 404


def test_addresses_and_what_a_server_said_are_masked_without_the_right_to_see_them(ada: Any, settings: Any) -> None:
    email = came_back(ada, settings, words=f"550 5.1.1 <{ada.email}>: no such user")
    path = listed("diagnosis", f"email/{email.pk}/")
    masked = staff(RIGHT, "recovery.view_email", "recovery.view_bounce").get(path).content.decode()
    assert "550 5.1.1" in masked
    assert ada.email not in masked
    assert ada.email in staff(RIGHT, "recovery.view_email", "recovery.see_addresses").get(path).content.decode()


def test_of_several_people_who_are_meant_one_is_chosen(ada: Any) -> None:
    bob: Any = UserFactory(username="bob", email=ada.email)
    request = reset_for(ada)
    client = staff(RIGHT)
    for answer in (looked_up(client, ada.email), client.get(listed("diagnosis", f"request/{request.pk}/"))):
        people = answer.context["people"]
        assert [person["name"] for person in people] == ["ada", "bob"]
        assert "leading" not in answer.context
        chosen = client.get(people[1]["url"])
        assert chosen.context["subject"].user == bob
    assert {line[1] for line in trail()} == {accounts.key_of(ada), accounts.key_of(bob)}


def test_the_button_leads_to_the_act_and_the_act_back_to_the_diagnosis(ada: Any) -> None:
    locked("ada")
    rights = ("auth.view_user", "recovery.view_lockout", "recovery.unlock", "recovery.send_reset")
    client = staff(RIGHT, *rights)
    page = client.get(page_of(ada))
    assert page.context["leading"]["code"] == "locked"
    button = page.context["leading"]["button"]
    assert f'href="{button.url.replace("&", "&amp;")}"' in page.content.decode()
    asking = client.get(button.url)
    assert f'<a href="{page_of(ada)}" class="closelink">' in asking.content.decode()
    after = posted(client, button.url, reason=REASON)
    assert after.redirect_chain == [(page_of(ada), 302)]
    assert "1 lockout is lifted." in after.content.decode()
    assert after.context["leading"]["code"] != "locked"
    offered = [after.context["leading"]["button"], *after.context["further"]]
    [sending] = [each for each in offered if each and each.fix == Fix.SEND_NEW_LINK]
    sent = posted(client, sending.url, reason=REASON)
    assert sent.redirect_chain == [(page_of(ada), 302)]
    assert ResetRequest.objects.get().reason == REASON


def test_without_the_right_to_mend_there_is_no_button_and_it_says_so(ada: Any) -> None:
    locked("ada")
    page = staff(RIGHT, "auth.view_user", "recovery.view_lockout").get(page_of(ada))
    assert page.context["leading"]["fix"] == "unlock"
    assert page.context["leading"]["button"].url == ""
    assert "ask a colleague who has" in page.content.decode()
    assert "/lift/" not in page.content.decode()


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_an_act_leads_back_to_this_site_alone(to: str, ada: Any) -> None:
    client = superuser()
    path = f"/admin/auth/user/{ada.pk}/open-case/"
    asking = client.get(path, {"next": to})
    assert "evil" not in asking.content.decode().split('<div class="submit-row">')[1]
    client.handler.enforce_csrf_checks = False
    answer = client.post(f"{path}?next={to}", {"reason": REASON})
    assert answer.url == f"/admin/auth/user/{ada.pk}/change/"


def test_the_box_and_the_pages_read_and_note_and_do_nothing_else(ada: Any) -> None:
    reset_for(ada)
    locked("ada")
    client = staff(RIGHT)
    client.get(page_of(ada))
    with statements() as made:
        client.get(page_of(ada))
    writing = [text for text in made.texts if text.split()[0] in ("INSERT", "UPDATE", "DELETE")]
    assert len(writing) == 1
    assert "recovery_auditevent" in writing[0]
    with statements() as made:
        assert client.get(BOX).status_code == 200
    assert [text for text in made.texts if text.split()[0] in ("INSERT", "UPDATE", "DELETE")] == []


def test_a_busy_person_takes_no_more_statements_than_a_quiet_one(ada: Any) -> None:
    request = reset_for(ada)
    client = staff(RIGHT, "recovery.view_email", "recovery.view_resetrequest", "auth.view_user")
    client.get(page_of(ada))
    with statements() as few:
        client.get(page_of(ada))
    for number in range(20):
        outbox.queue(EmailKind.PASSWORD_CHANGED, [f"{number}@example.com"], user_key=accounts.key_of(ada))
        resets.fulfil(intake.ask(ada.email, origin=ORIGIN).pk)
    with statements() as many:
        client.get(listed("diagnosis", f"request/{request.pk}/"))
    assert len(many.texts) <= len(few.texts) + 10
    assert len(many.texts) <= 70


def test_nothing_on_the_page_leads_to_the_link(ada: Any) -> None:
    link = mailed_link(ada)
    opened(link)
    selector, verifier = link.split("/")[3:5]
    body = superuser().get(page_of(ada)).content.decode()
    assert selector not in body
    assert verifier not in body


@pytest.mark.parametrize("page", ["user", "email", "resetrequest", "lockout", "story"])
def test_the_diagnosis_is_one_click_from_each_page_about_the_person(page: str, ada: Any) -> None:
    request = reset_for(ada)
    locked("ada")
    email = request.emails.get()
    pages = {
        "user": (f"/admin/auth/user/{ada.pk}/change/", page_of(ada)),
        "email": (listed("email", f"{email.pk}/change/"), listed("diagnosis", f"email/{email.pk}/")),
        "resetrequest": (
            listed("resetrequest", f"{request.pk}/change/"),
            listed("diagnosis", f"request/{request.pk}/"),
        ),
        "lockout": (listed("lockout", f"{Lockout.objects.get(user_key=str(ada.pk)).pk}/change/"), page_of(ada)),
        "story": (listed("resetrequest", f"person/{ada.pk}/"), page_of(ada)),
    }
    view = {"user": "auth.view_user", "story": "recovery.view_resetrequest"}.get(page, f"recovery.view_{page}")
    own, way = pages[page]
    assert f'href="{way}"' in staff(RIGHT, view).get(own).content.decode()
    assert f'href="{way}"' not in staff(view).get(own).content.decode()


def test_the_words_for_their_it_name_our_sender_and_the_message_to_whoever_sees_no_addresses(
    ada: Any, settings: Any
) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "FROM_EMAIL": "Library <Accounts@library.example>"}
    email = came_back(ada, settings, words=f"550 5.7.1 <{ada.email}>: Message rejected due to local policy")
    words = looked_up(staff(RIGHT), str(email.pk)).context["leading"]["words"]
    assert "Library <Accounts@library.example>" in words
    assert str(email.pk) in words
    assert ada.email not in words
