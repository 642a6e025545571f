"""What staff read of what came back: class, rule and evidence, beside the mail and on a page of its own."""

import re
from typing import Any

import pytest

from recovery.models import Bounce, Email, Suppression
from recovery.reasons import BounceClass
from tests.admin.pages import SCRIPT, listed, reset_for
from tests.admin.staff import ALL_BUT_ADA, staff, superuser
from tests.factories import UserFactory
from tests.ladder import reported

pytestmark = pytest.mark.django_db

SAID = f"550 5.1.1 <ada.lovelace@example.com> no such user {SCRIPT}"


@pytest.fixture
def bounce(ada: Any) -> Bounce:
    """A hard one, of Ada's mail, from a server that says who she is."""
    reported(reset_for(ada).emails.get(), detail=SAID)
    return Bounce.objects.get()


def page_of(row: Any) -> str:
    return listed(row._meta.model_name, f"{row.pk}/change/")


def test_a_bounce_says_its_class_its_rule_and_what_it_stopped(bounce: Bounce) -> None:
    body = superuser().get(page_of(bounce)).content.decode()
    assert bounce.bounce_class == BounceClass.HARD
    assert "the address itself is dead" in body
    assert re.findall(r'field-rule".*?class="readonly">(.*?)</div>', body, re.DOTALL) == [bounce.rule]
    assert "no such user" in body
    assert SCRIPT not in body
    for row in (Email.objects.get(), Suppression.objects.get()):
        assert page_of(row) in body


def test_the_mail_and_the_suppression_lead_to_it(bounce: Bounce) -> None:
    for row in (Email.objects.get(), Suppression.objects.get()):
        assert page_of(bounce) in superuser().get(page_of(row)).content.decode()
    body = superuser().get(page_of(Email.objects.get())).content.decode()
    assert bounce.rule in body
    assert "no such user" in body


def test_without_the_right_to_see_addresses_every_one_is_masked(bounce: Bounce) -> None:
    client = staff("recovery.view_bounce", "recovery.view_email", "recovery.view_suppression")
    for path in (page_of(bounce), listed("bounce"), page_of(Email.objects.get()), page_of(Suppression.objects.get())):
        body = client.get(path).content.decode()
        assert "lovelace" not in body, path
        assert "a•••e@" in body, path


def test_it_needs_its_right_and_nothing_is_changed_here(bounce: Bounce) -> None:
    assert staff("recovery.view_email").get(page_of(bounce)).status_code == 403
    body = staff("recovery.view_email").get(page_of(Email.objects.get())).content.decode()
    assert page_of(bounce) not in body
    assert bounce.rule in body
    for page in ("add/", f"{bounce.pk}/delete/"):
        assert superuser().get(listed("bounce", page)).status_code == 403


def test_out_of_scope_there_is_no_such_bounce(bounce: Bounce, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": ALL_BUT_ADA}
    client = superuser()
    assert client.get(listed("bounce")).context["cl"].result_list == []
    assert client.get(page_of(bounce), follow=True).redirect_chain


def test_bounces_are_found_and_filtered(bounce: Bounce) -> None:
    reported(reset_for(UserFactory.create()).emails.get(), detail="452 4.2.2 mailbox full")
    client = superuser()
    found = ("?q=ADA.lovelace@example.com", f"?q={bounce.user_key}", "?bounce_class__exact=hard")
    for query in (*found, f"?user_key={bounce.user_key}"):
        assert client.get(listed("bounce", query)).context["cl"].result_list == [bounce], query
    assert len(client.get(listed("bounce")).context["cl"].result_list) == 2


def test_one_about_no_mail_of_ours_has_a_page_too(db: None) -> None:
    row = Bounce.objects.create(bounce_class=BounceClass.UNDETERMINED, rule="none", recipient_key="who@example.com")
    assert superuser().get(page_of(row)).status_code == 200
