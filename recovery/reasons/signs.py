"""What gives a sign of life, and what somebody must look at."""

from typing import Final

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Part(TextChoices):
    """What has a heartbeat."""

    BEAT = "beat", _("clock that starts the periodic tasks")
    SWEEP = "sweep", _("sweep that finds what was left lying")
    WORKER = "worker", _("worker")
    ROUTE = "route", _("way out for mail")
    QUEUE = "queue", _("mail that waits")
    WEBHOOK = "webhook", _("provider that reports back")
    ECHO = "echo", _("answer of a worker to the doctor")


class Alarm(TextChoices):
    """What somebody must look at now."""

    CIRCUIT_OPEN = "circuit_open", _("a route failed and is out of use")
    REFUSED_US = "refused_us", _("a provider refuses our key, sender or quota")
    NO_ROUTE = "no_route", _("no route is left; mail waits")
    TRANSLATION_BROKEN = "translation_broken", _("a translation broke; the mail left in the site's language")
    RENDER_ERROR = "render_error", _("a mail could not be rendered")
    POISON = "poison", _("a mail was set aside after too many tries")
    CASE_NOT_TOLD = "case_not_told", _("a support case could not be passed on")
    ASKS_UNUSUAL = "asks_unusual", _("far more asks for recovery than at this time of other days")
    WEBHOOK_SILENT = "webhook_silent", _("a provider has mail of ours and says nothing of it")
    DELIVERY_SLOW = "delivery_slow", _("mail takes too long to arrive")
    SUCCESS_LOW = "success_low", _("too little mail arrives")
    BOUNCES_HIGH = "bounces_high", _("too much mail comes back")
    COMPLAINTS_HIGH = "complaints_high", _("too many people report mail as spam")
    QUEUE_LATE = "queue_late", _("mail or requests wait for too long")
    PART_SILENT = "part_silent", _("a part gives no sign of life")
    CASES_PILED = "cases_piled", _("many support cases are open")
    FIGURES_OLD = "figures_old", _("the figures are not rolled up any more")
    PROXY_NOT_TRUSTED = "proxy_not_trusted", _("proxies name the clients, and the settings trust none")
    PRIVATE_SOURCE = "private_source", _("most failed sign-ins come from one private address")
    LOCKOUTS_MANY = "lockouts_many", _("many names were locked within the hour; somebody tries passwords")
    NOT_REVOKED = "not_revoked", _("tokens of a kind could not be revoked with a password")
    NOT_ROTATED = "not_rotated", _("an account's access could not be ended")
    AGENT_VOLUME = "agent_volume", _("one member of staff acts on unusually many people")
    TRAIL_UNSEALED = "trail_unsealed", _("rows of the audit trail wait for their seal")
    ANCHOR_NOT_TOLD = "anchor_not_told", _("the head of the audit trail could not be told outside")


MOMENTS: Final = frozenset({Alarm.TRANSLATION_BROKEN, Alarm.PROXY_NOT_TRUSTED, Alarm.PRIVATE_SOURCE})
"""What no row says: it is heard when it happens, and nobody can tell later whether it is over."""
