"""Admin pages: what staff read about mail, requests, routes and acts, and what they may do about them."""

from django.contrib import admin

from recovery.admin.audit import AuditEventAdmin
from recovery.admin.backups import BackupAddressAdmin
from recovery.admin.bounces import BounceAdmin
from recovery.admin.cases import SupportCaseAdmin
from recovery.admin.corrections import AddressCorrectionAdmin
from recovery.admin.dashboard import RollUpAdmin
from recovery.admin.diagnoses import DiagnosisAdmin
from recovery.admin.domains import SendingDomainAdmin
from recovery.admin.emails import EmailAdmin
from recovery.admin.incidents import IncidentAdmin
from recovery.admin.levels import LevelSwitchAdmin
from recovery.admin.lockouts import LockoutAdmin
from recovery.admin.raw_events import RawEventAdmin
from recovery.admin.requests import ResetRequestAdmin
from recovery.admin.revocations import RevocationAdmin
from recovery.admin.rotation_members import RotationMemberAdmin
from recovery.admin.rotations import RotationAdmin
from recovery.admin.routes import RouteStateAdmin
from recovery.admin.suppressions import SuppressionAdmin
from recovery.admin.users import UserRecoveryMixin
from recovery.models import (
    AddressCorrection,
    AuditEvent,
    BackupAddress,
    Bounce,
    Diagnosis,
    Email,
    Incident,
    LevelSwitch,
    Lockout,
    RawEvent,
    ResetRequest,
    Revocation,
    RollUp,
    Rotation,
    RotationMember,
    RouteState,
    SendingDomain,
    SupportCase,
    Suppression,
)

__all__ = [
    "AddressCorrectionAdmin",
    "AuditEventAdmin",
    "BackupAddressAdmin",
    "BounceAdmin",
    "DiagnosisAdmin",
    "EmailAdmin",
    "IncidentAdmin",
    "LevelSwitchAdmin",
    "LockoutAdmin",
    "RawEventAdmin",
    "ResetRequestAdmin",
    "RevocationAdmin",
    "RollUpAdmin",
    "RotationAdmin",
    "RotationMemberAdmin",
    "RouteStateAdmin",
    "SendingDomainAdmin",
    "SupportCaseAdmin",
    "SuppressionAdmin",
    "UserRecoveryMixin",
]

admin.site.register(RollUp, RollUpAdmin)
admin.site.register(Diagnosis, DiagnosisAdmin)
admin.site.register(Incident, IncidentAdmin)
admin.site.register(Email, EmailAdmin)
admin.site.register(ResetRequest, ResetRequestAdmin)
admin.site.register(AuditEvent, AuditEventAdmin)
admin.site.register(RouteState, RouteStateAdmin)
admin.site.register(SendingDomain, SendingDomainAdmin)
admin.site.register(LevelSwitch, LevelSwitchAdmin)
admin.site.register(Lockout, LockoutAdmin)
admin.site.register(Rotation, RotationAdmin)
admin.site.register(RotationMember, RotationMemberAdmin)
admin.site.register(Revocation, RevocationAdmin)
admin.site.register(SupportCase, SupportCaseAdmin)
admin.site.register(BackupAddress, BackupAddressAdmin)
admin.site.register(AddressCorrection, AddressCorrectionAdmin)
admin.site.register(Bounce, BounceAdmin)
admin.site.register(Suppression, SuppressionAdmin)
admin.site.register(RawEvent, RawEventAdmin)
