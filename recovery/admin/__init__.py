"""Admin pages: what staff read about mail, requests and acts, and what they may do for a person."""

from django.contrib import admin

from recovery.admin.audit import AuditEventAdmin
from recovery.admin.emails import EmailAdmin
from recovery.admin.requests import ResetRequestAdmin
from recovery.admin.users import UserRecoveryMixin
from recovery.models import AuditEvent, Email, ResetRequest

__all__ = ["AuditEventAdmin", "EmailAdmin", "ResetRequestAdmin", "UserRecoveryMixin"]

admin.site.register(Email, EmailAdmin)
admin.site.register(ResetRequest, ResetRequestAdmin)
admin.site.register(AuditEvent, AuditEventAdmin)
