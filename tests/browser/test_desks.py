"""Every list and row that staff read, and the pages beside them, in Django's own admin and in unfold: on a phone, in
German and in Arabic; and what staff take away from there. How the fixes go, ``test_acts`` says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser

from recovery import domains
from recovery.models import AuditEvent, Email
from recovery.reasons import Action, EmailKind, EmailState
from tests.admin.scene import Scene, set_up
from tests.admin.test_matrix import addresses, model_and_place
from tests.browser.desks import Desk, is_theirs, sat_down, too_wide
from tests.domains.conftest import Dns
from tests.domains.conftest import dns as dns  # noqa: PLC0414 - a fixture
from tests.domains.zones import DMARC, KEY, changed
from tests.policies import ENFORCED
from tests.provider_lists.standins import Postmark, listening

DOMAINS = "/admin/recovery/sendingdomain/"
TRAIL = "/admin/recovery/auditevent/"
FOLLOWED = ("ROUTES", "STAFF_MAY_SET_PASSWORDS", "ALARM_MAIL_TO", "FROM_EMAIL")
"""What the scene sets, and unfold's process must have too."""
READ = ("changelist", "change", "person", "request", "email")
"""Not a mail's preview: its frame lets no script in, and says so of the listener of ours. ``test_diagnosis`` has it."""
REASON = "asked by mail, ticket 4716"


@dataclass
class Place:
    """Morgan's desk, and one row of everything."""

    desk: Desk
    scene: Scene

    def reading(self) -> dict[str, str]:
        """Lists, rows and whatever else shows something."""
        return {name: path for name, path in addresses(self.scene).items() if model_and_place(name)[1] in READ}

    def beside(self) -> dict[str, str]:
        """What no test of a room of its own looks at."""
        ada, morgan = self.scene.rows["ada"].pk, get_user_model().objects.get(username="morgan").pk
        narrowed = {"action__exact": Action.LOCKED.value, "outcome__exact": "done", "actor": morgan, "account": ada}
        return {
            "sending domains": DOMAINS,
            "test mail": f"{DOMAINS}test-mail/",
            "person": self.person,
            "data of a person": f"{self.person}file/",
            "trail": f"{TRAIL}?{urlencode({'occurred_at__gte': '2026-01-01T00:00:00Z'})}",
            "trail, narrowed": f"{TRAIL}?{urlencode(narrowed)}",
        }

    @property
    def person(self) -> str:
        return f"/admin/recovery/resetrequest/person/{self.scene.rows['ada'].pk}/"


@pytest.fixture(params=["stock", "unfold"])
def place(request: Any, chromium: Browser, live_server: Any, settings: Any, dns: Dns) -> Iterator[Place]:
    settings.ADMIN_POLICY = ENFORCED
    dns(changed({DMARC: ["v=DMARC1; p=none"], KEY: None}))
    domains.refresh()
    with listening(Postmark()) as provider:
        scene = set_up(settings, provider)
        base, is_unfold = live_server.url, request.param == "unfold"
        if is_unfold:
            unfolded = request.getfixturevalue("unfolded")
            unfolded.follow(**{name: settings.RECOVERY[name] for name in FOLLOWED})
            base = unfolded.base
        for desk in sat_down(chromium, base, DOMAINS, is_unfold=is_unfold):
            yield Place(desk, scene)


def test_every_list_and_row_fits_a_phone_in_german_or_arabic_and_asks_for_nothing_that_the_policy_forbids(
    place: Place,
) -> None:
    desk = place.desk
    ways = [("de", "ltr"), ("ar", "rtl")]
    desk.window.wear("narrow")
    for number, (name, path) in enumerate(place.reading().items()):
        language, direction = ways[(number + desk.is_unfold) % 2]  # in the one admin in this, in the other in that
        desk.speak(language)
        desk.open(path)
        assert desk.speaks() == (language, direction), name
        assert desk.complaints() == [], name
        assert too_wide(desk.page) == [], name


def test_the_pages_beside_them_are_sound_in_every_light_and_in_both_directions(place: Place) -> None:
    desk = place.desk
    for name, path in place.beside().items():
        for language, looks in (("de", ("dark", "narrow")), ("ar", ("light", "narrow"))):
            desk.speak(language)
            desk.window.wear(looks[0])
            desk.open(path)
            assert desk.faults() == [], (name, looks[0])
            desk.window.wear(looks[1])
            if language == "de":
                desk.speak_at_length()
            assert too_wide(desk.page) == [], (name, language)


def test_the_report_and_a_persons_data_are_taken_and_a_test_mail_is_sent_by_keyboard_alone(place: Place) -> None:
    desk = place.desk
    desk.open(TRAIL)
    report = taken(desk, "form[action*='/report/csv/'] button")
    assert "reference" in report.splitlines()[0]
    assert AuditEvent.objects.get(action=Action.EXPORTED).detail["model"] == "report"
    desk.open(place.person)
    desk.press("a[href$='/file/']")
    desk.tab_to("[name=reason]")
    desk.page.keyboard.type(REASON)
    assert json.loads(taken(desk, "#content-main [type=submit]"))
    assert AuditEvent.objects.get(action=Action.PERSON_EXPORTED).reason == REASON
    desk.open(DOMAINS)
    desk.press("a[href$='/test-mail/']")
    desk.tab_to("[name=reason]")
    desk.page.keyboard.type(REASON)
    desk.press("#content-main [type=submit]")
    sent = Email.objects.get(kind=EmailKind.TEST)
    assert (sent.recipient, sent.state) == ("morgan@example.com", EmailState.QUEUED)
    assert desk.path() == f"/admin/recovery/email/{sent.pk}/change/"
    assert AuditEvent.objects.get(action=Action.TEST_MAIL_SENT).reason == REASON
    assert desk.complaints() == []


def taken(desk: Desk, button: str) -> str:
    """The file that this button, reached by Tab, answers with."""
    desk.tab_to(button)
    with desk.page.expect_download() as download:
        desk.page.keyboard.press("Enter")
    return download.value.path().read_text()


def test_what_is_ours_is_told_from_what_unfold_does(place: Place) -> None:
    """The guard of all of these: what our content does against the policy is told, wherever; unfold's own is not."""
    desk = place.desk
    desk.open(DOMAINS)
    assert desk.complaints() == []
    desk.page.evaluate(
        "() => { const mark = document.createElement('p'); document.querySelector('#content-main').append(mark);"
        " mark.setAttribute('style', 'color: red'); mark.setAttribute('onclick', 'alert()');"
        " document.body.append(Object.assign(new Image(), {src: 'https://evil.example/'}));"
        " console.warn('of no error at all'); }"
    )
    told = " ".join(desk.complaints())
    for fault in ("style-src-attr inline", "script-src-attr inline", "img-src https://evil", "of no error at all"):
        assert fault in told
    theirs = {"what": "script-src eval", "by": f"{desk.window.base}/static/unfold/js/alpine/alpine.js", "at": "BODY"}
    assert is_theirs(theirs)
    assert not is_theirs({**theirs, "by": f"{desk.window.base}/static/recovery/admin.js"})
    assert not is_theirs({**theirs, "by": f"{desk.window.base}{DOMAINS}", "at": "STYLE"})
