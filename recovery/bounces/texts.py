"""The last resort: what servers say in words. The first rule that finds its phrase decides.

Servers say the same in thousands of ways; these are the phrases that many of them share. What fits none stays
undetermined. Full mailboxes and refusals for our own sake come first: their texts often name the recipient, too.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from recovery.reasons import BounceClass

HARD, SOFT, POLICY = BounceClass.HARD, BounceClass.SOFT, BounceClass.POLICY
UNDETERMINED = BounceClass.UNDETERMINED

LONGEST: Final = 2000  # characters that are searched

_WHO: Final = r"(?:user(?:name| ?id)?|recipients?|mail ?box(?:es)?|accounts?|(?:e-?mail )?address(?:es)?|alias|person)"
_NAMED: Final = rf"(?:{_WHO}|name|person|local.?part|part|login|subscriber|customer|mail drop|alias)"
_KIND: Final = r"(?:local |final |virtual |destination |delivery |e-?mail |mail ?box |smtp |or illegal |\S+@\S+ )*"
_NOT_KNOWN: Final = (
    r"(?:unknown|not (?:be )?(?:found|known|valid|recogni[sz]ed|listed|exist|defined|local|here|a (?:valid|known))"
    r"|invalid|non-?existent|unrecogni[sz]ed|incorrect|undeliverable|(?:does|did|do)(?: not|n['’]?t) exist"
    r"|could(?: not|n['’]t) be found|wasn['’]t found|mistyped|misspelled|not present|not an? active)"
)


@dataclass(frozen=True, slots=True)
class TextRule:
    """Phrases that mean one thing, and a reply of a real server that has one of them."""

    name: str
    bounce_class: BounceClass
    phrases: re.Pattern[str]
    example: str


def _rule(name: str, bounce_class: BounceClass, *phrases: str, example: str) -> TextRule:
    return TextRule(name, bounce_class, re.compile("|".join(phrases)), example)


RULES: Final = (
    _rule(
        "mailbox_full",
        SOFT,
        rf"{_WHO}\W+(?:\S+ ){{0,4}}(?:is |are |has )?(?:full\b|over[ -]?(?:\w+ )?quota|overquota|over its)",
        r"(?:over|exceed\w*|beyond|out of)\W+(?:\S+ ){0,5}(?:quota|storage|allocation)",
        r"(?:over|exceed\w*)\W+(?:\S+ ){0,5}(?:mailbox|disk|maildir)[^.]{0,20} (?:limit|space)",
        r"reached (?:\S+ ){0,3}quota|quotaexceeded|mail ?box exceeds",
        r"quota\W+(?:\S+ ){0,3}(?:exceed|full|reached|limit|violat|overflow)",
        r"(?:insufficient|not enough|no|lack of|out of)\s+(?:\S+ ){0,2}(?:disk|storage|free|mail ?box)\s*space",
        r"insufficient system storage|space not enough|mail ?folder is full",
        r"\bfull (?:mail|in)box|\b(?:mail|in)box (?:\S+ )?(?:(?:was|is|size) )?(?:too |over)?full",
        r"(?:mail ?box|account|message store) (?:\S+ )?(?:has )?(?:exceeded|reached|size limit exceeded|too large)",
        r"size limit of (?:the )?mail ?box|too many (?:messages|mails) on",
        r"(?:postfach|speicher\w*|mailbox|postvak)\b[^.]{0,40}\b(?:voll|vol|überschritten|erschöpft)\b",
        r"bo[iî]te\b[^.]{0,40}\bpleine|quota d\S+ |casella[^.]{0,40}\bpiena|buz[oó]n[^.]{0,40}\bllen[oa]",
        r"caixa[^.]{0,40}\b(?:cheia|lotada)|переполнен|容量|一杯|いっぱい|已满|已滿|空间不足|空間不足",
        example="550 5.0.0 <userx@example.com>: User account is overquota",
    ),
    _rule(
        "too_big",
        POLICY,
        r"(?:message|mail|size)\W+(?:\S+ ){0,6}too (?:big|large|long)",
        r"(?:message|mail|size)\W+(?:\S+ ){0,6}exceeds?\b[^.]{0,40}(?:size|maximum|limit)",
        r"(?:exceed\w*|larger than|over)\W+(?:\S+ ){0,4}(?:maximum|fixed|incoming|max) (?:\S+ )?(?:message|size)",
        r"(?:exceed\w*|larger than|over)\W+(?:\S+ ){0,4}(?:message size|size limit)",
        r"(?:message|mail) size (?:limit )?exceeded",
        example="550 Message size exceeds fixed maximum message size",
    ),
    _rule(
        "refused_for_us",
        POLICY,
        r"\bspam(?!trap)|\bjunk mail|unsolicited|\bbulk\b|black ?list|block ?list|deny ?list|reputation",
        r"\b(?:dns)?rbl\b|dnsbl|spamhaus|spamcop|sorbs|barracuda\S*/|senderbase|\bcbl\b",
        r"\bblocked\b|\bbanned\b|\b(?:is|been|not) (?:permitted|authori[sz]ed|allowed)\b|prohibit",
        r"virus|malware|infected|suspicious|phish|too many recipients",
        r"relay(?:ing)?\b[^.]{0,30}\b(?:denied|prohibited|not (?:permitted|allowed)|access)|open relay|rcpthosts",
        r"(?:unable|not|cannot|won't|refuse\w*) (?:to )?relay",
        r"\bspf\b|\bdkim\b|\bdmarc\b|sender policy|authentication (?:required|failed|is required)",
        r"recipient preferences|backscatter|valid from\b|from: ?domain|rdns record|sender address",
        r"(?:absender|expéditeur|remitente|mittente|afzender|отправител)\w*[^.]{0,60}"
        r"(?:unbekannt|abgelehnt|inconnu|refus|rechaz|rifiut|geweigerd|отклон)",
        r"unauthenticated|must (?:be )?authenticate|not authenticated|forged|spoof|helo",
        r"ptr record|reverse (?:dns|lookup|host)|rdns|find your (?:reverse )?host",
        r"sender (?:\S+ ){0,3}(?:rejected|denied|refused|invalid|verify failed|unknown|not allowed)",
        r"(?:invalid|unknown|bad|illegal) sender|domain of sender|sender domain",
        r"mail from\b[^.]{0,40}(?:refused|rejected|denied)|not accept(?:ing)? mail from",
        r"your (?:e-?mail|message|ip|host|domain|server)\b[^.]{0,60}(?:rejected|refused|denied|not accept)",
        r"(?:content|policy|security|local) (?:\S+ )?(?:reject|restrict|violat|filter|reasons?|polic)",
        r"message (?:\S+ ){0,2}(?:content )?(?:rejected|refused|denied)",
        r"(?:attachment|content|header)s? (?:\S+ ){0,4}(?:rejected|not accepted|denied)",
        r"rejected (?:due to|for|by) (?:\S+ )?(?:content|policy|security|filter)",
        r"(?:ip|client host|access) (?:\S+ )?(?:rejected|denied by)",
        example="554 5.0.0 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
    ),
    _rule(
        "not_for_now",
        SOFT,
        r"try (?:again|later)|again later|temporar|gr[ae]y-?list|throttl|rate limit|too (?:many|fast)\b|too much mail",
        r"deferred|delayed|defer\b|service (?:\S+ ){0,2}(?:unavailable|not available)|try (?:re)?sending",
        r"server (?:\S+ )?(?:busy|unavailable)|unavailable or busy|envelope expired",
        r"(?:retry|queue|delivery|message|maximum)\W+(?:\S+ ){0,3}(?:timed? ?out|timeout|(?:time )?expired|lifetime)",
        r"(?<!further )(?<!no more )(?:retry|delivery|maximum)\W+(?:\S+ ){0,3}attempts",
        r"delivery failed \d+ attempts|aborted after",
        r"in (?:the )?queue (?:\S+ )?too long|queue too long|not been collected|no longer be tried",
        r"(?:not|been|un)\w* deliver\w* (?:\S+ ){0,6}(?:after|for|within|in) \d+",
        r"connect(?:ion)?\b[^.]{0,40}(?:refused|timed? ?out|reset|fail\w*|lost|dropped|closed|unreachable)",
        r"(?:unable|wasn't able|cannot|can't|could ?n[o']t|failed) (?:to )?(?:connect|establish|contact|reach host)",
        r"not accept our requests to connect",
        r"no route to host|unreachable|lost connection|no answer from|not respond|timed out|timeout|network error",
        r"failing for a long time|lookup (?:failed|did not complete)",
        r"loop(?:s|ed|ing)?\b|hop count|too many hops|misconfigur|server failure|servfail|out of memory",
        r"(?:internal|system|configuration|local|i/o|input/output|file|database|lookup) (?:\S+ )?(?:error|fail)",
        r"command (?:died|output|time)|exit (?:code|status)|permission denied|can(?:no|')t create output",
        example="550 5.0.0 retry timeout exceeded: connection timed out with mx.example.com",
    ),
    _rule(
        "domain_unknown",
        HARD,
        r"(?:host|domain)(?: or domain)?(?: name)? (?:is |was |does |could )?(?:unknown|invalid|must exist)",
        r"(?:host|domain)(?: or domain)?(?: name)? (?:is |was |does |could )?not (?:be )?(?:found|exist|valid|known)",
        r"(?:unknown|no such|illegal|non-?existent|invalid|bad|find any) (?:mail )?(?:host|domain|destination|server)",
        r"name or service not known|nxdomain|unrout(?:e)?able|null mx|no (?:valid )?mx\b|mx records? point",
        r"no smtp service|(?:does not|doesn't|don't|do not) accept (?:e-?)?mail|no mail ?(?:host|exchanger|server)",
        r"domain (?:\S+ )?(?:expired|no longer|has been (?:removed|deactivated))",
        example="550 <userx@no.example>: Sorry, I couldn't find any host named no.example.",
    ),
    _rule(
        "gone",
        HARD,
        r"no longer (?:\S+ ){0,2}(?:exist|valid|active|in use|used|available|here|employ|work|with|accept|at|on|an? )",
        r"discontinued|has (?:been )?(?:moved|left|deleted|closed|terminated|removed|retired)|user has moved",
        r"been (?:\w+ )?(?:deleted|closed|terminated|removed)",
        r"(?:mailbox|account|address|user) (?:is )?(?:closed|deleted|terminated|expired)",
        example="550 5.0.0 <userx@example.com>: This account has been disabled or discontinued [#102]",
    ),
    _rule(
        "disabled",
        SOFT,
        r"disabled|suspended|inactive|deactivated|frozen|locked|on hold|not active|not activated|unused",
        example="550 <userx@example.com>: This account is currently suspended",
    ),
    # Japanese carriers take every recipient, and say so of those whose filter refuses the content.
    _rule(
        "unknown_after_data",
        UNDETERMINED,
        r"(?:unknown|no such) (?:user|recipient|mailbox).*in reply to (?:end of )?data",
        r"(?:after|response to|reply to|>>>) ?(?:end of )?(?:DATA|message text|message data|\.)\s.{0,80}"
        r"(?:unknown user|user unknown)",
        example="550 Unknown user userx@example.ne.jp (in reply to end of DATA command)",
    ),
    _rule(
        "unknown_recipient",
        HARD,
        rf"(?:unknown|no such|invalid|non-?existent|bad|illegal|incorrect|undefined|unrecogni[sz]ed|not valid|wrong)"
        rf"(?: or \w+)? {_KIND}{_NAMED}\b",
        rf"{_WHO}\b(?: name)?(?: or domain)?[^.\n]{{0,60}}?\b(?:is |was |are )?{_NOT_KNOWN}",
        r"(?:does|do)(?: not|n['’]?t) (?:seem to )?(?:exist|have an?(?: \S+){0,3} (?:account|mailbox|address|email))",
        r"not (?:a )?(?:known|valid|existing|current|local) (?:\w+ )?(?:user|recipient|mailbox|account|address)",
        r"no (?:mailbox|account|such|user|recipient|person)s? (?:here|by that|with that|found|for|matching)",
        r"no valid recipients?|(?:no|any)(?: ?one| mail box\b.{0,20}) (?:at|for) this|bad[-_ ]?(?:recipient|rcpt)",
        r"not in my valid ?rcpt|archived recipient|#?5\.1\.0 (?:- )?address rejected",
        r"no (?:mailbox|account|user|recipient|person)s? (?:named|at|of|is|there|name)|no mailbox|not our customer",
        r"not listed in|not in (?:the |our )?(?:\w+ )?(?:directory|address book)|not (?:known|found) (?:at|in|here)",
        r"mailbox (?:\S+ )?(?:is )?(?:unavailable|not available|not local)|addressee unknown|does not have a final",
        r"(?:recip(?:ient)?|rcpt(?: \S+)?) ?not ?found",
        r"nosuchuser|user unknown|unknown user|ambiguous recipient|did not (?:exactly )?match|find a gateway",
        r"recipient address rejected: access denied|access denied\. as\(201806281\)|not allowed to receive",
        r"unbekannt|existiert nicht|nicht (?:gefunden|bekannt|vorhanden)|kein(?:e[nr])? (?:solche\w* )?benutzer",
        r"n['’]existe pas|inconnue?\b|introuvable|destinataires? invalide|onbekend|bestaat niet|niet gevonden",
        r"no existe|desconocid|no encontrad|n[ãa]o existe|desconhecid|inexistente|n[ãa]o encontrad",
        r"sconosciut|inesistente|non (?:esiste|trovat)|nessun utente|nie istnieje|nieznan[ya]",
        r"не ?найден|не существует|нет такого|неизвестн|見つかりません|存在しません|不存在|无此用户|查无此",
        example="550 5.0.0 <userx@example.com>: Recipient address rejected: User unknown in local recipient table",
    ),
    _rule(
        "recipient_refused",
        POLICY,
        r"access denied|rejected|refused|denied|not accept(?:ed|ing)?",
        example="554 5.0.0 <userx@example.com>: Recipient rejected",
    ),
)


_OF_RECIPIENT: Final = tuple(rule for rule in RULES if rule.name in {"domain_unknown", "gone", "unknown_recipient"})
_BEFORE_RECIPIENT: Final = re.compile(
    r"(?:after|in reply to|in response to|response to|reply to) (?:the )?(?:ehlo|helo|mail from|starttls)\b"
    r"|>>> ?(?:ehlo|helo|mail from)\b[^>]{0,100}>?[^<>]{0,40}<<< ?[45]\d\d"
)
"""Where in the conversation the server refused; the recipient has not been named there yet."""


def before_recipient(text: str) -> bool:
    """Whether a text tells that the server refused before it heard of any recipient: then it means the sender."""
    return bool(_BEFORE_RECIPIENT.search(text[:LONGEST].lower()))


@lru_cache(maxsize=1024)
def of_recipient(text: str) -> bool:
    """Whether a text says of the recipient or its domain that there is none, whatever else it says."""
    low = text[:LONGEST].lower()
    return any(rule.phrases.search(low) for rule in _OF_RECIPIENT)


@lru_cache(maxsize=1024)
def rule_for(text: str) -> TextRule | None:
    """The first rule one of whose phrases the text has, in whatever case."""
    low = text[:LONGEST].lower()
    return next((rule for rule in RULES if rule.phrases.search(low)), None)
