"""Exceptions as the mail libraries raise them: by really calling them where that is easy, else put together alike."""

import json
import ssl
from collections.abc import Mapping
from typing import Any

import requests
from anymail.exceptions import AnymailAPIError, AnymailRequestsAPIError
from urllib3 import exceptions as urllib3


def answer(status: int, body: Any = None, **headers: str) -> AnymailRequestsAPIError:
    """What anymail raises over a provider's answer."""
    response = requests.Response()
    response.status_code = status
    response._content = json.dumps(body).encode() if body is not None else b"<html>"
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return AnymailRequestsAPIError(response=response)


def postmark(code: int, message: str = "", status: int = 422) -> AnymailRequestsAPIError:
    return answer(status, {"ErrorCode": code, "Message": message})


def unanswered(cause: requests.RequestException) -> AnymailRequestsAPIError:
    """What anymail raises where requests got no answer: an exception of both kinds."""
    kind = type("AnymailRequestsAPIError", (AnymailRequestsAPIError, type(cause)), {})
    error: AnymailRequestsAPIError = kind("Error posting to https://api.example:")
    error.__cause__ = cause
    return error


def unreachable(reason: Exception) -> requests.ConnectionError:
    """As requests passes on what urllib3 gave up over."""
    return requests.ConnectionError(urllib3.MaxRetryError(None, "/email", reason))  # type: ignore[arg-type]


def new_connection(cause: Exception) -> urllib3.NewConnectionError:
    error = urllib3.NewConnectionError(None, "Failed to establish a new connection")  # type: ignore[arg-type]
    error.__cause__ = cause
    return error


def broken(cause: Exception) -> requests.ConnectionError:
    """A connection that was there and is gone."""
    return requests.ConnectionError(urllib3.ProtocolError("Connection aborted.", cause))


def encrypted(cause: ssl.SSLError) -> requests.exceptions.SSLError:
    return requests.exceptions.SSLError(urllib3.MaxRetryError(None, "/email", urllib3.SSLError(cause)))  # type: ignore[arg-type]


class ClientError(Exception):
    """As botocore's: the answer is a dict."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response: Mapping[str, Any] = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


class EndpointConnectionError(Exception):
    """As botocore's."""


class ReadTimeoutError(Exception):
    """As botocore's."""


def amazon(cause: Exception) -> AnymailAPIError:
    error = AnymailAPIError(str(cause), response=getattr(cause, "response", None))
    error.__cause__ = cause
    return error
