"""What receivers do with forged mail of a domain, and which domains belong together: the tree walk of RFC 9989."""

from dataclasses import dataclass
from typing import Final

from recovery.domains.asking import Asker
from recovery.domains.found import Finding
from recovery.domains.tags import tags_of
from recovery.reasons import DomainPart, DomainReason, Judgement

VERSION: Final = "DMARC1"
MOST_LABELS: Final = 7  # of what is asked for after the domain itself: RFC 9989 section 4.10
POLICIES: Final = ("none", "quarantine", "reject")


@dataclass(frozen=True, slots=True)
class Policy:
    """One record that holds, and at which domain it stands."""

    domain: str
    tags: dict[str, str]

    def of(self, domain: str, *, exists: bool) -> str:
        """The word that holds for mail from ``domain``: np and sp for what lies below the record."""
        own = self.tags.get("p", "none").lower()
        if domain == self.domain:
            return own
        below = self.tags.get("sp", own).lower()
        return below if exists else self.tags.get("np", below).lower()

    def is_strict(self, tag: str) -> bool:
        return self.tags.get(tag, "r").lower() == "s"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a domain's own record says (``reason`` where it does not hold), and the policy in force, if there is one."""

    reason: DomainReason | None
    text: str
    policy: Policy | None
    organisation: str


def stand(asker: Asker, domain: str) -> Standing:
    """Which policy holds for mail from a domain (RFC 9989 section 4.10.1). Raises NotKnown."""
    texts = _texts(asker, domain)
    reason, own = _of(texts, domain)
    walked = _walk(asker, domain, own)
    organisation = _organisation(domain, walked)
    in_force = own or next((policy for policy in walked if policy.domain == organisation), None)
    if in_force is None:
        in_force = next((policy for policy in walked if _psd(policy) == "y"), None)
    return Standing(reason, " ".join(texts[:1]), in_force, organisation)


def organisation_of(asker: Asker, domain: str) -> str:
    """The domain that stands for all below it that belong together (RFC 9989 section 4.10.2). Raises NotKnown."""
    return stand(asker, domain).organisation


def look(asker: Asker, domain: str) -> tuple[Finding, Policy | None]:
    """The finding, and the policy for judging what fits. Raises NotKnown."""
    found = stand(asker, domain)
    if found.reason or found.policy is None:
        reason = found.reason or DomainReason.DMARC_MISSING
        own = tags_of(found.text) if reason == DomainReason.DMARC_BROKEN else None
        record = _wanted(domain, own or {})
        finding = _finding(reason, Judgement.PROBLEM, domain, at=domain, detail=found.text, record=record)
        return finding, found.policy
    policy, reason, changes = found.policy, DomainReason.DMARC_GOOD, dict[str, str]()
    weak = [tag for tag in ("p", "sp", "np") if policy.tags.get(tag, "").lower() == "none"]
    if weak or policy.of(domain, exists=asker.exists(domain)) == "none":
        reason, changes = DomainReason.DMARC_NONE, dict.fromkeys(weak or ["p"], "quarantine")
    elif policy.tags.get("t", "n").lower() == "y":
        reason, changes = DomainReason.DMARC_TESTING, {"t": "n"}
    judgement = Judgement.NOTICE if changes else Judgement.OK
    record = _text({**policy.tags, **changes}) if changes else ""
    return _finding(reason, judgement, domain, at=policy.domain, detail=_text(policy.tags), record=record), policy


def is_aligned(asker: Asker, domain: str, other: str, *, strict: bool) -> bool:
    """Whether both are one, or where that is enough, belong to one organisation. Raises NotKnown."""
    if domain == other or strict:
        return domain == other
    return organisation_of(asker, domain) == organisation_of(asker, other)


def _texts(asker: Asker, domain: str) -> list[str]:
    """Records that begin with the version; others at this name mean nothing (RFC 9989 section 4.7)."""
    return [text for text in asker.texts(f"_dmarc.{domain}") if _names_version(text)]


def _names_version(text: str) -> bool:
    name, _, value = text.partition(";")[0].partition("=")
    return name.strip() == "v" and value.strip() == VERSION


def _of(texts: list[str], domain: str) -> tuple[DomainReason | None, Policy | None]:
    """The one record of a domain; several are none, and so is one without a policy and without a place for reports."""
    if not texts:
        return None, None
    if len(texts) > 1:
        return DomainReason.DMARC_SEVERAL, None
    tags = tags_of(texts[0])
    if tags is None:
        return DomainReason.DMARC_BROKEN, None
    is_sound = "p" in tags and all(tags[tag].lower() in POLICIES for tag in ("p", "sp", "np") if tag in tags)
    if not is_sound:
        # Receivers take it for p=none where reports are wanted, and for nothing where they are not.
        is_wanted = tags.get("rua", "").lower().startswith("mailto:")
        kept = {tag: value for tag, value in tags.items() if tag not in ("sp", "np")}
        return DomainReason.DMARC_BROKEN, Policy(domain, {**kept, "p": "none"}) if is_wanted else None
    return None, Policy(domain, tags)


def _psd(policy: Policy) -> str:
    return policy.tags.get("psd", "u").lower()


def _walk(asker: Asker, domain: str, own: Policy | None) -> list[Policy]:
    """The records on the way up, the longest name first."""
    found = [own] if own else []
    labels = domain.split(".")[1:][-MOST_LABELS:]
    while labels:
        above = ".".join(labels)
        _, policy = _of(_texts(asker, above), above)
        if policy:
            found.append(policy)
            if _psd(policy) in ("y", "n"):
                break
        labels = labels[1:]
    return found


def _organisation(domain: str, walked: list[Policy]) -> str:
    for policy in walked:
        if _psd(policy) == "n":
            return policy.domain
        if _psd(policy) == "y" and policy.domain != domain:
            depth = policy.domain.count(".") + 2
            return ".".join(domain.split(".")[-depth:])
    return walked[-1].domain if walked else domain


def _wanted(domain: str, own: dict[str, str]) -> str:
    """A record that stops no mail, since nobody knows yet which passes; what the domain's own says in readable tags is
    kept, its place for reports before all."""
    kept = {tag: value for tag, value in own.items() if tag not in ("v", "p", "sp", "np")}
    return _text({"v": VERSION, "p": "none", "rua": f"mailto:dmarc@{domain}", **kept})


def _text(tags: dict[str, str]) -> str:
    return "; ".join(f"{tag}={value}" for tag, value in tags.items())


def _finding(
    reason: DomainReason, judgement: Judgement, domain: str, *, at: str, detail: str = "", record: str = ""
) -> Finding:
    return Finding(
        part=DomainPart.DMARC,
        judgement=judgement,
        reason=reason,
        subject=domain,
        detail=detail,
        name=f"_dmarc.{at}" if record else "",
        kind="TXT" if record else "",
        record=record,
    )
