"""The header ``Idempotency-Key`` of calls that act. What a repetition means stands in ``idempotency``."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, JsonResponse

from recovery import idempotency
from recovery.api.problems import Refused
from recovery.exceptions import KeyInUse, KeyReused
from recovery.reasons import Problem

KEY: Final = re.compile(r'"?([\x21\x23-\x7e]{16,128})"?')
"""Long enough that nobody meets another's by chance. The draft has quotes round it, most clients send none."""

Facts = Mapping[str, Any]


def once(
    request: HttpRequest,
    said: Facts,
    *,
    caller: str,
    act: Callable[[], Facts],
    told: Callable[[Facts], Facts] = dict,
    is_same: Callable[[], bool] | None = None,
    status: int = 200,
) -> JsonResponse:
    """Act, or tell what was told before of the same call. Facts are kept and hold no secret; ``told`` makes the answer
    of them. ``is_same`` judges of a repetition what must not be in ``said``, of which a hash is kept: passwords can be
    guessed (``idempotency.is_repeated``). Acts on their own commit; dies the process between the act and its note, a
    repetition acts again after ``idempotency.LEASE``.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return JsonResponse(told(act()), status=status)
    claimed = _claim(key, request, said, caller, is_same)
    if claimed.answer is not None:
        response = JsonResponse(told(claimed.answer), status=status)
        response.headers["Idempotency-Replayed"] = "true"
        return response
    try:
        facts = act()
    except BaseException:  # whatever ended it is no answer to keep: the next try with this key acts anew
        idempotency.release(claimed)
        raise
    idempotency.settle(claimed, facts)
    return JsonResponse(told(facts), status=status)


def _claim(
    key: str, request: HttpRequest, said: Facts, caller: str, is_same: Callable[[], bool] | None
) -> idempotency.Claim:
    match = KEY.fullmatch(key)
    if match is None:
        raise Refused(Problem.KEY_MALFORMED)
    try:
        claimed = idempotency.claim(match[1], caller=caller, act=request.path, body=said)
        if claimed.answer is not None and is_same and not idempotency.is_repeated(claimed, is_same):
            raise KeyReused
        return claimed
    except KeyReused:
        raise Refused(Problem.KEY_REUSED) from None
    except KeyInUse as at_work:
        raise Refused(Problem.KEY_IN_USE, until=at_work.until) from None
