"""Why did she not get it? A box for what the caller says, and one page with the cause, its evidence and the button.

What is typed is posted and never stands in a URL: the page that answers is that of the person, the request or the mail.
That somebody looked is on the trail, also where nobody was found. What mends a cause stands in ``mending``.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from recovery import accounts, audit, diagnosis, resets
from recovery.admin import explained
from recovery.admin.acts import page, url_of
from recovery.admin.readonly import NothingEdited, refuse_nul
from recovery.admin.scope import actor_of
from recovery.admin.viewers import Viewer
from recovery.diagnosis import Explanation, Subject
from recovery.diagnosis.subjects import LONGEST
from recovery.reasons import Action

RIGHT: Final = "recovery.diagnose"
WHOSE: Final = "whose"
"""Parameter of the page of a request or a mail that concerns several accounts: which of them."""


class LookUpForm(forms.Form):
    """What the caller says."""

    said = forms.CharField(
        label=gettext_lazy("Name, address, reference or message id"),
        max_length=LONGEST,
        strip=True,
        help_text=gettext_lazy("As the caller says it: the code on their page, the address, the user name."),
        widget=forms.TextInput(
            attrs={"size": 40, "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )


class DiagnosisAdmin(NothingEdited):
    """A box in the place of a list, and pages of answers in the place of rows."""

    class Media:
        css = {"all": ["recovery/admin.css", "recovery/diagnosis.css"]}

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.look_up_view), name="recovery_diagnosis_changelist"),
            path("person/<path:key>/", wrap(require_safe(self.person_view)), name="recovery_diagnosis_person"),
            path("request/<uuid:key>/", wrap(require_safe(self.request_view)), name="recovery_diagnosis_request"),
            path("email/<uuid:key>/", wrap(require_safe(self.email_view)), name="recovery_diagnosis_email"),
        ]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.has_perm(RIGHT))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def look_up_view(self, request: HttpRequest) -> HttpResponse:
        """GET shows the box. POST leads to whoever is meant, or asks which of several, or says that it is nobody."""
        self._check(request)
        form = LookUpForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._page(request, form, title=_("Why did the mail not come?"))
        said = form.cleaned_data["said"]
        self._note_beyond(request, said)
        return self._answer(request, diagnosis.find(said, viewer=actor_of(request)), form)

    def person_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Of an account, over whatever it asked for last."""
        self._check(request)
        key, viewer = unquote(key), Viewer.of(request)
        user = None if "\0" in key else viewer.person(key)
        if user is None or not viewer.reaches([key]):
            self._note_beyond(request, key)
            raise Http404
        return self._explain(request, Subject(user, label=accounts.name_of(user)))

    def request_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        self._check(request)
        self._note_beyond(request, str(key))
        found = diagnosis.find(str(key), viewer=actor_of(request))
        return self._one_of(request, [one for one in found if one.request and one.request.pk == key and not one.email])

    def email_view(self, request: HttpRequest, key: UUID) -> HttpResponse:
        self._check(request)
        self._note_beyond(request, str(key))
        found = diagnosis.find(str(key), viewer=actor_of(request))
        return self._one_of(request, [one for one in found if one.email and one.email.pk == key])

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        refuse_nul(request)

    def _answer(self, request: HttpRequest, found: Sequence[Subject], form: LookUpForm) -> HttpResponse:
        if len(found) == 1 and (url := self._url_of(found[0])):
            return HttpResponseRedirect(url)
        if len(found) == 1:  # nobody: there is no page to lead to
            return self._explain(request, found[0], form)
        return self._choice(request, found, form)

    def _one_of(self, request: HttpRequest, found: Sequence[Subject]) -> HttpResponse:
        whose = request.GET.get(WHOSE, "")
        chosen = [subject for subject in found if not whose or subject.user_key == whose]
        if not chosen:
            raise Http404
        return self._explain(request, chosen[0]) if len(chosen) == 1 else self._choice(request, chosen, LookUpForm())

    def _url_of(self, subject: Subject) -> str:
        """Where the answer about this subject stands; "" for somebody who is nowhere."""
        whose = f"?{urlencode({WHOSE: subject.user_key})}" if subject.user_key else ""
        if subject.email:
            return url_of(self, "email", subject.email.pk) + whose
        if subject.request:
            return url_of(self, "request", subject.request.pk) + whose
        return url_of(self, "person", quote(subject.user_key)) if subject.user_key else ""

    def _choice(self, request: HttpRequest, found: Sequence[Subject], form: LookUpForm) -> HttpResponse:
        self._note(request, found)
        viewer = Viewer.of(request)
        viewer.look_up(subject.user_key for subject in found)
        people = [{"url": self._url_of(one), "name": viewer.text(one.label)} for one in found]
        return self._page(request, form, title=_("Which of them?"), people=people)

    def _explain(self, request: HttpRequest, subject: Subject, form: LookUpForm | None = None) -> HttpResponse:
        found, viewer = diagnosis.explain(subject, viewer=actor_of(request)), Viewer.of(request)
        self._note(request, [subject], found)
        own = self._url_of(subject)
        shown = explained.of(found, viewer, self.admin_site.name, back=own or url_of(self, "changelist"))
        title = viewer.text(subject.label) if own else _("Nobody by this name")
        return self._page(request, form or LookUpForm(), title=title, **shown)

    def _note_beyond(self, request: HttpRequest, said: str) -> None:
        """Whoever looks for somebody out of their scope is told of nobody, and the trail of whom it was."""
        actor = actor_of(request)
        resets.note_beyond(actor, diagnosis.beyond(said, viewer=actor))

    def _note(self, request: HttpRequest, found: Iterable[Subject], told: Explanation | None = None) -> None:
        """On the trail: who looked, at whom, and which cause led. What was typed is not there, it may be anything."""
        facts: dict[str, Any] = {"cause": told.leading.code.value} if told else {}
        for subject in found:
            audit.record(
                Action.DIAGNOSED,
                actor_key=accounts.key_of(actor_of(request)),
                user_key=subject.user_key,
                request=subject.request,
                email=subject.email,
                **facts,
            )

    def _page(self, request: HttpRequest, form: LookUpForm, **shown: Any) -> HttpResponse:
        answer = page(self, request, "diagnosis.html", form=form, **shown)
        answer["Cache-Control"] = "no-store"
        return answer
