"""The reason that staff state for what they do; it stands in the trail for good."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from recovery.origin import printable


class ReasonField(forms.CharField):
    """One line of text; control characters are taken out, and nothing but blanks is no reason."""

    default_error_messages = {"required": _("Write down why you do this.")}

    def __init__(self, **options: Any) -> None:
        text = _("Stays in the audit trail with your name. For example: asked by phone, ticket 4711.")
        line = forms.TextInput(attrs={"size": 60, "autocomplete": "off"})
        super().__init__(**{"label": _("Reason"), "max_length": 500, "help_text": text, "widget": line, **options})

    def to_python(self, value: Any) -> str:
        return printable(super().to_python(value) or "").strip()


class TextField(forms.CharField):
    """Some lines of text without control characters."""

    def __init__(self, **options: Any) -> None:
        area = forms.Textarea(attrs={"rows": 5, "cols": 60})
        super().__init__(**{"max_length": 2000, "widget": area, **options})

    def to_python(self, value: Any) -> str:
        return "\n".join(printable(line) for line in str(super().to_python(value) or "").splitlines()).strip()


class ReasonForm(forms.Form):
    """Why staff do what they are about to do."""

    reason = ReasonField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].widget.attrs["autofocus"] = True
