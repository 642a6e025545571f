"""What the DNS said of the domains that mail is sent from. Looking and judging stand in ``domains``."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recovery.models.primary import PrimaryManager
from recovery.reasons import Judgement


class SendingDomain(models.Model):
    """What one audience's mail by one route comes from, and how that was found when the DNS was last asked."""

    id = models.BigAutoField(primary_key=True)
    audience = models.CharField(_("audience"), max_length=40)
    route = models.CharField(_("route"), max_length=40)
    from_email = models.CharField(_("sender"), max_length=320)
    domain = models.CharField(_("domain"), max_length=254, blank=True)
    return_path = models.CharField(
        _("return path"), max_length=254, blank=True, help_text=_("Blank: the provider's own.")
    )
    judgement = models.CharField(_("found"), max_length=16, choices=Judgement.choices)
    findings = models.JSONField(_("what was found"), default=list)
    networks = models.JSONField(_("IP ranges"), default=list, help_text=_("From the settings, or resolved from SPF."))
    checked_at = models.DateTimeField(_("looked up"))
    asked_at = models.DateTimeField(_("asked for again"), null=True, blank=True)

    objects = PrimaryManager["SendingDomain"]()

    class Meta:
        base_manager_name = "objects"
        verbose_name = _("sending domain")
        verbose_name_plural = _("sending domains")
        ordering = ["id"]
        permissions = [
            ("check_domains", _("Can have sending domains looked up again")),
            ("send_test_mail", _("Can send a test mail")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["audience", "route"], name="recovery_sending_domain_once"),
            models.CheckConstraint(condition=Q(judgement__in=Judgement.values), name="recovery_sending_domain_word"),
        ]

    def __str__(self) -> str:
        return f"{self.audience} {self.route}: {self.domain}"
