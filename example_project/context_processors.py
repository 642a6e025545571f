"""What every page of the example project knows, so that its own pages share the frame of the recovery pages."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "site_name": settings.RECOVERY["SITE_NAME"],
        "support_contact": settings.RECOVERY["SUPPORT_CONTACT"],
        "inbox_url": settings.INBOX_URL,
    }
