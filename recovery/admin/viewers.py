"""What one member of staff may see: which people, whose addresses, and how they are written.

Masking happens here and nowhere else in the admin. Whether an act is allowed is asked in ``resets``.
"""

import re
from collections.abc import Iterable
from email.utils import parseaddr
from typing import Any, Final, cast

from django.contrib.admin.utils import quote
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from recovery import accounts, agents
from recovery.addresses import mask
from recovery.conf import conf

_ADDRESS: Final = re.compile(r"""[^\s<>"'(),;:\[\]{}=]+@[^\s<>"'(),;:\[\]{}=]+""")


class Viewer:
    """The signed-in member of staff of one HTTP request, with the people looked up for this page."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.sees_addresses: bool = user.has_perm("recovery.see_addresses")
        self._people: dict[str, AbstractBaseUser | None] = {}

    @classmethod
    def of(cls, request: HttpRequest) -> "Viewer":
        """The request's viewer, always the same object, so that a page looks each person up once."""
        return cast(Viewer, request.__dict__.setdefault("recovery_viewer", cls(request.user)))

    def may_view(self, model_name: str) -> bool:
        """Whether this viewer has the right to see rows of ours: ``email``, ``routestate``, ``heartbeat``…"""
        return bool(self.user.has_perm(f"recovery.view_{model_name}"))

    def address(self, address: str) -> str:
        return address if self.sees_addresses or not address else mask(address)

    def text(self, text: str) -> str:
        """Free text, such as a mail server's answer, with every address in it masked but those that the site itself
        sends from: they stand on every mail, and whoever is to let it through must know them."""
        if self.sees_addresses:
            return text
        return _ADDRESS.sub(lambda found: found[0] if found[0].lower() in self._senders else mask(found[0]), text)

    @cached_property
    def _senders(self) -> set[str]:
        named = [conf.FROM_EMAIL, *(door.get("FROM_EMAIL", "") for door in conf.AUDIENCES.values())]
        return {parseaddr(str(sender))[1].lower() for sender in named} - {""}

    def name(self, user: AbstractBaseUser) -> str:
        """User name; on sites where that is an address, masked like one."""
        return self.text(user.get_username())

    def look_up(self, keys: Iterable[str]) -> None:
        """Fetch the people of a whole page in one statement."""
        wanted = {key for key in keys if key} - self._people.keys()
        if wanted:
            self._people |= dict.fromkeys(wanted) | accounts.by_keys(wanted)

    def person(self, key: str) -> AbstractBaseUser | None:
        self.look_up([key])
        return self._people.get(key)

    @cached_property
    def doors(self) -> frozenset[str] | None:
        """The audiences to which this viewer is limited (``STAFF_AUDIENCES``); None: all."""
        return agents.audiences_of(self.user)

    def reaches(self, keys: Iterable[str], *, audience: str = "") -> bool:
        """Whether all these accounts are in the viewer's scope (``MAY_ACT_ON``, ``STAFF_AUDIENCES``); those that are
        gone count as in it. What means no account that there is, is of its ``audience``, if it has one."""
        if not agents.is_limited():
            return True
        people = [user for key in keys if key and (user := self.person(key))]
        if not people and audience and self.doors is not None:
            return audience in self.doors
        return all(agents.may_act_on(self.user, user) for user in people)

    def links_to(self, keys: Iterable[str], site_name: str) -> str | SafeString:
        """The names of several people, a dash for nobody."""
        people = sorted(keys)
        return format_html_join(", ", "{}", ((self.link_to(key, site_name),) for key in people)) if people else "–"

    def link_to(self, key: str, site_name: str) -> str | SafeString:
        """The person's name, linked to the account's own admin page where the viewer may open that."""
        user = self.person(key)
        if user is None:
            return key
        meta = user._meta
        if not self.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
            return self.name(user)
        try:
            url = reverse(
                f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(user.pk)], current_app=site_name
            )
        except NoReverseMatch:  # the site has no admin page for its users
            return self.name(user)
        return format_html('<a href="{}">{}</a>', url, self.name(user))

    def link_to_page(self, model_name: str, pk: Any, text: str, site_name: str) -> str | SafeString:
        """A link to a row's page of ours, or the bare text where the viewer may not open that."""
        if not self.may_view(model_name):
            return text
        return self._linked(f"{model_name}_change", [quote(pk)], text, site_name)

    def story_url(self, key: str, site_name: str) -> str:
        """Where the page of this person's whole story is; "" for nobody, and where the viewer may not open it."""
        if not (key and self.may_view("resetrequest")):
            return ""
        return self.url("resetrequest_person", [quote(key)], site_name)

    def url(self, page: str, keys: list[Any], site_name: str) -> str:
        """Where a page of ours is; "" where this admin site has none, since it may show only some of our models."""
        try:
            return reverse(f"admin:recovery_{page}", args=keys, current_app=site_name)
        except NoReverseMatch:
            return ""

    def _linked(self, page: str, keys: list[Any], text: str, site_name: str) -> str | SafeString:
        url = self.url(page, keys, site_name)
        return format_html('<a href="{}">{}</a>', url, text) if url else text

    def link_to_list(self, model_name: str, text: str, site_name: str) -> str | SafeString:
        """A link to the list of our rows of a kind, or the bare text where the viewer may not open that."""
        return self._linked(f"{model_name}_changelist", [], text, site_name) if self.may_view(model_name) else text
