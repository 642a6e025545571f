"""Brevo: blocked contacts of transactional mail. Its list cannot be asked for one address, so it is read."""

from collections.abc import Mapping
from typing import Final

from recovery.provider_lists.calling import Adapter, Entry, Unknown, in_path, moment

PAGE: Final = 100  # the most that it gives at once
PAGES: Final = 20
OPT_OUTS: Final = frozenset({"unsubscribedViaMA", "unsubscribedViaEmail", "unsubscribedViaApi"})


class List(Adapter):
    url = "https://api.brevo.com/v3"

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        return {"api-key": self.account["api_key"]}

    def show(self, address: str) -> list[Entry]:
        """Opt-outs are the person's own to lift."""
        for page in range(PAGES):
            path = f"/smtp/blockedContacts?limit={PAGE}&offset={page * PAGE}"
            answer = self.call("GET", path).json()
            contacts = answer.get("contacts", ())
            for each in contacts:
                if str(each["email"]).casefold() == address.casefold():
                    code = str(each["reason"]["code"])
                    since = moment(each.get("blockedAt"))
                    return [Entry("blocked contacts", code, since, can_be_lifted=code not in OPT_OUTS)]
            if (page + 1) * PAGE >= int(answer["count"]):
                return []
        raise Unknown(f"not among the first {PAGES * PAGE} blocked contacts")

    def lift(self, address: str, entry: Entry) -> None:
        self.call("DELETE", f"/smtp/blockedContacts/{in_path(address)}", fine=(204, 404))
