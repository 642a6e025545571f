"""What a setting means that the site does not give. Read through ``conf``, which says what each is for."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

DEFAULTS: Final[Mapping[str, Any]] = {
    "ACCOUNTS": "recovery.accounts.find",
    "ACTIVATE_NEW_USERS": False,
    "ACTIVATION_LIFETIME": timedelta(days=7),
    "ADDRESS_CORRECTION": "second_approver",
    "ADDRESS_FREEZE": timedelta(days=3),
    "ADMIN_BASE": "django.contrib.admin.ModelAdmin",
    "ALARM_LIMITS": {"samples": 50, "bounces": 0.05, "complaints": 0.003, "open_cases": 20},
    "ALARM_MAIL_TO": [],
    "AUDIENCES": {},
    "BACKUP_WAIT": timedelta(days=7),
    "BASE_URL": "",
    "CASE_TARGETS": [],
    "CHANGE_PASSWORD_URL": "password_change",
    "CLIENT_DATA": {"ip": "full", "user_agent": "full"},
    "COOLDOWN": timedelta(seconds=60),
    "ERASE_WITH_ACCOUNT": True,
    "FORCED_LIFETIME": timedelta(hours=24),
    "FROM_EMAIL": None,
    "HEALTH_TOKEN": None,
    "LOCKOUT_ALARM": 100,
    "LOCKOUT_WAITS": [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)],
    "LOGIN_FAILURE_LIMIT": {"account": 5, "device": 5, "source": 50},
    "LOGIN_FAILURE_WINDOW": timedelta(minutes=15),
    "MARKETING_STREAMS": [],
    "MAY_ACT_ON": None,
    "NO_PASSWORD_SIGN_IN": None,
    "POST_RESET_LOGIN": False,
    "REQUEST_LIMITS": {
        "address": (5, timedelta(hours=1)),
        "backup_address": (10, timedelta(hours=1)),
        "backup_removal": (10, timedelta(hours=1)),
        "account": (5, timedelta(hours=1)),
        "activation_address": (10, timedelta(hours=1)),
        "source": (20, timedelta(hours=1)),
        "staff": (20, timedelta(hours=1)),
        "rotation": (20, timedelta(hours=1)),
        "unknown_account_mail": (1, timedelta(hours=24)),
    },
    "RETENTION": {
        "links": timedelta(hours=1),
        "raw_events": timedelta(days=30),
        "emails": timedelta(days=400),
        "requests": timedelta(days=400),
        "roll_ups": timedelta(days=400),
        "audit": None,
    },
    "RETURN_PATH_DOMAIN": None,
    "REVOKERS": [],
    "ROTATION_PACE": 600,
    "ROUTES": [],
    "SEND_BY": timedelta(minutes=30),
    "SITE_MAIL": None,
    "SITE_NAME": None,
    "STAFF_MAY_SET_PASSWORDS": False,
    "SUPPORT_CONTACT": None,
    "TARGETS": {"delivered_within": timedelta(seconds=60), "delivered_share": 0.95, "delivery_success": 0.98},
    "TOKEN_LIFETIME": "auto",
    "TRUSTED_PROXIES": 0,
    "UNKNOWN_ACCOUNT_MAIL": False,
    "WEBHOOKS": {},
    "WEBHOOK_SILENCE": timedelta(minutes=30),
}
MERGED: Final = frozenset(
    {"ALARM_LIMITS", "CLIENT_DATA", "LOGIN_FAILURE_LIMIT", "REQUEST_LIMITS", "RETENTION", "TARGETS"}
)
"""A site may give some keys of these."""
