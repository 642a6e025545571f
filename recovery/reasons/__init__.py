"""The closed vocabularies: every "why" and every state, one line of meaning each.

Code, columns, admin filters, metric labels and documentation use these words and no others. Nothing in here
imports anything else of this app; who may write which word is decided by the room that owns the row.
"""

from recovery.reasons.backups import BackupRefusal, BackupState
from recovery.reasons.bounces import EXCUSED_RULE, BounceClass, Lift, SuppressionReason
from recovery.reasons.cases import CaseEnd, CaseNews, CaseReason, TellingState
from recovery.reasons.causes import IN_ORDER, Cause, Confidence, Fix
from recovery.reasons.corrections import CorrectionState
from recovery.reasons.domains import DomainPart, DomainReason, Examined, Judgement
from recovery.reasons.emails import EVENT_STATE, LINK_KINDS, STATE_RANK, EmailKind, EmailReason, EmailState, EventKind
from recovery.reasons.figures import Figure, Standing
from recovery.reasons.locks import LockKind, LockLift
from recovery.reasons.moves import MOVES, STAFF_VERBS, EmailVerb
from recovery.reasons.objections import ObjectionEnd
from recovery.reasons.problems import Problem
from recovery.reasons.repairs import RepairStep
from recovery.reasons.requests import Gate, Kind, Outcome, overall
from recovery.reasons.rotations import UNFINISHED, RotationSnag, RotationSource, RotationStage, RotationStep
from recovery.reasons.routes import Circuit, MailLevel, TryOutcome
from recovery.reasons.signs import MOMENTS, Alarm, Part
from recovery.reasons.tokens import SHOWN_REFUSALS, Refusal, TokenState, Verdict
from recovery.reasons.trail import OUTCOMES, Action, ActOutcome, Damage

__all__ = [
    "EVENT_STATE",
    "EXCUSED_RULE",
    "IN_ORDER",
    "LINK_KINDS",
    "MOMENTS",
    "MOVES",
    "OUTCOMES",
    "SHOWN_REFUSALS",
    "STAFF_VERBS",
    "STATE_RANK",
    "UNFINISHED",
    "ActOutcome",
    "Action",
    "Alarm",
    "BackupRefusal",
    "BackupState",
    "BounceClass",
    "CaseEnd",
    "CaseNews",
    "CaseReason",
    "Cause",
    "Circuit",
    "Confidence",
    "CorrectionState",
    "Damage",
    "DomainPart",
    "DomainReason",
    "EmailKind",
    "EmailReason",
    "EmailState",
    "EmailVerb",
    "EventKind",
    "Examined",
    "Figure",
    "Fix",
    "Gate",
    "Judgement",
    "Kind",
    "Lift",
    "LockKind",
    "LockLift",
    "MailLevel",
    "ObjectionEnd",
    "Outcome",
    "Part",
    "Problem",
    "Refusal",
    "RepairStep",
    "RotationSnag",
    "RotationSource",
    "RotationStage",
    "RotationStep",
    "Standing",
    "SuppressionReason",
    "TellingState",
    "TokenState",
    "TryOutcome",
    "Verdict",
    "overall",
]
