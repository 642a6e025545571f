"""Whether providers can report back: the secret, the door as it is seen from outside, and when they last spoke."""

from collections.abc import Iterator
from typing import Final

import requests
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from recovery import audiences, webhooks
from recovery.conf import conf
from recovery.doctor.symptoms import Symptom
from recovery.exceptions import Misconfigured
from recovery.reasons import Examined, Judgement

PATIENCE: Final = 5  # seconds to connect, and to answer
REFUSED: Final = frozenset({400, 401, 403})


def webhooks_of_providers() -> Iterator[Symptom]:
    """Each provider of ``WEBHOOKS``; what they said last stands among the parts."""
    for esp in conf.WEBHOOKS:
        if esp not in webhooks.PROVIDERS:
            continue  # a system check says so
        if missing := webhooks.missing_secret(esp):
            said = _("%(esp)s: there is no secret, so every report is refused.") % {"esp": esp}
            advice = _("Set ANYMAIL[%(name)r], and give it to the provider.") % {"name": missing}
            yield Symptom(Examined.WEBHOOKS, Judgement.PROBLEM, said, advice, esp)
        else:
            yield _door(esp)


def _door(esp: str) -> Symptom:
    """Post something unsigned, as a forger would: a door that is there refuses it. Then nothing, signed as the provider
    would sign it, which must be taken."""
    try:
        url = audiences.get().base_url + reverse("recovery:webhook", args=[esp])
    except (Misconfigured, NoReverseMatch) as error:
        advice = _("Set BASE_URL, and include recovery.urls in the site's URLs.")
        return Symptom(Examined.WEBHOOKS, Judgement.PROBLEM, f"{esp}: {type(error).__name__}", advice, esp)
    try:
        answer = requests.post(url, json={}, timeout=PATIENCE, allow_redirects=False)
        if answer.status_code not in REFUSED or answer.headers.get(webhooks.MARK) != esp:
            return _wrong(esp, url, answer.status_code)
        return _secret(esp, url)
    except requests.RequestException as error:
        said = _("%(url)s cannot be reached from this machine (%(error)s).")
        facts = {"url": url, "error": type(error).__name__}
        advice = _(
            "Try it from outside: the provider must reach it. A machine behind its own proxy may not reach itself."
        )
        return Symptom(Examined.WEBHOOKS, Judgement.UNKNOWN, said % facts, advice, esp)


def _wrong(esp: str, url: str, status: int) -> Symptom:
    """It was not our own door that refused."""
    facts = {"url": url, "status": str(status)}
    said = _("%(url)s answered %(status)s.") % facts
    if status in REFUSED:
        advice = _(
            "That was not this app: look at ALLOWED_HOSTS, and at what stands in front of the site, such as a password "
            "or a firewall."
        )
    elif 200 <= status < 300:
        said = _("%(url)s answered %(status)s to a post that nobody signed.") % facts
        advice = _("Something in front of the site answers in its place, or the secret is not asked for: look at both.")
    elif 300 <= status < 400:
        said = _("%(url)s sends posts on to another address (%(status)s), and providers do not follow.") % facts
        advice = _("Give the provider the address that it leads to, or set BASE_URL to it.")
    else:
        advice = _("Include recovery.urls where BASE_URL leads to, and let posts from outside through.")
    return Symptom(Examined.WEBHOOKS, Judgement.PROBLEM, said, advice, esp)


def _secret(esp: str, url: str) -> Symptom:
    """Whether the process that answers has the secret that these settings have, and sees the proof of it."""
    headers = webhooks.proof(esp, webhooks.EMPTY)
    if headers is None:
        said = _("%(url)s is there, and refuses what is not signed.") % {"url": url}
        return Symptom(Examined.WEBHOOKS, Judgement.OK, said, "", esp)
    headers |= {"Content-Type": "application/json"}
    answer = requests.post(
        url,
        data=webhooks.EMPTY,
        headers=headers,
        auth=lambda prepared: prepared,  # else what a .netrc says would stand in the place of our proof
        timeout=PATIENCE,
        allow_redirects=False,
    )
    facts = {"url": url, "status": str(answer.status_code)}
    if answer.ok and answer.headers.get(webhooks.MARK) == esp:
        said = _("%(url)s is there, refuses what is not signed, and takes what the secret of the settings signs.")
        return Symptom(Examined.WEBHOOKS, Judgement.OK, said % facts, "", esp)
    said = _("%(url)s refuses what the secret of the settings signs (%(status)s), so every report is refused.")
    advice = _(
        "Give the process behind it the same ANYMAIL as this one, and let the header with the proof through, which "
        "some proxies take off."
    )
    return Symptom(Examined.WEBHOOKS, Judgement.PROBLEM, said % facts, advice, esp)
