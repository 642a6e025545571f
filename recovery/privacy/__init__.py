"""What is held about one person: told to them (GDPR Article 15), and erased (Article 17).

Callers import this package as ``privacy``. ``people`` says under which names and places somebody is found, ``rows``
which rows are theirs, ``erasing`` ends these, ``texts`` takes their addresses out of what is written in others',
``asking`` keeps that somebody is to be erased until it is done, and ``telling`` writes down what is held. What goes by
its age stands in ``retention``.
"""

from recovery.privacy.asking import Erased, account_deleted, due, erase, erase_asked, waiting
from recovery.privacy.people import Person, key_of_gone, of_key, of_user
from recovery.privacy.rows import held
from recovery.privacy.telling import export, take_out

__all__ = [
    "Erased",
    "Person",
    "account_deleted",
    "due",
    "erase",
    "erase_asked",
    "export",
    "held",
    "key_of_gone",
    "of_key",
    "of_user",
    "take_out",
    "waiting",
]
