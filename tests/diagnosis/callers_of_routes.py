"""Callers whose mail has no way out, waits for one, or is with the provider."""

from typing import Any

from example_project.provider.fates import Record
from recovery import resets, sweep
from recovery.models import Email
from recovery.reasons import Cause, EmailState
from tests.asking import asked
from tests.diagnosis.callers_of_mail import MINUTES, switch_off, waits
from tests.diagnosis.calling import Call, calls
from tests.diagnosis.stage import Stage, explained
from tests.ways_out import told


@calls(Cause.NO_ROUTE)
def has_no_way_out(stage: Stage) -> Call:
    user = stage.reader()
    stage.set(ROUTES=[{**stage.way(), "KINDS": ["alarm"]}])
    stage.asks(user)

    def has_one(said: Any) -> None:
        stage.set(ROUTES=[stage.way()])
        sweep.sweep()

    return Call(user, user, mend=has_one)


@calls(Cause.ROUTE_OFF)
def finds_the_route_off(stage: Stage) -> Call:
    user = stage.reader()
    switch_off("main")
    stage.asks(user)
    return Call(user, user)


@calls(Cause.PROVIDER_REFUSES_US)
def has_a_provider_that_refuses_us(stage: Stage) -> Call:
    user = stage.reader()
    stage.provider.mode("bad_key")
    stage.asks(user)

    def has_a_key(said: Any) -> None:
        stage.provider.mode("ok")
        stage.time_passes(6 * MINUTES)

    return Call(user, user, mend=has_a_key)


@calls(Cause.PROVIDER_DOWN)
def has_a_provider_that_is_down(stage: Stage) -> Call:
    user = waits(stage)
    return Call(user, user, mend=lambda said: stage.time_passes(6 * MINUTES))


@calls(Cause.PROVIDER_BUSY)
def is_asked_to_come_back(stage: Stage) -> Call:
    user = stage.reader()
    stage.provider.mode("limited", times=1)
    stage.asks(user)
    return Call(user, user, mend=lambda said: stage.time_passes(6 * MINUTES))


@calls(Cause.ANSWER_LOST)
def may_have_it_already(stage: Stage) -> Call:
    user = stage.reader()
    stage.provider.mode("garbage", times=1)
    stage.asks(user)
    return Call(user, user, mend=lambda said: stage.says(user, Record.DELIVERY))


@calls(Cause.DELAYED)
def has_a_slow_server(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.says(user, Record.TRANSIENT)
    return Call(user, user, mend=lambda said: stage.says(user, Record.DELIVERY))


@calls(Cause.NO_NEWS)
def hears_nothing(stage: Stage) -> Call:
    user = stage.reader()
    stage.asks(user)
    stage.time_passes(31 * MINUTES)
    return Call(user, user, mend=lambda said: stage.says(user, Record.DELIVERY))


@calls(Cause.NO_REPORTS)
def has_a_provider_that_never_reports(stage: Stage) -> Call:
    user = stage.reader()
    stage.set(WEBHOOKS={})
    stage.asks(user)
    return Call(user, user, mend=lambda said: None)


@calls(Cause.NO_NEWS_YET)
def was_mailed_just_now(stage: Stage) -> Call:
    user = stage.reader()
    return Call(stage.asks(user), user, mend=lambda said: stage.says(user, Record.DELIVERY))


@calls(Cause.BEING_SENT)
def is_being_mailed(stage: Stage) -> Call:
    user = stage.reader()
    call = Call(user, user, fixed=False)

    def look(message: Any) -> None:
        call.seen = explained(user)

    with told(stage.settings, look):
        stage.asks(user)
    return call


@calls(Cause.QUEUED)
def is_in_the_queue(stage: Stage) -> Call:
    user = stage.reader()
    stage.only_asks(user)
    resets.decide(asked().pk)
    assert Email.objects.get().state == EmailState.QUEUED
    return Call(user, user, mend=lambda said: sweep.sweep())
