"""Everything that is held about one person as a file, for whoever asks for it (GDPR Article 15). On the trail, with a
reason; a right of its own, for the file holds what the pages mask."""

import json
from typing import Any, Final

from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.text import slugify
from django.utils.translation import gettext as _

from recovery import privacy
from recovery.admin.acts import asking, url_of
from recovery.admin.readonly import ReadOnlyAdmin, refuse_nul
from recovery.admin.scope import actor_of
from recovery.admin.stated import ReasonForm
from recovery.admin.viewers import Viewer

RIGHT: Final = "recovery.export_person"


class PersonFileMixin(ReadOnlyAdmin):
    """For the admin of requests: the file of one person, from the person's page."""

    def file_urls(self) -> list[URLPattern]:
        """To stand before the person's page, whose key may be a path."""
        view = self.admin_site.admin_view(self.export_person_view)
        return [path("person/<path:key>/file/", view, name="recovery_resetrequest_export_person")]

    def export_person_view(self, request: HttpRequest, key: str) -> HttpResponse:
        """Asks for the reason, then answers with the file. Nobody out of reach, and nobody of whom nothing is held."""
        if not (self.has_view_permission(request) and request.user.has_perm(RIGHT)):
            raise PermissionDenied
        refuse_nul(request)
        key, viewer = unquote(key), Viewer.of(request)
        if "\0" in key or not viewer.reaches([key]):
            raise Http404
        person = privacy.of_key(key)
        if person.is_gone and not privacy.held(person):
            raise Http404
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            return self._ask_why(request, key, form, viewer)
        told = privacy.take_out(person, actor=actor_of(request), reason=form.cleaned_data["reason"])
        answer = HttpResponse(json.dumps(told, ensure_ascii=False, indent=2), content_type="application/json")
        answer["Content-Disposition"] = f'attachment; filename="person-{slugify(key) or "of-key"}.json"'
        return answer

    def _ask_why(self, request: HttpRequest, key: str, form: ReasonForm, viewer: Viewer) -> HttpResponse:
        user = viewer.person(key)
        return asking(
            self,
            request,
            form,
            "act.html",
            title=_("Take everything that is held about this person?"),
            back_url=url_of(self, "person", quote(key)),
            facts=[(_("Account"), viewer.name(user) if user else key)],
            consequences=[
                _("The file has every row about this person in full, addresses and client addresses too, and no secret."
                  " It is for the person: make sure that it reaches nobody else, and delete your copy."),
            ],
            submit=_("Download"),
        )  # fmt: skip

    def file_tools(self, key: str, viewer: Viewer) -> list[dict[str, Any]]:
        """The button, for whoever may."""
        if not viewer.user.has_perm(RIGHT):
            return []
        return [{"url": url_of(self, "export_person", quote(key)), "label": _("Data of this person")}]
