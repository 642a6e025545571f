"""What the demo is made of, each part alone: its ports, its people, the visitor without a browser."""

import socket

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.db import transaction

from example_project import seeds
from example_project.demo import plan as plans
from example_project.demo.visitor import NotOffered, Page


@pytest.mark.sqlite
def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(plans.PortTaken, match=str(port)):
            plans.make(port)


@pytest.mark.sqlite
def test_two_demos_that_start_at_once_do_not_meet() -> None:
    one, other = plans.make(None), plans.make(None)
    held = [plans.adopt(number) for plan in (one, other) for number in (plan.site_socket, plan.provider_socket)]
    assert len({listener.getsockname() for listener in held}) == 4
    assert one.room != other.room
    for listener in held:
        listener.close()


@pytest.mark.django_db
class TestSeeds:
    def test_planting_twice_brings_everybody_back(self) -> None:
        seeds.plant()
        users = get_user_model().objects
        users.filter(username="ada").update(email="elsewhere@example.org", is_active=False)
        users.filter(username="ada").update(email="ada@example.org")
        seeds.plant()
        assert users.count() == len(seeds.PEOPLE)
        assert authenticate(username="ada", password=seeds.PASSWORD)
        assert not authenticate(username="grace", password=seeds.PASSWORD)
        assert not users.get(username="alan").has_usable_password()
        assert users.filter(email="curie@example.org").count() == 2

    def test_staff_have_all_rights_or_few(self) -> None:
        seeds.plant()
        admin, agent = (get_user_model().objects.get(username=name) for name in ("admin", "agent"))
        assert admin.has_perm("recovery.see_addresses")
        assert agent.has_perm("recovery.send_reset")
        assert agent.has_perm("recovery.diagnose")
        assert not agent.has_perm("recovery.see_addresses")
        assert not agent.has_perm("auth.change_user")

    def test_a_site_with_people_of_its_own_gets_no_known_passwords(self) -> None:
        get_user_model().objects.create_user("someone", "someone@library.example", "their own secret")
        with pytest.raises(seeds.NotOurs), transaction.atomic():
            seeds.plant()
        assert get_user_model().objects.count() == 1


class TestVisitor:
    def test_forms_are_found_by_their_fields_with_what_is_hidden_in_them(self) -> None:
        page = Page(
            "http://x/a/?b",
            200,
            '<form action="/search"><input name="q"></form><script>"<form>"</script><form method="post">'
            '<input type="hidden" name="token" value="1&amp;2"><input name="who"><button name="go">',
        )
        form = page.form("who")
        assert (form.method, form.action, form.fields) == ("post", "", {"token": "1&2", "who": ""})
        with pytest.raises(NotOffered, match="/a/"):
            page.form("absent")
