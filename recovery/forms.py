"""The forms people fill in. They judge the typed text alone; whose account it is, is asked elsewhere."""

from html import escape
from typing import Any, cast

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.forms import BoundField
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from recovery.addresses import MAX_LENGTH
from recovery.codes import DIGITS, digits_of
from recovery.origin import printable

LONGEST_PASSWORD = 4096  # far above NIST's 64; keeps validators and hashers off megabytes


class Written:
    """An input written here, as Django's template writes it: the template engine takes twenty times as long."""

    def _render(self, template_name: str, context: dict[str, Any], renderer: Any = None) -> SafeString:
        widget = context["widget"]
        attrs = {"type": widget["type"], "name": widget["name"], "value": widget["value"], **widget["attrs"]}
        written = [
            f" {name}" if value is True else f' {name}="{escape(str(value))}"'
            for name, value in attrs.items()
            if value is not None and value is not False
        ]
        return mark_safe(f"<input{''.join(written)}>")  # noqa: S308 - every value is escaped, the names are ours


class TextInput(Written, forms.TextInput):
    """One line of text."""


class PasswordInput(Written, forms.PasswordInput):
    """A password, never written back."""


class EmailInput(Written, forms.EmailInput):
    """One address."""


class HiddenInput(Written, forms.HiddenInput):
    """What nobody types."""


class TypedField(forms.CharField):
    """Text that a page can show again: a post may bring lone surrogates (multipart in UTF-7), which none can."""

    def bound_data(self, data: Any, initial: Any) -> str:
        return printable(str(super().bound_data(data, initial) or ""))


class HiddenField(TypedField):
    """What the person did not type can be no fault of theirs: the view judges it, and drops it if it is no good."""

    widget = HiddenInput

    def clean(self, value: Any) -> str:
        return str(value or "")


class OneFocusForm(forms.Form):
    """The page's focus is its first field's, until there is something wrong: then the summary of it has it."""

    def full_clean(self) -> None:
        super().full_clean()
        if self.errors:
            for field in self.fields.values():
                field.widget.attrs.pop("autofocus", None)


class ForgotForm(OneFocusForm):
    """One field: user name or address."""

    identifier = TypedField(
        label=_("Email address or user name"),
        max_length=MAX_LENGTH,
        error_messages={
            "required": _("Type the email address or user name of your account."),
            "max_length": _("That is too long for an email address or user name. Check it and try again."),
            "null_characters_not_allowed": _("That holds characters that no address or name has. Type it again."),
        },
        widget=TextInput(
            attrs={
                "autocomplete": "username email",
                "autocapitalize": "none",
                "autocorrect": "off",
                "autofocus": True,
                "inputmode": "email",
                "spellcheck": "false",
            }
        ),
    )
    next = HiddenField(required=False)

    def __init__(self, data: Any = None, **kwargs: Any) -> None:
        if data and "email" in data and "identifier" not in data:
            data = {"next": data.get("next"), "identifier": data["email"]}
        super().__init__(data, **kwargs)

    def __getitem__(self, name: str) -> BoundField:
        """``email`` is Django's name of the field, which a template of the site's may have, or a client may post."""
        return super().__getitem__("identifier" if name == "email" else name)

    def clean_identifier(self) -> str:
        """One line of printable text, one address at most. Whether an account has it is nobody's business here."""
        typed = str(self.cleaned_data["identifier"])
        if not typed.isprintable():
            raise ValidationError(
                _("That holds characters that no address or name has. Type it again."), code="unprintable"
            )
        if typed.count("@") > 1 and any(mark in typed for mark in ",; <"):
            raise ValidationError(_("Type one address only."), code="several")
        return typed


class NewPasswordForm(OneFocusForm):
    """The new password, once; twice where the page has no script to show what was typed."""

    new_password1 = forms.CharField(
        label=_("New password"),
        strip=False,
        error_messages={"required": _("Type a new password.")},
        widget=PasswordInput(attrs={"autocomplete": "new-password", "autofocus": True}),
    )
    new_password2 = forms.CharField(
        label=_("New password, once more"),
        strip=False,
        required=False,
        widget=PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    error_messages = {"password_mismatch": _("The two passwords differ. Type both again.")}

    def __init__(self, user: AbstractBaseUser, data: Any = None) -> None:
        super().__init__(data)
        self.user = user

    def clean_new_password1(self) -> str:
        password = str(self.cleaned_data["new_password1"])
        if len(password) > LONGEST_PASSWORD:
            raise ValidationError(_("That password is too long. Use at most 4096 characters."), code="too_long")
        if password != password.encode(errors="ignore").decode():
            raise ValidationError(_("That holds characters that cannot be stored. Type another."), code="unprintable")
        password_validation.validate_password(password, cast(Any, self.user))
        return password

    def clean(self) -> dict[str, Any]:
        again = self.data.get("new_password2")  # absent where script took the field away, empty where it was forgotten
        if again is not None and "new_password1" in self.cleaned_data and again != self.cleaned_data["new_password1"]:
            self.add_error("new_password2", ValidationError(self.error_messages["password_mismatch"], code="mismatch"))
        return self.cleaned_data

    @property
    def error_codes(self) -> list[str]:
        """The validators' codes, for the trail: never the text, which may quote what was typed."""
        return sorted({error.code or "invalid" for errors in self.errors.as_data().values() for error in errors})


class CurrentPasswordForm(OneFocusForm):
    """The password again, for a change that a session alone must not make."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        max_length=LONGEST_PASSWORD,
        error_messages={"required": _("Type the password with which you sign in.")},
        widget=PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class BackupAddressForm(CurrentPasswordForm):
    """An address to add, and the password again."""

    address = forms.EmailField(
        label=_("Backup address"),
        max_length=MAX_LENGTH,
        error_messages={
            "required": _("Type the address that you want to add."),
            "invalid": _("That is no email address. Check it and try again."),
        },
        widget=EmailInput(
            attrs={
                "autocomplete": "email", "autocapitalize": "none", "autocorrect": "off", "spellcheck": "false"
            }
        ),
    )  # fmt: skip
    field_order = ("address", "password")


class NoticeCodeForm(OneFocusForm):
    """The code of a notice. What cannot be one is pointed out and costs no try: a robot that fills in forms must not
    use up what the person has."""

    code = TypedField(
        label=_("Code"),
        max_length=32,
        error_messages={"required": _("Type the code of the mail."), "max_length": _("The code has eight digits.")},
        widget=TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )

    def clean_code(self) -> str:
        digits = digits_of(str(self.cleaned_data["code"]))
        if len(digits) != DIGITS:
            raise ValidationError(_("The code has eight digits. Look for them in the mail."), code="digits")
        return digits


class CodeForm(OneFocusForm):
    """The code of the mail."""

    code = TypedField(
        label=_("Code"),
        max_length=32,
        error_messages={"required": _("Type the code of the mail.")},
        widget=TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )
