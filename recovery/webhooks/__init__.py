"""The one door by which providers report back: verified and parsed by anymail's views, stored by ``feedback``.

Answers: 2xx stored, or not about mail of ours; 4xx forged, unreadable, or no secret is set; 5xx could not be
stored, tell us again. One malformed event costs itself alone, and is kept; in anymail it costs its whole batch.
A post with nothing else in it is kept as well, and answered 400. An empty batch that is proven is answered 200, and
nothing is kept of it: so the doctor tries the secret.

``providers`` knows who may report and by which secret, ``bodies`` what a body may be, ``parsing`` and ``topics`` what
each provider needs, ``reading`` makes our own reports of anymail's events, ``views`` answers.
"""

from recovery.webhooks.bodies import EMPTY
from recovery.webhooks.providers import PROVIDERS, Provider, missing_secret, proof
from recovery.webhooks.reading import tracked
from recovery.webhooks.views import MARK, webhook

__all__ = ["EMPTY", "MARK", "PROVIDERS", "Provider", "missing_secret", "proof", "tracked", "webhook"]
