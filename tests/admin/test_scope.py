"""The site's own user pages with ``MAY_ACT_ON``: whom a member of staff does not reach looks like not existing."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model

from recovery import accounts
from recovery.models import ResetRequest
from tests.admin.posting import (
    REASON,
    RIGHTS,
    USERS,
    addresses_editable_in_the_list,
    asking_page_of,
    edited_in_the_list,
    form_of,
    page_of,
    posted,
    said,
    ticked,
)
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ada_is_out_of_scope(settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}


@pytest.fixture
def bob() -> Any:
    return UserFactory(username="bob", email="bob@example.com")


def test_the_list_leaves_them_out(ada: Any, bob: Any) -> None:
    rows = superuser().get(USERS).context["cl"].result_list
    assert bob in rows
    assert ada not in rows


@pytest.mark.parametrize("query", ["?q=ada", "?email__startswith=ada.l", "?q=ada&all=", "?q=ada&_facets=True"])
def test_whatever_would_find_them_finds_and_counts_nobody(query: str, ada: Any, bob: Any) -> None:
    answer = superuser().get(USERS + query)
    assert list(answer.context["cl"].result_list) == []
    body = answer.content.decode()
    assert ada.email not in body
    assert "0 users" in body
    for count in ("1 user", "(1)", " total"):
        assert count not in body


def test_a_page_of_several_lists_the_others_of_that_page_in_their_order(ada: Any, bob: Any) -> None:
    pages = admin.site.get_model_admin(get_user_model())
    pages.list_per_page = 2
    try:
        [first] = superuser().get(f"{USERS}?o=1").context["cl"].result_list
    finally:
        del pages.list_per_page
    assert first == bob, "ada would have stood before"


@pytest.mark.parametrize("page", ["change", "delete", "history", "password", "send-reset-link"])
def test_each_page_answers_as_for_somebody_who_does_not_exist(page: str, ada: Any, bob: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "STAFF_MAY_SET_PASSWORDS": True}
    client = superuser()
    there, outside, nobody = (client.get(f"{USERS}{pk}/{page}/") for pk in (bob.pk, ada.pk, 999999))
    assert there.status_code == 200
    assert outside.status_code == nobody.status_code != 200


def test_nor_does_it_where_no_password_of_others_is_set(ada: Any) -> None:
    outside, nobody = (superuser().get(f"{USERS}{pk}/password/") for pk in (ada.pk, 999999))
    assert outside.status_code == nobody.status_code != 200


def test_deleting_them_is_refused_by_page_and_by_action(ada: Any, bob: Any) -> None:
    client = superuser()
    posted(client, f"{USERS}{ada.pk}/delete/", asking_page_of(bob), post="yes")
    chosen = {**ticked(ada, bob), "action": "delete_selected"}
    asking = posted(client, USERS, asking_page_of(bob), **chosen)
    assert page_of(bob) in asking.content.decode()
    assert page_of(ada) not in asking.content.decode()
    posted(client, USERS, asking_page_of(bob), **chosen, post="yes")
    assert list(get_user_model().objects.filter(pk__in=[ada.pk, bob.pk])) == [ada]


def test_an_action_on_all_rows_of_the_list_passes_them_by(ada: Any, bob: Any) -> None:
    client = superuser()
    posted(client, USERS, asking_page_of(bob), **ticked(bob, action="delete_selected", select_across="1", post="yes"))
    assert list(get_user_model().objects.values_list("username", flat=True)) == ["ada"]


def test_of_those_ticked_the_ones_in_scope_are_counted_before_any_link_is_sent(ada: Any, settings: Any) -> None:
    people: list[Any] = [ada, *(UserFactory(password=None) for _each in range(101))]
    client = staff(*RIGHTS)
    answer = posted(client, USERS, asking_page_of(people[1]), **ticked(*people, reason=REASON, confirmed="1"))
    assert said(answer) == ["error: Choose 100 people at most."]
    assert not ResetRequest.objects.exists()


def test_a_link_for_those_ticked_goes_to_whom_the_actor_reaches(ada: Any, bob: Any) -> None:
    client = staff(*RIGHTS)
    posted(client, USERS, asking_page_of(bob), **ticked(ada, bob, reason=REASON, confirmed="1"))
    assert [request.user_key for request in ResetRequest.objects.all()] == [accounts.key_of(bob)]


def test_nothing_of_them_can_be_edited_on_their_page_or_in_a_list(ada: Any, bob: Any) -> None:
    posted(superuser(), page_of(ada), asking_page_of(bob), **form_of(ada, email="mine@example.com"))
    assert edited_in_the_list(ada, "mine@example.com", bob).status_code == 404
    ada.refresh_from_db()
    assert ada.email == "ada.lovelace@example.com"


def test_a_list_that_can_be_edited_shows_only_whom_the_actor_reaches(ada: Any, bob: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ADDRESS_CORRECTION": "at_once"}
    with addresses_editable_in_the_list():
        body = superuser().get(USERS).content.decode()
    assert bob.email in body
    assert ada.email not in body
    edited_in_the_list(bob, "bob@new.example.com")
    bob.refresh_from_db()
    assert bob.email == "bob@new.example.com"
