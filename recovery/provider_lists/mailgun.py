"""Mailgun: bounces, complaints and unsubscribes of the sending domain ("Suppressions")."""

import base64
from collections.abc import Mapping
from typing import Final

from recovery.provider_lists.calling import Adapter, Entry, Unknown, in_path, moment

LISTS: Final = ("bounces", "complaints", "unsubscribes")


class List(Adapter):
    url = "https://api.mailgun.net/v3"

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"api:{self.account['api_key']}".encode()).decode()}

    def show(self, address: str) -> list[Entry]:
        """With the opt-out, which is the person's own to lift."""
        found = []
        for name in LISTS:
            answer = self.call("GET", self._path(name, address), fine=(200, 404))
            if answer.status_code == 200:
                each = answer.json()
                why = " ".join(str(each[part]) for part in ("code", "error") if each.get(part)) or name
                since, is_opt_out = moment(each.get("created_at")), name == "unsubscribes"
                found.append(Entry(listed=name, why=why, since=since, can_be_lifted=not is_opt_out))
        return found

    def lift(self, address: str, entry: Entry) -> None:
        self.call("DELETE", self._path(entry.listed, address), fine=(200, 404))

    def _path(self, name: str, address: str) -> str:
        domain = self.account.get("sender_domain")
        if not domain:
            raise Unknown("MAILGUN_SENDER_DOMAIN is not set")
        return f"/{in_path(domain)}/{name}/{in_path(address)}"
