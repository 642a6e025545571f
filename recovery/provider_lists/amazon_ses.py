"""Amazon SES: the account's suppression list (API v2), with requests signed by hand, so that boto3 is not needed."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from recovery.provider_lists.calling import Adapter, Entry, Unknown, in_path, moment


class List(Adapter):
    def __init__(self, account: Mapping[str, str]) -> None:
        super().__init__(account)
        self.url = account.get("endpoint_url") or f"https://email.{account.get('region_name', '')}.amazonaws.com"

    def show(self, address: str) -> list[Entry]:
        answer = self.call("GET", self._path(address), fine=(200, 404))
        if answer.status_code == 404:
            return []
        found = answer.json()["SuppressedDestination"]
        return [Entry("account", str(found["Reason"]), moment(found["LastUpdateTime"]))]

    def lift(self, address: str, entry: Entry) -> None:
        self.call("DELETE", self._path(address), fine=(200, 404))

    def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Signature version 4 ("Create a signed AWS API request")."""
        parts, now = urlsplit(url), datetime.now(UTC)
        day, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        given = {"host": parts.netloc, "x-amz-date": moment}
        if token := self.account.get("aws_session_token"):
            given["x-amz-security-token"] = token
        names = ";".join(sorted(given))
        listed = "".join(f"{name}:{given[name]}\n" for name in sorted(given))
        # Every service but S3 signs the path encoded once more.
        canonical = [method, quote(parts.path), parts.query, listed, names, hashlib.sha256(body).hexdigest()]
        scope = f"{day}/{self.account['region_name']}/ses/aws4_request"
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        key = f"AWS4{self.account['aws_secret_access_key']}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}".encode(), "sha256").hex()
        credential = f"{self.account['aws_access_key_id']}/{scope}"
        proof = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        return {"Authorization": proof, **{name.title(): given[name] for name in given if name != "host"}}

    def _path(self, address: str) -> str:
        if not {"aws_access_key_id", "aws_secret_access_key", "region_name"} <= self.account.keys():
            raise Unknown("AMAZON_SES_CLIENT_PARAMS names no access key and region")
        return f"/v2/email/suppression/addresses/{in_path(address)}"
