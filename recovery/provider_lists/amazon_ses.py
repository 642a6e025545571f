"""Amazon SES: the account's suppression list (API v2), with requests signed by hand, so that keys in the settings do
without boto3. Keys of the environment, a profile or the machine's role are found by boto3, as for the mail itself."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from recovery.provider_lists.calling import Adapter, Entry, Unknown, in_path, moment

NEEDED: Final = frozenset({"aws_access_key_id", "aws_secret_access_key", "region_name"})
SESSION: Final = NEEDED | {"aws_session_token", "profile_name"}
"""What of anymail's settings says where boto3 is to look."""


class List(Adapter):
    def __init__(self, account: Mapping[str, str]) -> None:
        account = account if account.keys() >= NEEDED else {**account, **_found(account)}
        super().__init__(account)
        self.url = account.get("endpoint_url") or f"https://email.{account['region_name']}.amazonaws.com"

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
        return f"/v2/email/suppression/addresses/{in_path(address)}"


def _found(account: Mapping[str, str]) -> dict[str, str]:
    """Keys and region as boto3's session finds them. Asks the machine's own metadata service, where it has a role.

    Raises Unknown where there are none, or nobody who could look for them.
    """
    try:
        from boto3.session import Session
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        what = "AMAZON_SES_CLIENT_PARAMS names no access key and region"
        raise Unknown(
            f"{what}; boto3 would look elsewhere: pip install 'django-account-recovery[amazon-ses]'"
        ) from error
    try:
        session = Session(**{name: account[name] for name in SESSION & account.keys()})
        given = session.get_credentials()
        keys = given.get_frozen_credentials() if given else None
    except BotoCoreError as error:
        raise Unknown(f"boto3 finds no access key: {type(error).__name__}") from error
    if not (keys and keys.access_key and keys.secret_key):
        raise Unknown("boto3 finds no access key")
    if not session.region_name:
        raise Unknown("boto3 finds no region")
    found = {
        "aws_access_key_id": keys.access_key,
        "aws_secret_access_key": keys.secret_key,
        "region_name": session.region_name,
    }
    return found | ({"aws_session_token": keys.token} if keys.token else {})
