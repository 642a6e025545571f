"""Is all well that recovery rests on? Reads, asks and tries, and says for each thing what to do next.

``symptoms`` says what a finding is, ``of_*`` know one field each, ``mailing`` sends one mail all the way. Writes
nothing but an answer that a worker gives, which it takes away again, and the test mail that somebody asks for.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from django.utils.translation import gettext as _

from recovery.doctor import of_domains, of_installation, of_people, of_templates, of_webhooks
from recovery.doctor.mailing import follow, send
from recovery.doctor.symptoms import Symptom, is_healthy
from recovery.reasons import Examined, Judgement

__all__ = ["ANSWER_WITHIN", "Symptom", "examine", "follow", "is_healthy", "send"]

ANSWER_WITHIN: Final = 10.0  # seconds for a worker


def examine(*, only: Collection[str] = (), answer_within: float = ANSWER_WITHIN) -> Iterator[Symptom]:
    """One thing after the other, or those of ``only`` (words of ``Examined``); the test mail is none of them.

    What breaks while it is looked at is a problem. ``answer_within``: seconds that a worker has.
    """
    looks: list[tuple[Examined, Callable[[], Iterable[Symptom]]]] = [
        (Examined.SETTINGS, of_installation.settings),
        (Examined.PARTS, of_installation.parts),
        (Examined.BROKER, lambda: [of_installation.broker(within=answer_within)]),
        (Examined.WEBHOOKS, of_webhooks.webhooks_of_providers),
        (Examined.CLOCK, lambda: [of_installation.clock()]),
        (Examined.TRACKING, of_installation.tracking),
        (Examined.TEMPLATES, of_templates.templates),
        (Examined.TWINS, of_people.twins),
        (Examined.NEAR_MISSES, of_people.near_misses),
        (Examined.DOMAINS, of_domains.sending_domains),
    ]
    for examined, look in looks:
        if only and examined not in only:
            continue
        try:
            yield from look()
        except Exception as error:  # noqa: BLE001 - a doctor that falls over tells nothing of the rest
            said = _("This could not be looked at (%(error)s).") % {"error": type(error).__name__}
            yield Symptom(examined, Judgement.PROBLEM, said, _("Run manage.py check, and look into the log."))
