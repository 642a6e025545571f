"""A bounce, from the provider's post to the next ask: a true one silences nobody for ever, a forged one nobody."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from recovery import resets, sweep
from recovery.models import Bounce, Email, EmailEvent, SupportCase, Suppression
from recovery.reasons import CaseEnd, CaseReason, EmailReason, EmailState, Outcome
from tests.admin.pages import listed
from tests.admin.staff import superuser
from tests.asking import NEW_PASSWORD, ask, asked, browser, set_password, work
from tests.factories import UserFactory
from tests.following import let_pass, opened, works
from tests.ladder import asks, bodies_to, fails, link_at, newest_reset, reported, with_backup
from tests.webhooks import posts

pytestmark = pytest.mark.django_db(transaction=True)

SPARE = "spare@example.net"


@pytest.fixture
def user(settings: Any) -> Any:
    settings.ANYMAIL = posts.anymail("postmark")
    return UserFactory.create(username="ada", email="ada.lovelace@example.com")


def bounced(email: Email, *, recipient: str = "", email_id: Any = None, secret: Any = None) -> int:
    """Postmark posts a hard bounce; the status of our answer, after the workers have done what follows."""
    text = posts.text(
        "postmark",
        "bounced",
        email_id=email_id or email.pk,
        message_id=email.esp_message_id or str(uuid4()),
        recipient=recipient or email.recipient,
    )
    answer = posts.post("postmark", text.replace("2026-11-20T10:15:32Z", timezone.now().isoformat()), secret).send()
    sweep.sweep()
    return answer.status_code


def next_ask(user: Any) -> Email:
    let_pass(timedelta(minutes=2))
    ask(browser(), user.email)
    work()
    sweep.sweep()
    return newest_reset()


def forged_without_the_secret(email: Email) -> int:
    return bounced(email, secret="provider:guess")


def forged_for_a_mail_of_nobodys(email: Email) -> int:
    email.esp_message_id = ""
    return bounced(email, email_id=uuid4())


def forged_for_somebody_elses_address(email: Email) -> int:
    return bounced(email, recipient="grace@example.com")


@pytest.mark.attack(45)
@pytest.mark.parametrize(
    ("forge", "status"),
    [
        (forged_without_the_secret, 400),
        (forged_for_a_mail_of_nobodys, 200),
        (forged_for_somebody_elses_address, 200),
    ],
)
def test_a_forged_bounce_stops_and_sends_nothing(user: Any, forge: Any, status: int) -> None:
    with_backup(user)
    email = asks(user)
    assert forge(email) == status
    assert not Suppression.objects.exists()
    assert not SupportCase.objects.exists()
    assert not EmailEvent.objects.filter(email=email, kind="bounced").exists()
    assert EmailEvent.objects.filter(email=None).count() == (status == 200)
    assert next_ask(user).state == EmailState.HANDED_OVER
    assert bodies_to(SPARE) == []
    assert works(link_at(user.email), user)


def test_after_a_true_one_the_next_ask_goes_to_the_backup_address(user: Any) -> None:
    with_backup(user)
    assert bounced(asks(user)) == 200
    assert Suppression.objects.get().until is not None
    let_pass(timedelta(hours=1))
    before = len(bodies_to(SPARE))
    assert next_ask(user).recipient == SPARE
    assert len(bodies_to(SPARE)) == before + 1
    assert works(link_at(SPARE), user)


def test_or_makes_a_case_and_staff_read_why(user: Any) -> None:
    bounced(asks(user))
    assert SupportCase.objects.get().reason == CaseReason.BOUNCED_NO_BACKUP
    let_pass(timedelta(hours=1))
    withheld = next_ask(user)
    assert (withheld.state, withheld.reason) == (EmailState.WITHHELD, EmailReason.SUPPRESSED)
    assert SupportCase.objects.get().failure_count == 2
    assert asked().outcome == Outcome.ESCALATED
    client, case = superuser(), SupportCase.objects.get()
    mail = client.get(listed("email", f"{withheld.pk}/change/")).content.decode()
    assert str(EmailReason.SUPPRESSED.label) in mail
    for page in (listed("supportcase", f"{case.pk}/change/"), listed("resetrequest", f"{asked().pk}/change/")):
        assert client.get(page).status_code == 200
    assert str(Outcome.ESCALATED.label) in client.get(listed("resetrequest")).content.decode()


def test_a_week_later_the_address_is_mailed_again(user: Any) -> None:
    bounced(asks(user))
    let_pass(timedelta(days=7, minutes=1))
    assert next_ask(user).state == EmailState.HANDED_OVER
    assert works(link_at(user.email), user)
    assert SupportCase.objects.get().end == CaseEnd.COMPLETED


def test_a_case_that_staff_opened_closes_when_the_person_gets_in(user: Any) -> None:
    staff = superuser()
    page = f"/admin/auth/user/{user.pk}/open-case/"
    staff.get(page)
    staff.post(page, {"csrfmiddlewaretoken": staff.cookies["csrftoken"].value, "reason": "called: mail does not come"})
    assert SupportCase.objects.get().reason == CaseReason.STAFF
    asks(user)
    assert works(link_at(user.email), user)
    assert SupportCase.objects.get().end == CaseEnd.COMPLETED


def test_who_gets_in_by_mail_to_the_main_address_is_not_told_that_it_failed(user: Any) -> None:
    with_backup(user)
    asks(user)
    client, form = opened(link_at(user.email))
    page = client.get(set_password(client, form).url)
    assert page.status_code == 200
    assert "data-main-address-failed" not in page.content.decode()


# What happens to the person in between


def test_who_was_deleted_meanwhile_gets_nothing(user: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    with_backup(user)
    email = asks(user)
    user.delete()
    assert bounced(email) == 200
    assert Bounce.objects.count() == 1
    assert bodies_to(SPARE) == []
    assert not SupportCase.objects.exists()
    assert not resets.lost(), "nobody tries that again and again"


def test_the_case_of_somebody_who_was_deleted_can_still_be_read_told_and_closed(user: Any, settings: Any) -> None:
    settings.RECOVERY = {**settings.RECOVERY, "ERASE_WITH_ACCOUNT": False}
    given = {"TARGET": "recovery.cases.targets.email", "TO": "support@example.org"}
    settings.RECOVERY = {**settings.RECOVERY, "CASE_TARGETS": [given]}
    fails(asks(user))
    user.delete()
    case, staff = SupportCase.objects.get(), superuser()
    assert staff.get(listed("supportcase")).status_code == 200
    assert staff.get(listed("supportcase", f"{case.pk}/change/")).status_code == 200
    page = listed("supportcase", f"{case.pk}/work/close/")
    staff.get(page)
    staff.post(page, {"csrfmiddlewaretoken": staff.cookies["csrftoken"].value, "reason": "the account is gone"})
    sweep.sweep()
    case.refresh_from_db()
    assert case.end == CaseEnd.STAFF
    assert len(bodies_to("support@example.org")) == 2


class WhileHashing:
    """A password validator during which something else happens on the site: right before the password is set."""

    meanwhile: Any = staticmethod(lambda: None)

    def validate(self, password: str, user: Any = None) -> None:
        type(self).meanwhile()

    def get_help_text(self) -> str:
        return ""


def test_who_gets_in_while_the_case_is_opened_has_none_that_is_open(user: Any, settings: Any) -> None:
    email = asks(user)
    client, form = opened(link_at(user.email))
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": f"{__name__}.WhileHashing"}]
    WhileHashing.meanwhile = lambda: fails(email)
    try:
        assert set_password(client, form).status_code == 302
    finally:
        WhileHashing.meanwhile = lambda: None
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert SupportCase.objects.get().end == CaseEnd.COMPLETED


def test_a_failure_that_is_rung_for_again_and_again_counts_once(user: Any) -> None:
    email = asks(user)
    reported(email)
    for _ in range(3):
        sweep.sweep()
    assert SupportCase.objects.get().failure_count == 1
