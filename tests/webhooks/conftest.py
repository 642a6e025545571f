"""The email that reports are about, and a site that has the secret of one provider."""

from typing import Any

import pytest

from recovery import outbox
from recovery.models import Email
from recovery.reasons import EmailKind
from tests.webhooks import posts
from tests.webhooks.reported import RECIPIENT


@pytest.fixture(autouse=True)
def anymail_of_the_provider(request: pytest.FixtureRequest, settings: Any) -> None:
    """The site has the secret of the provider that the test is about, and no other."""
    if "esp" in request.fixturenames:
        settings.ANYMAIL = posts.anymail(request.getfixturevalue("esp"))


@pytest.fixture
def email() -> Email:
    return outbox.queue(EmailKind.PASSWORD_CHANGED, [RECIPIENT])[0]
