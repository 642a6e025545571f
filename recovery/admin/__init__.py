"""Admin pages: what staff read about mail, requests, routes and acts, and what they may do about them."""

from django.contrib import admin

from recovery.admin.audit import AuditEventAdmin
from recovery.admin.emails import EmailAdmin
from recovery.admin.levels import LevelSwitchAdmin
from recovery.admin.requests import ResetRequestAdmin
from recovery.admin.routes import RouteStateAdmin
from recovery.admin.users import UserRecoveryMixin
from recovery.models import AuditEvent, Email, LevelSwitch, ResetRequest, RouteState

__all__ = [
    "AuditEventAdmin",
    "EmailAdmin",
    "LevelSwitchAdmin",
    "ResetRequestAdmin",
    "RouteStateAdmin",
    "UserRecoveryMixin",
]

admin.site.register(Email, EmailAdmin)
admin.site.register(ResetRequest, ResetRequestAdmin)
admin.site.register(AuditEvent, AuditEventAdmin)
admin.site.register(RouteState, RouteStateAdmin)
admin.site.register(LevelSwitch, LevelSwitchAdmin)
