"""What refuses sign-ins whatever the mail does: locks, and a password that was ended by force."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from recovery.accounts import ENDED
from recovery.diagnosis.facts import Facts
from recovery.diagnosis.findings import Finding, made, seen, target_of
from recovery.diagnosis.of_accounts import person
from recovery.diagnosis.wording import moment
from recovery.models import AuditEvent
from recovery.reasons import Action, Cause, Confidence, LockKind

_KINDS = {
    LockKind.STAFF: Cause.LOCKED_BY_STAFF,
    LockKind.ACCOUNT: Cause.LOCKED,
    LockKind.DEVICE: Cause.LOCKED_DEVICE,
}


def locked(facts: Facts) -> Iterator[Finding]:
    """One finding for each kind of lock that stands."""
    for kind, cause in _KINDS.items():
        lock = next((lock for lock in facts.locks if lock.kind == kind), None)
        if lock is None:
            continue
        evidence = seen(lock, lock.get_kind_display(), lock.since, quote=lock.reason)
        until = moment(lock.until) if lock.until else _("staff lift it")
        said = {"at": moment(lock.since), "until": until}
        yield made(cause, evidence, confidence=Confidence.OBSERVED, said=said, target=target_of(lock))


def ended_by_force(facts: Facts) -> Iterator[Finding]:
    """The password was ended by a forced rotation, and no new one was set since."""
    account = facts.account
    if account is None or not account.user.password.startswith(ENDED):
        return
    # SQLite takes the partial index of accounts only where its condition stands beside.
    ended = AuditEvent.objects.filter(user_key=facts.key, action=Action.ACCESS_ENDED).exclude(user_key="")
    line = ended.order_by("-occurred_at").first()
    evidence = [seen(line, line.get_action_display(), line.occurred_at)] if line else []
    yield made(Cause.PASSWORD_ENDED, *evidence, confidence=Confidence.OBSERVED, target=person(account.user))
