"""What the providers' own words mean: the sub-type where it says something, else the type.

``None`` is no bounce. A mail that the provider did not send, because of its own list, says nothing new of the address:
undetermined. Sources are the providers' published event schemas; where a word's meaning is not published, it is absent.
"""

from collections.abc import Mapping
from typing import Final

from recovery.reasons import BounceClass

HARD, SOFT, POLICY = BounceClass.HARD, BounceClass.SOFT, BounceClass.POLICY
UNDETERMINED, COMPLAINT = BounceClass.UNDETERMINED, BounceClass.COMPLAINT

Words = Mapping[str, BounceClass | None]

# Amazon's types and sub-types; Resend passes them on.
_AMAZON_TYPES: Final[Words] = {"permanent": HARD, "transient": SOFT, "undetermined": UNDETERMINED}
_AMAZON_SUBTYPES: Final[Words] = {
    "noemail": HARD,
    "suppressed": UNDETERMINED,
    "onaccountsuppressionlist": UNDETERMINED,
    "unsubscribedrecipient": None,
    "mailboxfull": SOFT,
    "messagetoolarge": POLICY,
    "contentrejected": POLICY,
    "attachmentrejected": POLICY,
}

TYPES: Final[Mapping[str, Words]] = {
    "amazon_ses": {**_AMAZON_TYPES, "reject": POLICY, "rendering failure": POLICY, "deliverydelay": SOFT},
    "brevo": {
        "hard_bounce": HARD,
        "invalid_email": HARD,
        "soft_bounce": SOFT,
        "deferred": SOFT,
        "blocked": UNDETERMINED,
        "error": UNDETERMINED,
    },
    "mailersend": {"hard_bounced": HARD, "soft_bounced": SOFT},
    "mailgun": {"permanent": HARD, "temporary": SOFT, "bounced": HARD, "rejected": POLICY, "dropped": UNDETERMINED},
    "mailjet": {"hard": HARD, "soft": SOFT, "blocked": UNDETERMINED},
    "mailtrap": {"bounce": HARD, "soft bounce": SOFT, "suspension": POLICY, "reject": UNDETERMINED},
    "mandrill": {"hard_bounce": HARD, "soft_bounce": SOFT, "deferral": SOFT, "reject": UNDETERMINED},
    "postal": {"hardfail": HARD, "softfail": SOFT, "bounce": HARD},
    "postmark": {
        "hardbounce": HARD,
        "transient": SOFT,
        "unsubscribe": None,
        "subscribe": None,
        "autoresponder": None,
        "addresschange": None,
        "dnserror": SOFT,
        "spamnotification": POLICY,
        "openrelaytest": None,
        "unknown": SOFT,
        "softbounce": SOFT,
        "virusnotification": POLICY,
        "challengeverification": None,
        "bademailaddress": HARD,
        "spamcomplaint": COMPLAINT,
        "manuallydeactivated": UNDETERMINED,
        "manualsuppression": None,
        "unconfirmed": UNDETERMINED,
        "blocked": POLICY,
        "smtpapierror": SOFT,
        "inbounderror": None,
        "dmarcpolicy": POLICY,
        "templaterenderingfailed": None,
    },
    "resend": {**_AMAZON_TYPES, "suppressed": UNDETERMINED},
    "sendgrid": {"bounce": HARD, "blocked": SOFT, "expired": SOFT, "deferred": SOFT, "dropped": UNDETERMINED},
    "sparkpost": {
        "delay": SOFT,
        "policy_rejection": POLICY,
        "generation_failure": POLICY,
        "generation_rejection": UNDETERMINED,
    },
    "unisender_go": {"hard_bounced": HARD, "soft_bounced": SOFT},
}

SUBTYPES: Final[Mapping[str, Words]] = {
    "amazon_ses": _AMAZON_SUBTYPES,
    "mailgun": {
        "suppress-bounce": UNDETERMINED,
        "suppress-complaint": UNDETERMINED,
        "suppress-unsubscribe": None,
        "old": SOFT,
        "greylisted": SOFT,
        "espblock": POLICY,
        # Before 2018 as reply codes of Mailgun's own.
        "499": SOFT,
        "605": UNDETERMINED,
        "606": None,
        "607": UNDETERMINED,
    },
    "mailjet": {
        "user unknown": HARD,
        "quota exceeded": SOFT,
        "blacklisted": UNDETERMINED,
        "spam reporter": UNDETERMINED,
        "invalid domain": HARD,
        "relay/access denied": POLICY,
        "greylisted": SOFT,
        "typofix": HARD,
        "connection issue": SOFT,
        "protocol error": SOFT,
        "system issue": SOFT,
        "sender blocked": POLICY,
        "content blocked": POLICY,
        "policy issue": POLICY,
        "preblocked": UNDETERMINED,
        "duplicate in campaign": POLICY,
    },
    "mailtrap": {"unavailable": SOFT, "blocked": POLICY, "spam": POLICY, "virus": POLICY, "policy": POLICY},
    "mandrill": {
        "bad_mailbox": HARD,
        "invalid_domain": HARD,
        "mailbox_full": SOFT,
        "undetermined": UNDETERMINED,
        "spam": POLICY,
        "invalid-sender": POLICY,
        "unsub": None,
    },
    "resend": _AMAZON_SUBTYPES,
    "sendgrid": {
        "invalid address": HARD,
        "technical failure": SOFT,
        "mailbox unavailable": SOFT,
        "content": POLICY,
        "reputation": POLICY,
        "frequency or volume too high": POLICY,
        # Why it was dropped before it left.
        "invalid": HARD,
        "bounced address": UNDETERMINED,
        "spam reporting address": UNDETERMINED,
        "unsubscribed address": None,
        "spam content (if spam checker app enabled)": POLICY,
        "spam content": POLICY,
        "invalid smtpapi header": POLICY,
        "recipient list over package quota": POLICY,
    },
    # bounce_class, "Bounce Classification Codes"
    "sparkpost": {
        "1": UNDETERMINED,
        "10": HARD,
        **dict.fromkeys(("20", "21", "22", "23", "24"), SOFT),
        "25": POLICY,
        "30": HARD,
        "40": SOFT,
        **dict.fromkeys(("50", "51", "52", "53", "54"), POLICY),
        **dict.fromkeys(("60", "80", "90", "100"), None),
        "70": SOFT,
    },
    "unisender_go": {
        "err_user_unknown": HARD,
        "err_will_retry": SOFT,
        "err_mailbox_full": SOFT,
        "err_spam_rejected": POLICY,
        "err_spam_skipped": POLICY,
        "err_blacklisted": POLICY,
        "err_too_large": POLICY,
        "err_unsubscribed": None,
        "err_destination_misconfigured": SOFT,
        "err_skip_letter": UNDETERMINED,
        "err_lost": UNDETERMINED,
    },
}

REASONS: Final[Words] = {
    "invalid": HARD,
    "blocked": POLICY,
    "spam": POLICY,
    "timed_out": SOFT,
    "unsubscribed": None,
}
"""anymail's own words, which are left where the provider said nothing that is known here."""
