"""The mail level: which mail may leave at all, who changed it and why, and the release of what it held back."""

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from recovery import level, outbox
from recovery.admin import moments
from recovery.admin.acts import asking, lead_back, url_of
from recovery.admin.columns import Columns, worded
from recovery.admin.readonly import ReadOnlyAdmin
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.models import LevelSwitch
from recovery.reasons import MailLevel

MEANINGS: Final = {
    MailLevel.ALL: _("All mail leaves: recovery mail, notices of changes, and the rest of the site's mail."),
    MailLevel.SYSTEM: _(
        "Only recovery and security mail leaves: reset links and notices of changes. The rest of the site's mail is "
        "withheld, where it runs through this app. Its text is not kept, so it cannot be released later."
    ),
    MailLevel.NONE: _(
        "No mail leaves. Who asks for a reset sees the same page as ever and gets no mail. Mail that waits is "
        "withheld as soon as its turn comes."
    ),
}
_MOODS: Final = {MailLevel.ALL: "good", MailLevel.SYSTEM: "open", MailLevel.NONE: "bad"}


class LevelForm(ReasonForm):
    """The level that is wanted, and what becomes of held mail."""

    level = forms.ChoiceField(label=_("Level"), choices=MailLevel.choices, widget=forms.RadioSelect)
    release = forms.BooleanField(label=_("Release the mail that is held back"), required=False)
    field_order = ("level", "release", "reason")

    def __init__(self, *args: Any, now: MailLevel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self.fields["reason"].widget.attrs.pop("autofocus")  # the level comes first

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        wanted, releases = cleaned.get("level"), cleaned.get("release")
        if wanted == MailLevel.NONE and releases:
            self.add_error("release", gettext("While no mail leaves, nothing can be released."))
        elif wanted == self.now and not releases:
            self.add_error("level", gettext("This is the level already."))
        return cleaned


def word_of(now: MailLevel) -> Any:
    """The level's word and its meaning."""
    return worded(_MOODS[now], now.value, now.label)


class LevelColumns(Columns):
    """What a row shows of a change of the level."""

    @admin.display(description=_("when"))
    def switched_at(self, row: LevelSwitch) -> Any:
        return moments.shown(row.switched_at)

    @admin.display(description=_("level"))
    def level(self, row: LevelSwitch) -> Any:
        return word_of(MailLevel(row.level))

    @admin.display(description=_("who acted"))
    def actor(self, row: LevelSwitch) -> Any:
        return self.person(row.actor_key)

    @admin.display(description=_("reason given"))
    def reason(self, row: LevelSwitch) -> str:
        return self.viewer.text(row.reason) or "–"


class LevelSwitchAdmin(ReadOnlyAdmin):
    """The level that holds now, and the list of its changes."""

    columns = LevelColumns
    listed = ("switched_at", "level", "actor", "reason")
    search_fields = ()
    ordering = ("-id",)

    def accounts_of(self, row: LevelSwitch) -> Iterable[str]:
        return []

    def staff_of(self, row: LevelSwitch) -> Iterable[str]:
        return [row.actor_key]

    def get_urls(self) -> list[URLPattern]:
        change = self.admin_site.admin_view(self.change_level_view)
        return [path("change-level/", change, name="recovery_levelswitch_change_level"), *super().get_urls()]

    def has_change_level_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("recovery.change_level"))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        now = level.current()
        facts = {"level_now": word_of(now), "level_meaning": MEANINGS[now], "held": outbox.held()}
        return super().changelist_view(request, {**facts, **(extra_context or {})})

    def list_tools(self, request: HttpRequest) -> list[dict[str, Any]]:
        if not self.has_change_level_permission(request):
            return []
        return [{"url": url_of(self, "change_level"), "label": gettext("Change the level")}]

    def change_level_view(self, request: HttpRequest) -> HttpResponse:
        """Shows each level with its meaning and asks for the reason, then changes it. GET only asks."""
        if not (self.has_change_level_permission(request) and self.has_view_permission(request)):
            raise PermissionDenied
        now = level.current()
        data = request.POST if request.method == "POST" else None
        form = LevelForm(data, now=now, initial={"level": now})
        if form.is_valid():
            self._change(request, form, now)
            return lead_back(request, url_of(self, "changelist"))
        return asking(
            self,
            request,
            form,
            "change_level.html",
            title=gettext("Change the mail level"),
            back_url=url_of(self, "changelist"),
            levels=[(button, MEANINGS[MailLevel(str(button.data["value"]))]) for button in form["level"]],
            held=outbox.held(),
            facts=[(gettext("Level now"), word_of(now))],
            submit=gettext("Change the level"),
        )

    def _change(self, request: HttpRequest, form: LevelForm, now: MailLevel) -> None:
        wanted, reason = MailLevel(form.cleaned_data["level"]), form.cleaned_data["reason"]
        if wanted != now:
            level.switch(wanted, actor=actor_of(request), reason=reason)
            said = gettext("The mail level is “%(level)s” now: %(meaning)s.")
            self.message_user(request, said % {"level": wanted.value, "meaning": wanted.label}, messages.SUCCESS)
        if form.cleaned_data["release"]:
            count = outbox.release_held(actor=actor_of(request), reason=reason)
            told = ngettext("%(count)d mail was released.", "%(count)d mails were released.", count)
            self.message_user(request, told % {"count": count}, messages.SUCCESS)
