"""The roles of docs/roles.md, one signed-in member of staff each, who notices any secret that a page tells."""

import re
from typing import Any, Final

from django.contrib.auth.models import Permission
from django.db.models import Q
from django.test import Client

from example_project.servers import ROOT
from tests.factories import StaffFactory

NAMES: Final = {"V": "viewer", "A": "agent", "S": "senior agent", "O": "security officer", "U": "superuser"}
CSRF: Final = "k" * 32


def documented() -> dict[str, set[str]]:
    """The rights of each role, as ``app.codename``."""
    rows = re.findall(r"^\|(.*)\|$", (ROOT / "docs" / "roles.md").read_text(), re.MULTILINE)
    head, _line, *rights = [[cell.strip() for cell in row.split("|")] for row in rows]
    return {
        role: {row[0].strip("`") for row in rights if row[place] == "yes"}
        for place, role in enumerate(head)
        if place > 0
    }


class Role:
    """A member of staff with the rights of a role, and what they get who ask with or without a page before."""

    def __init__(self, letter: str, secrets: frozenset[str]) -> None:
        self.letter = letter
        self.member: Any = StaffFactory.create(is_superuser=letter == "U")
        if letter != "U":
            self.member.user_permissions.set(_permissions(documented()[NAMES[letter]]))
        self.client = Client(enforce_csrf_checks=True)
        self.client.force_login(self.member)
        self.client.cookies["csrftoken"] = CSRF
        self.secrets = secrets

    def may(self, who: str) -> bool:
        return self.letter in who

    def get(self, path: str, data: Any = None) -> Any:
        return self._looked_at(self.client.get(path, data), path)

    def post(self, path: str, data: Any = None, *, csrf: bool = True) -> Any:
        """Straight, as a script would that knows the form."""
        proof = {"csrfmiddlewaretoken": CSRF} if csrf else {}
        return self._looked_at(self.client.post(path, {**proof, **(data or {})}), path)

    def _looked_at(self, answer: Any, path: str) -> Any:
        self.client.cookies.pop("messages", None)
        answer.body = b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()
        told = [secret for secret in self.secrets if secret in answer.body]
        assert told == [], f"{path} tells {NAMES[self.letter]} a secret"
        return answer


def _permissions(rights: set[str]) -> Any:
    wanted = Q()
    for right in rights:
        app, codename = right.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = Permission.objects.filter(wanted)
    assert found.count() == len(rights), rights
    return found
