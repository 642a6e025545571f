"""Which way a mail leaves by, what an answer means, and which routes are in use.

``configured`` reads the settings, ``choosing`` picks, ``sending`` speaks to the network, ``answers`` and ``replies``
judge what came back, ``circuits`` keeps what all workers know, ``asking`` asks a provider about a doubtful mail.
"""

from recovery.routes.answers import classify
from recovery.routes.asking import Answer, Asked, ask, can_be_asked
from recovery.routes.choosing import Reach, plan, reach, states
from recovery.routes.circuits import answered, may_probe, register, switch
from recovery.routes.configured import Route, account_of, all_routes, esp_of, honours_key, key_life, named, of
from recovery.routes.sending import METADATA_KEY, PATIENCE, Line
from recovery.routes.tried import Tried

__all__ = [
    "METADATA_KEY",
    "PATIENCE",
    "Answer",
    "Asked",
    "Line",
    "Reach",
    "Route",
    "Tried",
    "account_of",
    "all_routes",
    "answered",
    "ask",
    "can_be_asked",
    "classify",
    "esp_of",
    "honours_key",
    "key_life",
    "may_probe",
    "named",
    "of",
    "plan",
    "reach",
    "register",
    "states",
    "switch",
]
