"""Pages of the person's own account: backup addresses. For whoever is signed in; the password is asked again."""

from typing import Any, Final
from uuid import UUID

from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from recovery import accounts, devices, doors
from recovery import backup_addresses as backups
from recovery.conf import conf
from recovery.exceptions import BackupRefused
from recovery.forms import BackupAddressForm, CodeForm, CurrentPasswordForm
from recovery.models import BackupAddress
from recovery.origin import Origin
from recovery.pages import account_page
from recovery.reasons import BackupRefusal
from recovery.sign_in import Wait

SAID: Final = {
    BackupRefusal.WRONG_PASSWORD: _("That is not your password. Type it again."),
    BackupRefusal.TOO_OFTEN: _("That was too often. Try again in an hour."),
    BackupRefusal.LOCKED: _("There were too many tries to sign in. Wait a quarter of an hour, and try again."),
    BackupRefusal.FROZEN: _(
        "A new password was forced a short while ago, so addresses stay as they are for now. Try again in a few days."
    ),
    BackupRefusal.TOO_MANY: _("You have as many backup addresses as you may have. Remove one first."),
    BackupRefusal.OWN_ADDRESS: _("That is an address of your account already. Type one of another mailbox."),
    BackupRefusal.ALREADY_THERE: _("That is a backup address of yours already."),
}
FIELD: Final = {BackupRefusal.OWN_ADDRESS: "address", BackupRefusal.ALREADY_THERE: "address"}


@sensitive_post_parameters("password")
@account_page
def backup_addresses(request: HttpRequest) -> HttpResponse:
    """Those there are, and a form to add one."""
    user: Any = request.user
    form = BackupAddressForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        given = form.cleaned_data
        try:
            backup = backups.add(user, given["address"], password=given["password"], **_where(request))
        except BackupRefused as refused:
            _tell(form, refused)
        else:
            return redirect(doors.of(request).path("confirm_backup_address", key=str(backup.pk)))
    own = backups.of_user(user)
    context = {
        "form": form,
        "backups": own,
        "failing": backups.failing(own),
        "most": backups.MOST,
        "wait": conf.BACKUP_WAIT,
        "has_password": accounts.has_password(user),
    }
    return doors.shown(request, doors.of(request), "backup_addresses.html", context)


@account_page
def confirm_backup_address(request: HttpRequest, key: UUID) -> HttpResponse:
    """Type the code, or ask for another one."""
    backup = _own(request, key)
    if backup.confirmed_at is not None:
        return redirect(doors.of(request).path("backup_addresses"))
    asks_again = request.method == "POST" and "again" in request.POST
    form = CodeForm(request.POST if request.method == "POST" and not asks_again else None)
    was_sent, trouble = False, ""
    try:
        if asks_again:
            backups.send_again(backup, origin=Origin.of(request))
            was_sent = True
        elif form.is_valid():
            if backups.confirm(backup, form.cleaned_data["code"]):
                return redirect(doors.of(request).path("backup_addresses"))
            form.add_error("code", _("That code is wrong, or too old. Check the newest mail, or ask for a new code."))
    except BackupRefused as refused:
        trouble = str(SAID[BackupRefusal(refused.why)])
    context = {"form": form, "backup": backup, "was_sent": was_sent, "trouble": trouble}
    return doors.shown(request, doors.of(request), "confirm_backup_address.html", context)


@sensitive_post_parameters("password")
@account_page
def remove_backup_address(request: HttpRequest, key: UUID) -> HttpResponse:
    """Asks for the password, then removes it. GET only asks."""
    backup = _own(request, key)
    form = CurrentPasswordForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        user: Any = request.user
        try:
            backups.remove(user, backup, password=form.cleaned_data["password"], **_where(request))
        except BackupRefused as refused:
            _tell(form, refused)
        else:
            return redirect(doors.of(request).path("backup_addresses"))
    context = {"form": form, "backup": backup, "user": request.user}
    return doors.shown(request, doors.of(request), "remove_backup_address.html", context)


def _where(request: HttpRequest) -> dict[str, Any]:
    """From where a password comes, as far as it decides on which counter it counts."""
    user: Any = request.user
    return {"origin": Origin.of(request), "device": devices.known(request, user.get_username())}


def _own(request: HttpRequest, key: UUID) -> BackupAddress:
    """The row, if it is this person's; somebody else's does not exist."""
    user: Any = request.user
    backup = BackupAddress.objects.filter(pk=key, user_key=accounts.key_of(user)).first()
    if backup is None:
        raise Http404
    return backup


def _tell(form: Form, refused: BackupRefused) -> None:
    why = BackupRefusal(refused.why)
    field = FIELD.get(why, "password")
    said = str(Wait(refused.until)) if refused.until else str(SAID[why])
    form.add_error(field if field in form.fields else None, said)
    for widget in (each.widget for each in form.fields.values()):
        widget.attrs.pop("autofocus", None)
