"""Callers whose mail came back, was held back, or waits. What is with the provider stands in ``callers_of_routes``."""

from datetime import timedelta
from typing import Any

from django.core import mail

from example_project.provider.fates import Record
from recovery import audiences, resets, sweep
from recovery.models import Suppression
from recovery.origin import Origin
from recovery.reasons import Cause, EmailState, MailLevel
from tests.admin.posting import REASON, posted
from tests.admin.staff import superuser
from tests.asking import asked
from tests.diagnosis.calling import Call, calls
from tests.diagnosis.listed import WithList
from tests.diagnosis.stage import Stage, newest_email
from tests.following import make_due, templates
from tests.ladder import with_backup
from tests.provider_lists.standins import listening
from tests.wrapping import invite, wrap

MINUTES = timedelta(minutes=1)
SPARE = "spare@example.net"


def change_level(to: MailLevel, **more: str) -> None:
    posted(superuser(), "/admin/recovery/levelswitch/change-level/", level=to.value, reason=REASON, **more)


def switch_off(name: str) -> None:
    posted(superuser(), f"/admin/recovery/routestate/{name}/switch/", to="off", reason=REASON)


def failed_to_main(stage: Stage) -> Any:
    """Somebody with a backup address, whose main address took no mail."""
    user = stage.reader()
    with stage.by_locmem():
        with_backup(user, SPARE)
    stage.lives()
    stage.asks(user)
    stage.bounces(user)
    return user


@calls(Cause.BACKUP_FAILED)
def both_failed(stage: Stage) -> Call:
    user = failed_to_main(stage)
    stage.bounces(SPARE)
    return Call(user, user)


@calls(Cause.SENT_TO_BACKUP)
def was_mailed_at_the_backup(stage: Stage) -> Call:
    user = failed_to_main(stage)
    return Call(user, user, mend=lambda said: None, again=lambda: stage.gets_in(SPARE))


@calls(Cause.ADDRESS_MISTYPED)
def has_a_typo(stage: Stage) -> Call:
    user = stage.reader(email="grace@gmial.com")
    stage.asks(user)
    stage.bounces(user)
    return Call(user, user)


@calls(Cause.ADDRESS_DEAD)
def left_the_company(stage: Stage) -> Call:
    user = stage.reader()
    reference = stage.asks(user)
    stage.bounces(user)
    return Call(reference, user)


@calls(Cause.RECIPIENT_REFUSED)
def was_refused(stage: Stage) -> Call:
    user = stage.reader()
    with stage.by("tests.backends.Refusing"):
        stage.asks(user)
    return Call(user, user)


@calls(Cause.ON_PROVIDERS_LIST)
def is_on_the_providers_list(stage: Stage) -> Call:
    user = stage.reader()
    call = Call(user, user)
    standin = call.while_called.enter_context(listening(WithList()))
    standin.held[user.email] = {"outbound": "HardBounce"}
    stage.at(standin.url, WithList.key)
    stage.asks(user)

    def again() -> None:
        assert standin.deleted
        stage.gets_in_by(standin.bodies[user.email])

    call.again = again
    return call


@calls(Cause.SUPPRESSED)
def was_suppressed(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user)
    stage.time_passes(90 * MINUTES)
    return Call(stage.asks(user), user)


