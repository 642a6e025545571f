"""Case 109: where somebody acted from is destroyed with them, wherever it stands."""

import pytest

from recovery import accounts, audit
from recovery.models import AuditOrigin, ResetRequest, ResetToken
from tests.asking import set_password
from tests.factories import UserFactory
from tests.following import mailed_link, opened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.attack(109)
def test_where_a_person_opened_a_link_and_chose_the_password_is_destroyed_with_the_rest() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    for each in (user, other):
        client, form = opened(mailed_link(each), REMOTE_ADDR="192.0.2.77")
        set_password(client, form, "short")
        set_password(client, form)
    assert audit.destroy_person(accounts.key_of(user)) == 1
    assert set(ResetToken.objects.filter(opened_ip=None).values_list("user_key", flat=True)) == {accounts.key_of(user)}
    assert set(ResetRequest.objects.exclude(completed_ip=None).values_list("tokens__user_key", flat=True)) == {
        accounts.key_of(other)
    }
    assert set(AuditOrigin.objects.values_list("person_key", flat=True)) == {accounts.key_of(other)}
