"""``recovery_metrics``: the four numbers, and whether they reach their targets."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from recovery import metrics, routes
from recovery.addresses import normalise
from recovery.conf import conf
from recovery.metrics import Numbers, Selection, Share
from recovery.reasons import Kind, Standing


class Command(BaseCommand):
    help = (
        "Tells how long mail takes, how much of it arrives, how many people get in and how many need help, from the "
        "hourly figures. Exits with 1 if a target is missed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", default="24h", help="24h, 7d, or a date or moment; 24h.")
        parser.add_argument("--until", default="0h", help="The same; now.")
        parser.add_argument("--audience", default="", help="Of this audience alone.")
        parser.add_argument("--route", default="", help="By this route alone.")
        parser.add_argument("--domain", default="", help="To this recipient domain alone.")
        parser.add_argument("--kind", default="", choices=Kind.values, help="Of requests of this kind alone.")
        parser.add_argument("--json", action="store_true", help="Print one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = self._selection(options)
        numbers = metrics.in_all(metrics.by_hour(selection))
        targets = metrics.targets(numbers)
        if options["json"]:
            self.stdout.write(json.dumps(metrics.told(selection)))
        else:
            self._print(selection, numbers, targets)
        if any(target.standing == Standing.MISSED for target in targets):
            sys.exit(1)

    def _selection(self, options: dict[str, Any]) -> Selection:
        now = timezone.now()
        try:
            since, until = (metrics.parse(options[name], now) for name in ("since", "until"))
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        if since >= until:
            raise CommandError("--since must be before --until.", returncode=2)
        chosen = {name: options[name] for name in ("audience", "route", "kind")}
        selection = metrics.selection(since=since, until=until, domain=normalise(options["domain"]), **chosen)
        _refuse_unknown("audience", selection, ["default", *conf.AUDIENCES])
        _refuse_unknown("route", selection, [route.name for route in routes.all_routes()])
        return selection

    def _print(self, selection: Selection, numbers: Numbers, targets: list[metrics.Target]) -> None:
        chosen = "".join(f", {name} {value}" for name, value in selection.chosen.items())
        self.stdout.write(f"{selection.since:%Y-%m-%d %H:%M} to {selection.until:%Y-%m-%d %H:%M} UTC{chosen}")
        times = " ".join(f"p{share:g} {_seconds(numbers.percentile(share / 100))}" for share in (50, 95, 99))
        lines = {
            "delivery": f"{times}; within 60 s {_said(numbers.within(60))}",
            "delivery success": _said(numbers.delivery_success),
            "completion": f"opened in time {_said(numbers.opened)}; completed {_said(numbers.completed)}",
            "escalation": _said(numbers.escalation),
            "no news": _said(numbers.no_news),
        }
        for name, said in lines.items():
            self.stdout.write(f"{name:17} {said}")
        for target in targets:
            style = {Standing.MET: self.style.SUCCESS, Standing.MISSED: self.style.ERROR}.get(target.standing, str)
            said = f"{metrics.limit(target.wanted)}, {target.standing.label}; budget left {target.budget_left}"
            self.stdout.write(style(f"target {target.name}: {said} of {target.budget}"))
        if not metrics.rolled_at():
            self.stdout.write("Nothing was rolled up yet: beat does it every minute, recovery_roll_up at once.")


def _refuse_unknown(name: str, selection: Selection, configured: list[str]) -> None:
    """What the settings do not name may still have been there in that time."""
    wanted = getattr(selection, name)
    if wanted and wanted not in configured and wanted not in (seen := metrics.values(name, selection)):
        known = ", ".join(sorted({*configured, *seen}))
        raise CommandError(f"There is no {name} {wanted!r} in that time, but: {known}.", returncode=2)


def _said(share: Share) -> str:
    of = f"{share.numerator} of {share.denominator}"
    return f"{of} ({metrics.percent(share.share)})" if share.share is not None else of


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:g} s"