@calls(Cause.COMPLAINED)
def pressed_spam(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.says(user, Record.DELIVERY)
    stage.bounces(user, Record.SPAM_COMPLAINT)
    return Call(user, user)


@calls(Cause.SUPPRESSED_BY_STAFF)
def was_stopped_by_staff(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user)
    for act in ("lift", "stop"):
        posted(superuser(), f"/admin/recovery/suppression/{Suppression.objects.get().pk}/{act}/", reason=REASON)
    stage.time_passes(2 * MINUTES)
    return Call(stage.asks(user), user)


@calls(Cause.MAILBOX_FULL)
def has_a_full_mailbox(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user, Record.SOFT_BOUNCE)
    return Call(user, user)


@calls(Cause.POLICY_REFUSED)
def has_a_strict_server(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    said = "smtp;550 5.7.1 Message rejected due to local policy."
    stage.bounces(user, Type="Blocked", TypeCode=100006, Description="ISP block", Details=said)
    return Call(user, user, mend=lambda said: stage.staff_send(user))


@calls(Cause.BOUNCED_FOR_NOW)
def has_a_server_in_trouble(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user, Record.SOFT_BOUNCE, Details="smtp;421 4.3.2 System not accepting network messages")
    return Call(user, user)


@calls(Cause.BOUNCED_UNCLEAR)
def came_back_without_a_word(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.bounces(user, Type="Unconfirmed", TypeCode=100003, Description="Not confirmed", Details="")
    return Call(user, user)


@calls(Cause.MAIL_REFUSED)
def gets_too_large_a_mail(stage: Stage) -> Call:
    user = stage.reader()
    with stage.by("tests.backends.TooNarrow"):
        stage.asks(user)
    return Call(user, user, mend=lambda said: stage.time_passes(6 * MINUTES))


@calls(Cause.SET_ASIDE_AS_POISON)
def gets_a_mail_that_nobody_can_write(stage: Stage) -> Call:
    user = stage.reader()
    with templates({"recovery/mail/reset.txt": "{% broken %}"}):
        stage.asks(user)
        for _ in range(14):
            make_due(newest_email())
            sweep.sweep()
    assert newest_email().state == EmailState.FAILED
    return Call(user, user)


@calls(Cause.LEVEL_NONE)
def asks_while_no_mail_leaves(stage: Stage) -> Call:
    user = stage.reader()
    change_level(MailLevel.NONE)
    return Call(stage.asks(user), user)


@calls(Cause.LEVEL_SYSTEM)
def waits_for_an_invitation(stage: Stage) -> Call:
    user = stage.reader()
    wrap(stage.settings, "django.core.mail.backends.locmem.EmailBackend")
    change_level(MailLevel.SYSTEM)
    invite(user.email).send()

    def again() -> bool:
        return bool(invite(user.email).send() and mail.outbox)

    return Call(str(newest_email().pk), user, again=again, then=Cause.NEVER_ASKED)


def waits(stage: Stage) -> Any:
    """Somebody whose mail the provider did not take at the first try."""
    user = stage.reader()
    with stage.by("tests.backends.Unreachable"):
        stage.asks(user)
    return user


def steered(verb: str) -> None:
    posted(superuser(), f"/admin/recovery/email/{newest_email().pk}/steer/{verb}/", reason=REASON)


@calls(Cause.SET_ASIDE_BY_STAFF)
def was_set_aside(stage: Stage) -> Call:
    user = waits(stage)
    steered("set_aside")
    return Call(user, user)


@calls(Cause.CANCELLED_BY_STAFF)
def was_cancelled(stage: Stage) -> Call:
    user = waits(stage)
    steered("stop")
    return Call(user, user)


@calls(Cause.ADDRESS_CHANGED)
def moved_meanwhile(stage: Stage) -> Call:
    user = waits(stage)
    reference = asked().shown_reference
    user.email = "grace@new.example"
    user.save()
    stage.time_passes(6 * MINUTES)
    return Call(reference, user)


@calls(Cause.CANCELLED_AS_DEAD)
def changed_the_password_meanwhile(stage: Stage) -> Call:
    user = waits(stage)
    user.set_password("a heron in the reeds")
    user.save()
    stage.time_passes(6 * MINUTES)
    return Call(user, user)


@calls(Cause.MAIL_TOO_LATE)
def waited_too_long(stage: Stage) -> Call:
    user = waits(stage)
    stage.time_passes(31 * MINUTES)
    return Call(user, user)


@calls(Cause.AUDIENCE_GONE)
def asked_at_a_door_that_is_gone(stage: Stage) -> Call:
    user, doors = stage.reader(), {"portal": {"SITE_NAME": "The Portal"}}
    stage.set(AUDIENCES=doors)
    request = resets.send_by_staff(user, actor=None, reason=REASON, origin=Origin(), audience="portal")
    resets.decide(request.pk)
    stage.set(AUDIENCES={})
    sweep.sweep()

    def is_back(said: Any) -> None:
        stage.set(AUDIENCES=doors)
        assert audiences.get("portal")
        stage.time_passes(6 * MINUTES)

    return Call(user, user, mend=is_back)


@calls(Cause.RENDER_ERROR)
def has_a_broken_template(stage: Stage) -> Call:
    user = stage.reader()
    with templates({"recovery/mail/reset.txt": "{% broken %}"}):
        stage.asks(user)
    return Call(user, user, mend=lambda said: stage.time_passes(6 * MINUTES))
