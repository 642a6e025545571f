"""What a site keeps that looks a mail up and saves it, event by event; its receiver stands in ``receiver``."""

from django.db import models


class MailLog(models.Model):
    """One mail that the site sent."""

    message_id = models.CharField(max_length=255, unique=True)
    recipient = models.CharField(max_length=254)
    status = models.CharField(max_length=20, default="sent")
    open_count = models.IntegerField(default=0)
    updated_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.message_id


class MailEvent(models.Model):
    """One thing that happened to it."""

    event_id = models.CharField(max_length=255, unique=True)
    log = models.ForeignKey(MailLog, models.CASCADE)
    kind = models.CharField(max_length=20)
    happened_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.event_id
