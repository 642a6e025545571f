"""Whether mail of this site is believed: SPF, DKIM, DMARC and return path of each sender, as the DNS has them.

Callers import this package as ``domains``. ``senders`` reads who sends from the settings; ``asking`` and ``wire`` speak
to the DNS (dnspython, the extra ``dns``); ``spf``, ``dkim``, ``dmarc`` and ``mail_servers`` know the rules of one part
each; ``judging`` puts them together, ``keeping`` keeps the rows, ``advice`` has the sentences. The text for a
recipient's IT stands in ``allowing``, below, since ``diagnosis`` gives it to people too.
"""

from recovery.domains.advice import advice
from recovery.domains.asking import is_installed
from recovery.domains.found import Finding, overall
from recovery.domains.judging import Judged
from recovery.domains.keeping import EVERY, ask_again, look, refresh, refresh_if_due
from recovery.domains.senders import Sender, all_senders

__all__ = [
    "EVERY",
    "Finding",
    "Judged",
    "Sender",
    "advice",
    "all_senders",
    "ask_again",
    "is_installed",
    "look",
    "overall",
    "refresh",
    "refresh_if_due",
]
