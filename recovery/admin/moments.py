"""Moments and spans as a page of the admin shows them."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _


def shown(moment: datetime | None) -> str | SafeString:
    """In the viewer's zone and with its name, how long ago, and in UTC where that is another; a dash for none."""
    if moment is None:
        return "–"
    local, utc = timezone.localtime(moment), moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time> <span class="quiet recovery-ago">{}{}</span>',
        utc.isoformat(),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        _how_far(moment),
        _beside(utc) if local.utcoffset() else "",
    )


def _beside(utc: datetime) -> SafeString:
    return format_html(' <span class="recovery-utc">{} UTC</span>', utc.strftime("%H:%M:%S"))


def clock(moment: datetime) -> SafeString:
    """Hour and minute in the viewer's zone and with its name, UTC in the title: of a moment within a day."""
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        utc.isoformat(),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        timezone.localtime(moment).strftime("%H:%M %Z"),
    )


def _how_far(moment: datetime) -> str:
    now = timezone.now()
    if timedelta(0) <= now - moment < timedelta(minutes=1):
        return _("just now")
    if timedelta(0) < moment - now < timedelta(minutes=1):
        return _("in a moment")
    if moment > now:
        return _("in %(span)s") % {"span": timesince(now, moment, depth=1)}
    return _("%(span)s ago") % {"span": timesince(moment, now, depth=1)}


def length(seconds: float) -> str:
    """How long, in words: seconds below a minute, else the largest unit."""
    if seconds < 60:
        return _("%(count)d s") % {"count": seconds}
    now = timezone.now()
    return timesince(now - timedelta(seconds=seconds), now, depth=1)


def span(seconds: float) -> str:
    """Seconds since the step before: to the hundredth below a minute, in minutes and hours above."""
    if seconds < 60:
        return f"+{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"+{hours} h {minutes:02} min" if hours else f"+{minutes} min {rest:02} s"
