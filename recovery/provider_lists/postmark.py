"""Postmark: the suppressions of one message stream ("Suppressions API"). Spam complaints are its own to lift."""

from collections.abc import Mapping

from recovery.provider_lists.calling import Adapter, Entry, Unknown, in_path, moment


class List(Adapter):
    url = "https://api.postmarkapp.com"

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        return {"X-Postmark-Server-Token": self.account["server_token"]}

    def show(self, address: str) -> list[Entry]:
        answer = self.call("GET", f"{self._path}/dump?EmailAddress={in_path(address)}").json()
        return [
            Entry(
                listed=self._stream,
                why=str(each["SuppressionReason"]),
                since=moment(each["CreatedAt"]),
                can_be_lifted=each["SuppressionReason"] != "SpamComplaint",
            )
            for each in answer["Suppressions"]
            if str(each["EmailAddress"]).casefold() == address.casefold()
        ]

    def lift(self, address: str, entry: Entry) -> None:
        answer = self.call("POST", f"{self._path}/delete", json={"Suppressions": [{"EmailAddress": address}]}).json()
        if any(each["Status"] != "Deleted" for each in answer["Suppressions"]):
            raise Unknown("Postmark did not delete it")

    @property
    def _stream(self) -> str:
        return self.account.get("stream") or "outbound"

    @property
    def _path(self) -> str:
        return f"/message-streams/{in_path(self._stream)}/suppressions"
