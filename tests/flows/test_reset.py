"""The way of a reset over HTTP, from the forgot page to the new password."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from recovery.models import ResetRequest
from recovery.resets import fulfil
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "en",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}


def test_whoever_asks_gets_a_link_and_sets_a_new_password(client: Client) -> None:
    user: Any = UserFactory()
    client.defaults.update({f"HTTP_{k.upper().replace('-', '_')}": v for k, v in BROWSER.items()})
    response = client.post("/recovery/forgot/", {"identifier": user.email})
    assert response.status_code == 302
    assert client.get(response.url).status_code == 200
    request = ResetRequest.objects.get()
    fulfil(request.pk)
    [message] = mail.outbox
    link = re.search(r"https://library.example(/recovery/reset/\S+)", message.body)[1]
    response = client.get(link)
    assert response.status_code == 302
    assert client.get(response.url).status_code == 200
    done = client.post(response.url, {"new_password1": "a new, long passphrase"})
    assert done.status_code == 302, done.content.decode()
    user.refresh_from_db()
    assert user.check_password("a new, long passphrase")
