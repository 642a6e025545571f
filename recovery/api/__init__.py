"""The JSON API: what the pages do, for programs and front ends of a site's own. Mounted by ``recovery.api.urls``.

Thin like every face: a call is read, one verb of a rule module is asked, its answer is told. ``calls`` is the door of
every call (method, origin, headers), ``bodies`` reads what was sent, ``problems`` tells refusals (RFC 9457), ``once``
keeps repetitions apart, ``members`` says which member of staff calls. ``openapi.json`` describes all of it.
"""
