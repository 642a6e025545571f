"""Whom a member of staff reaches on the site's own user pages (``MAY_ACT_ON``, ``STAFF_AUDIENCES``): all others look
like not existing.

The rule is a function of two people, so SQL cannot ask it: it is asked for the rows of a page and for the rows of
an action, never for a whole table because somebody opened a list.
"""

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse

from recovery import agents

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
    _List = ChangeList
else:
    _Admin = _List = object


class ScopedResults(_List):
    """Leaves out of a page of the list whom the viewer does not reach, and counts that would tell of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        inside = [user.pk for user in rows if reaches(request, user)]
        if len(inside) < len(rows):
            self.result_list = self.queryset.filter(pk__in=inside)
        if not self.multi_page:
            self.result_count = len(inside)
        self.full_result_count, self.show_full_result_count = self.result_count, False
        self.add_facets = self.is_facets_optional = False


class ScopeMixin(_Admin):
    """For a UserAdmin: lists, finds, opens, edits, deletes and acts on only whom the viewer reaches.

    With neither set, the site's pages stay as they are. Where a list has several pages, one may hold
    fewer rows than the others, and the number of all rows is that of the table.
    """

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The account, or None, which the admin answers as for one that does not exist."""
        user = super().get_object(request, object_id, from_field)
        return user if user is not None and reaches(request, user) else None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        site_list = super().get_changelist(request, **kwargs)
        return type("ScopedChangeList", (ScopedResults, site_list), {}) if agents.is_limited() else site_list

    def response_action(
        self, request: HttpRequest, queryset: "QuerySet[Any]", *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        """Whatever the action is, deletion and the site's own included: it gets only whom the actor reaches."""
        if agents.is_limited():
            ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
            if ticked and request.POST.get("select_across") != "1":
                queryset = queryset.filter(pk__in=ticked)
            queryset = queryset.filter(pk__in=[user.pk for user in queryset if reaches(request, user)])
        return super().response_action(request, queryset, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: forms.BaseForm, change: bool) -> None:
        """A list that can be edited posts keys, which need not be those that it showed."""
        if change and agents.is_limited() and not reaches(request, type(obj)._default_manager.get(pk=obj.pk)):
            raise Http404
        super().save_model(request, obj, form, change)


def reaches(request: HttpRequest, user: AbstractBaseUser) -> bool:
    return agents.may_act_on(actor_of(request), user)


def actor_of(request: HttpRequest) -> AbstractBaseUser:
    return cast(AbstractBaseUser, request.user)  # the admin lets nobody else in
