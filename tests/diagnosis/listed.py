"""A provider that sends nothing to whoever is on its list, and lets addresses be taken off it."""

from dataclasses import dataclass, field
from uuid import uuid4

from tests.provider_lists.standins import KEY, Answer, Ask, Postmark


@dataclass
class WithList(Postmark):
    """Postmark's list beside its sending endpoint; ``bodies``: the newest text that it took for each address."""

    key = KEY
    bodies: dict[str, str] = field(default_factory=dict)

    def answer_proven(self, ask: Ask) -> Answer:
        if ask.path != "/email":
            return super().answer_proven(ask)
        mail = ask.json()
        if self.held.get(mail["To"]):
            said = f"Found inactive addresses: {mail['To']}. Inactive recipients have generated a hard bounce."
            return 422, {"ErrorCode": 406, "Message": said}
        self.bodies[mail["To"]] = mail["TextBody"]
        taken = {"To": mail["To"], "SubmittedAt": "2026-11-20T10:15:00Z", "MessageID": str(uuid4())}
        return 200, {**taken, "ErrorCode": 0, "Message": "OK"}
