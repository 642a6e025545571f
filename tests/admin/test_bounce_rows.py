"""What staff read about bounces: class, rule and evidence, with addresses masked, and nothing to edit."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from recovery import accounts, outbox
from recovery.models import Bounce
from recovery.reasons import BounceClass, EmailKind
from tests.admin.pages import SCRIPT
from tests.admin.staff import ALL_BUT_ADA, staff, superuser

pytestmark = pytest.mark.django_db

PAGE = "/admin/recovery/bounce/"
ADDRESS = "ada.lovelace@example.com"
VIEW = "recovery.view_bounce"


@pytest.fixture
def row(ada: Any) -> Bounce:
    [email] = outbox.queue(EmailKind.RESET, [ADDRESS], user_key=accounts.key_of(ada))
    return Bounce.objects.create(
        email=email,
        bounce_class=BounceClass.HARD,
        rule="enhanced:5.1.1",
        status="5.1.1",
        evidence=f"550 5.1.1 <{ADDRESS}>: unknown {SCRIPT}",
        recipient_key=ADDRESS,
        user_key=accounts.key_of(ada),
        esp="mail",
    )


def own(row: Bounce) -> str:
    return f"{PAGE}{row.pk}/change/"


def test_a_bounce_says_its_class_what_that_means_and_what_it_rests_on(row: Bounce) -> None:
    for path in (PAGE, own(row)):
        text = superuser().get(path).content.decode()
        for said in ("hard", "the address itself is dead", "enhanced:5.1.1", ADDRESS, "unknown"):
            assert said in text, said
        assert SCRIPT not in text
    assert f"/admin/recovery/email/{row.email_id}/change/" in superuser().get(own(row)).content.decode()


def test_addresses_are_masked_in_the_evidence_too(row: Bounce) -> None:
    for path in (PAGE, own(row)):
        masked = staff(VIEW).get(path).content.decode()
        assert ADDRESS not in masked
        assert "a•••e@e•••e.com" in masked
        assert ADDRESS in staff(VIEW, "recovery.see_addresses").get(path).content.decode()


def test_it_is_found_by_the_whole_address_and_listed_by_class_and_account(row: Bounce, ada: Any) -> None:
    other = Bounce.objects.create(
        bounce_class=BounceClass.SOFT, rule="smtp:450", recipient_key="bob@example.com", evidence="450 later",
        occurred_at=timezone.now() - timedelta(days=1),
    )  # fmt: skip
    client = staff(VIEW)
    for query in ({"q": "Ada.Lovelace@example.com"}, {"bounce_class__exact": "hard"}, {"user_key": str(ada.pk)}):
        assert client.get(PAGE, query).context["cl"].result_list == [row], query
    assert client.get(PAGE).context["cl"].result_list == sorted([other, row], key=lambda each: each.pk, reverse=True)
    assert client.get(PAGE, {"q": "ada"}).context["cl"].result_list == []
    assert client.get(PAGE, {"recipient_key__startswith": "a"}).status_code in (302, 400)


def test_nothing_is_added_changed_or_deleted(row: Bounce) -> None:
    client = superuser()
    assert client.get(f"{PAGE}add/").status_code == 403
    assert client.get(f"{PAGE}{row.pk}/delete/").status_code == 403
    assert client.post(own(row), {"bounce_class": "soft"}).status_code == 403
    row.refresh_from_db()
    assert row.bounce_class == BounceClass.HARD
    assert staff().get(PAGE).status_code == 403


def test_out_of_scope_it_looks_like_not_existing(row: Bounce, settings: Any) -> None:
    settings.RECOVERY = settings.RECOVERY | {"MAY_ACT_ON": ALL_BUT_ADA}
    client = staff(VIEW)
    assert client.get(own(row)).status_code == 302
    assert client.get(PAGE).context["cl"].result_list == []
