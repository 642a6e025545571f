"""Rows and their one-row verbs, one file per noun. Models are imported by class, from here."""

from recovery.models.account_states import AccountState
from recovery.models.api_calls import ApiCall
from recovery.models.audit import AuditEvent
from recovery.models.backups import BackupAddress
from recovery.models.bounces import Bounce, NewBounce
from recovery.models.cases import CaseNote, CaseTelling, SupportCase
from recovery.models.corrections import AddressCorrection
from recovery.models.diagnoses import Diagnosis
from recovery.models.domains import SendingDomain
from recovery.models.emails import Email, EmailEvent
from recovery.models.erasures import Erasure
from recovery.models.heartbeats import Heartbeat
from recovery.models.levels import LevelSwitch
from recovery.models.limits import LimitCounter
from recovery.models.lockouts import Lockout
from recovery.models.login_counters import LoginCounter
from recovery.models.objections import Objection
from recovery.models.raw_events import RawEvent
from recovery.models.repairs import Incident, Repair, RepairMember
from recovery.models.requests import Decision, ResetRequest
from recovery.models.revocations import Revocation
from recovery.models.roll_ups import LinkLife, RollUp, RollUpDay, RollUpProgress, StandingAlarm
from recovery.models.rotations import Rotation, RotationMember
from recovery.models.routes import RouteState
from recovery.models.suppressions import Suppression
from recovery.models.tokens import ResetToken

__all__ = [
    "AccountState",
    "AddressCorrection",
    "ApiCall",
    "AuditEvent",
    "BackupAddress",
    "Bounce",
    "CaseNote",
    "CaseTelling",
    "Decision",
    "Diagnosis",
    "Email",
    "EmailEvent",
    "Erasure",
    "Heartbeat",
    "Incident",
    "LevelSwitch",
    "LimitCounter",
    "LinkLife",
    "Lockout",
    "LoginCounter",
    "NewBounce",
    "Objection",
    "RawEvent",
    "Repair",
    "RepairMember",
    "ResetRequest",
    "ResetToken",
    "Revocation",
    "RollUp",
    "RollUpDay",
    "RollUpProgress",
    "Rotation",
    "RotationMember",
    "RouteState",
    "SendingDomain",
    "StandingAlarm",
    "SupportCase",
    "Suppression",
]
