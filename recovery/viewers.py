"""What one member of staff may see: which people, whose addresses, and how they are written.

Masking happens here and nowhere else: the admin adds its links (``admin.viewers``), the JSON API shows texts. Whether
an act is allowed is asked in ``resets``.
"""

from collections.abc import Iterable
from email.utils import parseaddr
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.functional import cached_property

from recovery import accounts, agents
from recovery.addresses import mask, mask_in, normalise
from recovery.conf import conf
from recovery.models import Email, ResetRequest
from recovery.reasons import EmailKind


class Viewer:
    """A member of staff, with the people looked up for one page or answer."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.sees_addresses: bool = user.has_perm("recovery.see_addresses")
        self._people: dict[str, AbstractBaseUser | None] = {}
        self._owners: dict[str, list[AbstractBaseUser]] = {}

    def may_view(self, model_name: str) -> bool:
        """Whether this viewer has the right to see rows of ours: ``email``, ``routestate``, ``heartbeat``…"""
        return bool(self.user.has_perm(f"recovery.view_{model_name}"))

    def address(self, address: str) -> str:
        return address if self.sees_addresses or not address else mask(address)

    def text(self, text: str) -> str:
        """Free text, such as a mail server's answer, with every address in it masked but those that the site itself
        sends from: they stand on every mail, and whoever is to let it through must know them."""
        return text if self.sees_addresses else mask_in(text, but_for=self._senders)

    @cached_property
    def _senders(self) -> set[str]:
        named = [conf.FROM_EMAIL, *(door.get("FROM_EMAIL", "") for door in conf.AUDIENCES.values())]
        return {parseaddr(str(sender))[1].lower() for sender in named} - {""}

    def name(self, user: AbstractBaseUser) -> str:
        """User name; on sites where that is an address, masked like one."""
        return self.text(accounts.name_of(user))

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
        gone count as in it, at the doors of the viewer if there is an ``audience``. What means no account is seen as
        ``agents.may_see_strangers`` has it: else what is missing would tell that somebody out of scope is there."""
        if not agents.is_limited():
            return True
        named = {key for key in keys if key}
        if not named:
            return agents.may_see_strangers(self.user, audience)
        people = [user for key in named if (user := self.person(key))]
        if not people and audience and self.doors is not None:
            return audience in self.doors
        return all(agents.may_act_on(self.user, user) for user in people)

    def reaches_ask(self, request: ResetRequest, keys: Iterable[str]) -> bool:
        """As ``reaches``, of a request and the accounts that were decided on; until then it is of those that it means
        now."""
        if request.decided_at or any(keys) or not agents.is_limited():
            return self.reaches(keys, audience=request.audience)
        return self.reaches_address(request.identifier, audience=request.audience)

    def reaches_mail(self, email: Email) -> bool:
        """As ``reaches``, of one mail of the log. The site's own names no account: those that the site finds by its
        address must all be in scope; see ``agents.may_see_strangers`` for one that is nobody's."""
        if email.kind != EmailKind.SITE or not agents.is_limited():
            return self.reaches(email.account_keys, audience=email.audience)
        return self.reaches_address(email.recipient, audience=email.audience)

    def reaches_address(self, address: str, *, audience: str = "") -> bool:
        """As ``reaches``, of what names an address, or a user name, and no account: of those that it means now."""
        if not agents.is_limited():
            return True
        if owners := self._owners_of(address):
            return all(agents.may_act_on(self.user, user) for user in owners)
        return agents.may_see_strangers(self.user, audience)

    def _owners_of(self, address: str) -> list[AbstractBaseUser]:
        """Looked up once for a page, however many mails went there."""
        key = normalise(address)
        if key not in self._owners:
            self._owners[key] = [account.user for account in accounts.of_identifier(address)]
        return self._owners[key]
