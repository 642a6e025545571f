"""What is looked at of a sending domain and by the doctor, how it is judged, and why."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Judgement(TextChoices):
    """How a part of a sending domain, or of the installation, was found."""

    OK = "ok", _("as it should be")
    NOTICE = "notice", _("works, and somebody should look at it")
    UNKNOWN = "unknown", _("could not be found out")
    PROBLEM = "problem", _("wrong, and must be mended")


class DomainPart(TextChoices):
    """What is looked at of a sending domain."""

    DOMAIN = "domain", _("the domain itself")
    MX = "mx", _("where mail to it goes")
    SPF = "spf", _("which servers may send for it")
    DKIM = "dkim", _("the key that mail is signed with")
    DMARC = "dmarc", _("what receivers do with forged mail")
    ALIGNMENT = "alignment", _("whether signature or return path fit the sender")
    SHARING = "sharing", _("what else is sent from it")


class DomainReason(TextChoices):
    """Why a part of a sending domain is judged as it is."""

    DOMAIN_FOUND = "domain_found", _("it exists")
    DOMAIN_MISSING = "domain_missing", _("it does not exist")
    NO_SENDER = "no_sender", _("the settings name no sender with a domain")
    MX_FOUND = "mx_found", _("mail to it has a server")
    MX_IMPLICIT = "mx_implicit", _("it has no MX record; mail to it goes to its address")
    MX_MISSING = "mx_missing", _("no server takes mail to it")
    MX_NULL = "mx_null", _("it says that it takes no mail")
    MX_DEAD = "mx_dead", _("its MX records name servers that have no address")
    SPF_GOOD = "spf_good", _("the servers that may send are named")
    SPF_MISSING = "spf_missing", _("it has no SPF record")
    SPF_SEVERAL = "spf_several", _("it has several SPF records, so none holds")
    SPF_SYNTAX = "spf_syntax", _("the SPF record cannot be read")
    SPF_INCLUDE = "spf_include", _("the SPF record names a domain without a record of its own")
    SPF_LOOP = "spf_loop", _("the SPF record includes itself")
    SPF_LOOKUPS = "spf_lookups", _("the SPF record needs more than ten look-ups")
    SPF_VOIDS = "spf_voids", _("more than two look-ups of the SPF record find nothing")
    SPF_ANYBODY = "spf_anybody", _("the SPF record lets anybody send")
    SPF_NEUTRAL = "spf_neutral", _("the SPF record says nothing of other servers")
    SPF_PTR = "spf_ptr", _("the SPF record uses ptr, which receivers may skip")
    SPF_MACRO = "spf_macro", _("the SPF record has macros, which only a mail can fill")
    SPF_NOT_OURS = "spf_not_ours", _("the SPF record leaves out servers that this site sends from")
    DKIM_GOOD = "dkim_good", _("the key is published and long enough")
    DKIM_NOT_NAMED = "dkim_not_named", _("the settings name no selector, and selectors cannot be listed")
    DKIM_MISSING = "dkim_missing", _("no key is published for this selector")
    DKIM_SEVERAL = "dkim_several", _("several keys are published for one selector")
    DKIM_REVOKED = "dkim_revoked", _("the key was revoked")
    DKIM_BROKEN = "dkim_broken", _("the key record cannot be read")
    DKIM_WEAK = "dkim_weak", _("the key is shorter than 1024 bits, which receivers ignore")
    DKIM_SHORT = "dkim_short", _("the key is shorter than 2048 bits")
    DKIM_ED25519 = "dkim_ed25519", _("an Ed25519 key, which some receivers cannot check")
    DKIM_TESTING = "dkim_testing", _("the key says that it is only being tested")
    DKIM_OTHER_USE = "dkim_other_use", _("the key is not for mail, or not for SHA-256")
    DMARC_GOOD = "dmarc_good", _("forged mail is kept out")
    DMARC_MISSING = "dmarc_missing", _("no DMARC record holds for it")
    DMARC_SEVERAL = "dmarc_several", _("it has several DMARC records, so none holds")
    DMARC_BROKEN = "dmarc_broken", _("the DMARC record cannot be read")
    DMARC_NONE = "dmarc_none", _("the DMARC policy is none: forged mail is only counted")
    DMARC_TESTING = "dmarc_testing", _("the DMARC record says that it is only being tested")
    ALIGNED = "aligned", _("signature or return path belong to the sender's domain")
    ALIGNED_BY_SPF_ALONE = "aligned_by_spf_alone", _("only the return path fits, which forwarding breaks")
    NOT_ALIGNED = "not_aligned", _("neither signature nor return path belong to the sender's domain")
    ALIGNMENT_NOT_KNOWN = "alignment_not_known", _("neither the selector nor the provider's return path is known")
    SHARED_DOMAIN = "shared_domain", _("marketing is sent from the same domain")
    SHARED_STREAM = "shared_stream", _("marketing leaves by the same stream")
    NOT_SHARED = "not_shared", _("the settings name no marketing that shares it")
    DNS_TIMEOUT = "dns_timeout", _("the DNS did not answer in time")
    DNS_FAILED = "dns_failed", _("the DNS server said that it failed or refused")
    DNS_GARBAGE = "dns_garbage", _("the DNS answer made no sense")
    DNS_TRUNCATED = "dns_truncated", _("the DNS answer was cut off")
    DNS_LIES = "dns_lies", _("the DNS server gives answers that cannot be true")
    DNS_DISAGREES = "dns_disagrees", _("two DNS servers say different things")
    DNS_NOWHERE = "dns_nowhere", _("no DNS server is configured on this machine")


class Examined(TextChoices):
    """What the doctor looks at."""

    SETTINGS = "settings", _("settings and system checks")
    PARTS = "parts", _("beat, sweep, workers, routes and what waits")
    BROKER = "broker", _("a message to a worker, and its answer")
    ALARMS = "alarms", _("what is wrong by the figures")
    WEBHOOKS = "webhooks", _("providers that report back")
    CLOCK = "clock", _("clock of this machine and of the database")
    TRACKING = "tracking", _("counting of openings and clicks by the provider")
    TEMPLATES = "templates", _("every mail in every language")
    TWINS = "twins", _("accounts that share an address or a spelling")
    NEAR_MISSES = "near_misses", _("stored addresses with a mistyped domain")
    DOMAINS = "domains", _("sending domains in the DNS")
    TEST_MAIL = "test_mail", _("test mail through to its delivery")
