"""A provider that speaks Postmark's API, but cannot be asked what became of a mail."""

from anymail.backends.postmark import EmailBackend


class Unasked(EmailBackend):
    """By its name nobody knows how to ask it."""

    esp_name = "Stand-in"
