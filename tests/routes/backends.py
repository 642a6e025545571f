"""Mail backends that do one odd thing each."""

from typing import Any

from anymail.backends.postmark import EmailBackend as Postmark
from anymail.exceptions import AnymailUnsupportedFeature
from django.core.mail.backends.base import BaseEmailBackend


class Choosy(Postmark):
    """Knows neither tags nor metadata, and says so before it calls the provider."""

    def build_message_payload(self, message: Any, defaults: Any) -> Any:
        for feature in ("tags", "metadata"):
            if hasattr(message, feature):
                raise AnymailUnsupportedFeature(f"Other does not support {feature}")
        return super().build_message_payload(message, defaults)


class Blocking(BaseEmailBackend):
    """Has this recipient on its own black list, and answers with a number (django-ses)."""

    def send_messages(self, email_messages: Any) -> int:
        return 0


class Wordless(BaseEmailBackend):
    """Says nothing, as many a site's own backend does."""

    def send_messages(self, email_messages: Any) -> None:  # type: ignore[override]
        return None


class Unspeakable(BaseEmailBackend):
    """Raises what cannot even be shown."""

    def send_messages(self, email_messages: Any) -> int:
        class Odd(Exception):
            def __str__(self) -> str:
                raise ValueError("no text")

        raise Odd


class Config:
    """As botocore's: what a site gave wins when merged over another."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def merge(self, other: "Config") -> "Config":
        return Config(**{**self.options, **other.options})


class Amazon(BaseEmailBackend):
    """As anymail's for Amazon SES, as far as its timeouts go."""

    esp_name = "Amazon SES"
    made: list["Amazon"] = []

    def __init__(self, **kwargs: Any) -> None:
        self.client_params = {"config": Config(**kwargs.pop("config", {}))}
        super().__init__(**kwargs)
        self.made.append(self)

    def send_messages(self, email_messages: Any) -> int:
        return 1
