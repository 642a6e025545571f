"""SendGrid: bounces, blocks, invalid addresses, spam reports and global unsubscribes ("Suppressions")."""

from collections.abc import Mapping
from typing import Final

from recovery.provider_lists.calling import Adapter, Entry, in_path, moment

LISTS: Final = ("bounces", "blocks", "invalid_emails", "spam_reports")
OPT_OUT: Final = "unsubscribes"


class List(Adapter):
    url = "https://api.sendgrid.com/v3"

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.account['api_key']}"}

    def show(self, address: str) -> list[Entry]:
        """With the opt-out from all mail, which is the person's own to lift."""
        found = [
            Entry(listed=name, why=str(each.get("reason") or name), since=moment(each.get("created")))
            for name in LISTS
            for each in self.call("GET", f"/suppression/{name}/{in_path(address)}").json()
        ]
        opted_out = self.call("GET", f"/asm/suppressions/global/{in_path(address)}").json()
        return [*found, *([Entry(OPT_OUT, OPT_OUT, can_be_lifted=False)] if opted_out else [])]

    def lift(self, address: str, entry: Entry) -> None:
        self.call("DELETE", f"/suppression/{entry.listed}/{in_path(address)}", fine=(204, 404))
