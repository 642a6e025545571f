"""``manage.py demo``: a site, a worker and a mail provider to try recovery on; with ``--once`` a whole story in one go.

Reads options and prints; what it prints about lives in ``example_project.demo``.
"""

import contextlib
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand, CommandError, call_command
from django.db import DatabaseError

from example_project import seeds
from example_project.demo import plan as plans
from example_project.demo import stage as stages
from example_project.demo.callers import Caller, Callers
from example_project.demo.doors import Doors
from example_project.demo.scenes import Scenes
from example_project.demo.story import Moment, Story, StoryFailed
from example_project.demo.visitor import NotOffered
from example_project.servers import ServerDied, ServerUnavailable, stopping_at_signals
from recovery import rollup

TRIES = 10  # at rolling up, while a worker is at it


class Command(BaseCommand):
    help = "Starts the example site with a worker, a broker and a mail provider on this machine. Nothing leaves it."
    # The database does not exist yet, and the checks have their own command.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Live through a reset and what may go wrong, and exit.")
        parser.add_argument("--without-webhooks", action="store_true", help="The provider never reports back.")
        parser.add_argument(
            "--port", type=int, help=f"Port of the site; {plans.SITE_PORT} or any free one if left out."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        plan = plans.Plan.read()
        if plan is None:
            try:
                plans.begin_anew(plans.make(options["port"]))
            except plans.PortTaken as taken:
                raise CommandError(str(taken)) from taken
        try:
            with (
                stopping_at_signals(),
                stages.running(plan, webhooks=not options["without_webhooks"], warn=self.warn) as stage,
            ):
                if options["once"]:
                    self.tell(Story(stage, self.say))
                else:
                    try:
                        self.welcome(plan, Callers(Story(stage, self.say)).ring())
                        self.keep_open(stage)
                    except KeyboardInterrupt:
                        with contextlib.suppress(DatabaseError, OSError):  # of a terminal that is gone as well
                            self.count()
                        raise
        except KeyboardInterrupt:
            self.stdout.write("\nStopped; nothing is left running.")
            if options["once"]:
                raise CommandError("Interrupted.", returncode=130) from None
        except (ServerDied, ServerUnavailable, seeds.NotOurs, StoryFailed, NotOffered, OSError) as trouble:
            raise CommandError(str(trouble)) from trouble

    def say(self, text: str) -> None:
        """At once, also into a pipe."""
        self.stdout.write(text)
        self.stdout.flush()

    def warn(self, text: str) -> None:
        self.stderr.write(self.style.WARNING(text))

    def keep_open(self, stage: stages.Stage) -> None:
        """Until a signal comes or a server is gone."""
        while True:
            stage.raise_if_dead()
            time.sleep(0.5)

    def tell(self, story: Story) -> None:
        """All tales with their timelines. Raises StoryFailed when a moment is missing, after printing the rest."""
        missing = []
        first = ("A reset, from the click to the new password", story.reset)
        for title, tale in [first, *Scenes(story).all(), *Doors(story).all(), *Callers(story).all()]:
            self.stdout.write(self.style.MIGRATE_HEADING(f"\n{title}"))
            moments = tale()
            self.print_timeline(moments)
            missing += [f"{moment.name} ({title.lower()})" for moment in moments if moment.at is None]
        self.count()
        if missing:
            raise StoryFailed(f"These never came: {', '.join(missing)}.")
        self.stdout.write(self.style.SUCCESS("\nEvery step did what it should."))

    def count(self) -> None:
        """The four numbers of all that happened, as the dashboard has them."""
        for _ in range(TRIES):
            if rollup.roll_up() is not None:
                break
            time.sleep(0.2)
        self.stdout.write(self.style.MIGRATE_HEADING("\nThe four numbers"))
        with contextlib.suppress(SystemExit):  # its exit code tells of a target that was missed
            call_command("recovery_metrics", stdout=self.stdout)

    def print_timeline(self, moments: list[Moment]) -> None:
        start = moments[0].at
        for moment in moments:
            if moment.at is not None and start is not None:
                self.stdout.write(f"  {moment.name:<12} {(moment.at - start).total_seconds():8.3f} s")

    def welcome(self, plan: plans.Plan, calls: list[tuple[Caller, str]]) -> None:
        people = "\n".join(f"  {person.username:<8} {person.about} ({person.address})" for person in seeds.PEOPLE)
        calling = "\n".join(
            f'  {caller.person.first_name:<8} "{caller.says}"\n  {"":<8} {url}' for caller, url in calls
        )
        site, inbox = plan.site_url, plan.provider_url
        stays = "" if plan.has_own_database else "; your database stays, with the people above in it"
        self.say(
            f"""
The site         {site}/
Mail inbox       {inbox}
Administration   {site}/admin/
Dashboard        {site}/admin/recovery/rollup/

Everybody's password is "{seeds.PASSWORD}":
{people}

Five people call support. Sign in as agent: the page of each says why they cannot get in, and what mends it.
{calling}

To forget a password yourself, ask for ada@example.org at {site}/recovery/forgot/; the mail comes to the inbox.

Ctrl-C ends it all, and prints the four numbers{stays}.
"""
        )
