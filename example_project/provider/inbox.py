"""The inbox: what every recipient would see, for whoever tries the demo. HTML without scripts, styled by ``inbox.css``.

Mail is foreign text: the text part is escaped and its links alone become links; the HTML part has a URL of its own
whose policy allows nothing but its own styles, and is shown in a frame from there.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from example_project.provider import fates
from example_project.provider.fates import Record
from example_project.provider.ledger import Event, Ledger, Message

HTML = "text/html; charset=utf-8"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
SECONDS = 3
WORDS = {
    Record.DELIVERY: ("good", "Delivered", "The mailbox took it."),
    Record.HARD_BOUNCE: ("bad", "Bounced for good", "The mailbox does not exist; the person never saw this mail."),
    Record.SOFT_BOUNCE: ("bad", "Bounced", "The mailbox is full; the person never saw this mail."),
    Record.TRANSIENT: ("wait", "Delayed", "The mailbox asked to come back later."),
    Record.SPAM_COMPLAINT: ("bad", "Reported as spam", "The person pressed the spam button."),
    Record.OPEN: ("good", "Opened", "The tracking picture was loaded."),
}
ACCEPTED = ("wait", "Accepted", "On its way to the mailbox.")
SILENT = ("wait", "Accepted", "Nothing more was heard of it, as with a mail that a filter swallows.")
LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
FILES = {"/inbox.css": "text/css; charset=utf-8", "/envelope.svg": "image/svg+xml"}


@dataclass(frozen=True)
class Page:
    """An answer to a GET. ``opened`` is the mail whose HTML part is being read."""

    body: bytes
    status: int = 200
    content_type: str = HTML
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Security-Policy": PAGE_POLICY})
    opened: Message | None = None


def page(path: str, ledger: Ledger, *, still: bool) -> Page:
    """The page at a path. ``still`` leaves out the refreshing."""
    if path == "/":
        return _list(ledger.messages[::-1], still)
    if path in FILES:
        return Page(Path(__file__).with_name(path[1:]).read_bytes(), content_type=FILES[path])
    if found := re.fullmatch(r"/mail/([0-9a-f-]{36})/(html)?", path):
        message = ledger.find(found[1])
        if message and found[2]:
            return Page(message.html.encode(), headers={"Content-Security-Policy": MAIL_POLICY}, opened=message)
        if message:
            return _mail(message, still)
    lost = '<p>No such mail. The inbox lives in memory and starts empty.</p><p><a href="/">Inbox</a></p>'
    return _document("Not found", lost, status=404)


def _list(messages: list[Message], still: bool) -> Page:
    if messages:
        rows = "".join(_row(message) for message in messages)
        body = f'<ol class="mails" reversed>{rows}</ol>'
    else:
        hint = "No mail yet. Ask for a reset link on the site, and it arrives here within a second or two."
        body = f'<p class="empty">{hint}</p>'
    return _document("Inbox", _refreshing("/", still) + body + _legend(), refresh=not still)


def _row(message: Message) -> str:
    mood, word, _ = _state(message)
    return (
        f'<li><a href="/mail/{message.id}/">'
        f'<span class="to">{escape(", ".join(message.recipients))}</span>'
        f'<span class="state {mood}">{word}</span>'
        f'<span class="subject">{escape(message.subject)}</span>'
        f"{_time(message.arrived_at)}</a></li>"
    )


def _mail(message: Message, still: bool) -> Page:
    opens, links = "on" if message.track_opens else "off", "off" if message.track_links == "None" else "on"
    facts = {
        "From": escape(message.sender),
        "To": escape(", ".join(message.recipients)),
        "Arrived": _time(message.arrived_at),
        "Metadata": escape(", ".join(f"{name}={value}" for name, value in message.metadata.items())) or "none",
        "Tracking": f"opens {opens}, links {links}",
    }
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    events = "".join(_event(event) for event in message.events)
    mood, word, meaning = _state(message)
    parts = [
        '<p class="back"><a href="/">Inbox</a></p>',
        f'<p class="note"><span class="state {mood}">{word}</span> {meaning}</p>',
        f'<dl class="facts">{rows}</dl>',
        f'<h2>Text</h2><pre class="text">{_linked(message.text.rstrip())}</pre>' if message.text else "",
    ]
    if message.html:
        frame = f'<iframe title="HTML part of the mail" src="/mail/{message.id}/html" sandbox></iframe>'
        alone = f'<a href="/mail/{message.id}/html">Show it on a page of its own</a>'
        parts.append(f'<h2>HTML</h2>{frame}<p class="hint">{alone}. Links work in the text above.</p>')
    became = f'<ol class="events">{events}</ol>' if events else '<p class="hint">Nothing yet.</p>'
    parts.append(f"<h2>What became of it</h2>{became}")
    return _document(message.subject or "(no subject)", "".join(parts), refresh=message.is_waiting and not still)


def _event(event: Event) -> str:
    mood, word, _ = WORDS[event.record]
    told = f"told the site, which answered {event.answer}" if event.answer else "the site has not been told"
    what = f'<span class="state {mood}">{word}</span> {escape(event.recipient)}'
    return f'<li>{what} {_time(event.at)} <span class="hint">{told}</span></li>'


def _state(message: Message) -> tuple[str, str, str]:
    if message.latest:
        return WORDS[message.latest.record]
    return ACCEPTED if message.is_waiting else SILENT


def _legend() -> str:
    rows = "".join(f"<dt>{escape(fate.name)}@…</dt><dd>{escape(fate.meaning)}</dd>" for fate in fates.CHOSEN.values())
    rows += f"<dt>anyone else</dt><dd>{fates.DELIVERED.meaning}</dd>"
    return f"<details><summary>Recipients choose their fate by name</summary><dl>{rows}</dl></details>"


def _refreshing(path: str, still: bool) -> str:
    if still:
        return f'<p class="hint">Not refreshing. <a href="{path}">Refresh every {SECONDS} seconds</a></p>'
    return f'<p class="hint">Refreshes every {SECONDS} seconds. <a href="{path}?still">Pause</a></p>'


def _linked(text: str) -> str:
    """Escaped text in which web addresses are links, which tell the site nothing of where they were clicked."""
    parts, end = [], 0
    for found in LINK.finditer(text):
        address = escape(found[0])
        parts += [escape(text[end : found.start()]), f'<a href="{address}" rel="noreferrer">{address}</a>']
        end = found.end()
    return "".join([*parts, escape(text[end:])])


def _time(at: datetime) -> str:
    precise = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f'<time datetime="{at.isoformat()}" title="{precise}">{at.astimezone():%H:%M:%S}</time>'


def _document(title: str, body: str, *, status: int = 200, refresh: bool = False) -> Page:
    head = f'<meta http-equiv="refresh" content="{SECONDS}">' if refresh else ""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">{head}'
        '<link rel="icon" href="/envelope.svg"><link rel="stylesheet" href="/inbox.css"></head>'
        '<body><header><a href="/">Mail provider</a> <span>on localhost: nothing leaves this machine</span></header>'
        f"<main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return Page(html.encode(), status=status)
