"""A message as rendering makes it, and a route to the provider on this machine."""

from typing import Any

from django.core.mail import EmailMultiAlternatives

from example_project.provider import Provider
from recovery.models.primary import new_key
from recovery.routes import Line, Route, Tried

POSTMARK = "anymail.backends.postmark.EmailBackend"


def message(recipient: str = "ada@example.org", **more: Any) -> EmailMultiAlternatives:
    made = EmailMultiAlternatives(
        "A new password",
        "Open https://library.example/recovery/reset/selector/the-secret/ please.",
        "Library <accounts@library.example>",
        [recipient],
        headers={"Message-ID": "<one@library.example>"},
        **more,
    )
    made.attach_alternative("<p>Open <b>it</b></p>", "text/html")
    return made


def to(provider: Provider, name: str = "postmark", **spec: Any) -> Route:
    options = {"server_token": provider.token, "api_url": provider.url, **spec.pop("OPTIONS", {})}
    stream = str(spec.get("STREAM", ""))
    return Route(name=name, spec={"BACKEND": POSTMARK, "OPTIONS": options, **spec}, stream=stream)


def sent(line: Line, recipient: str = "ada@example.org", key: str = "") -> Tried:
    return line.send(message(recipient), key=key or str(new_key()), kind="reset")
