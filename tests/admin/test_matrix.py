"""Every role at every page, act and file of the admin, as tests/admin/rights.py has it; none of them tells a secret."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, reverse

from recovery import lockouts
from recovery.models import AuditEvent, Lockout
from recovery.reasons import Action
from tests.admin.rights import ACTS, CONFIRMED, EDIT, READ, SHOWN, WHY, Act
from tests.admin.roles import NAMES, Role, documented
from tests.admin.scene import Scene, may_act_on_bob, set_up
from tests.factories import UserFactory
from tests.provider_lists.standins import Postmark, listening

pytestmark = [pytest.mark.django_db, pytest.mark.attack(111)]

each_role = pytest.mark.parametrize("letter", NAMES)
OF_NOBODY = (
    "recovery_routestate",
    "recovery_levelswitch",
    "recovery_rollup",
    "recovery_rawevent",
    "recovery_incident",
    "recovery_sendingdomain",
)
"""Whose rows belong to no person, so that no scope hides them."""
ROW_PLACES = ("change", "history", "delete", "password_change")


@pytest.fixture
def scene(settings: Any) -> Iterator[Scene]:
    with listening(Postmark()) as provider:
        yield set_up(settings, provider)


def pages() -> dict[str, URLPattern]:
    """The admin's own URLs of our models and of people, by name."""
    of = {model: pages for model, pages in admin.site._registry.items() if _is_ours(model)}
    return {str(each.name): each for pages in of.values() for each in pages.get_urls() if each.name}


def _is_ours(model: Any) -> bool:
    return model._meta.app_label == "recovery" or model is get_user_model()


def model_and_place(name: str) -> tuple[str, str]:
    app, model, place = name.split("_", 2)
    return f"{app}_{model}", place


def acts_by_url() -> set[str]:
    return {act.url for act in ACTS if not act.action}


def rows() -> dict[str, list[Any]]:
    """All that anybody could have changed, as it stands; but not who looked up whom and who was refused a page, which
    is written down with where it came from."""
    models = [*apps.get_app_config("recovery").get_models(), get_user_model(), LogEntry]
    real = [model for model in models if not model._meta.proxy]
    found = {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in real}
    noted = AuditEvent.objects.filter(action__in=[Action.DIAGNOSED, Action.ACCESS_REFUSED])
    outside = AuditEvent.objects.filter(action=Action.STAFF_REFUSED, detail__by="MAY_ACT_ON")
    looks = set((noted | outside).values_list("pk", flat=True))
    for label in ("recovery.AuditEvent", "recovery.AuditOrigin"):
        found[label] = [row for row in found[label] if row[0] not in looks]
    return found | {"rights": list(get_user_model().user_permissions.through.objects.order_by("pk").values_list())}


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def addresses(scene: Scene) -> dict[str, str]:
    """A path for each page that shows something, with the scene's row of its model."""
    found = {}
    for name in pages():
        model, place = model_and_place(name)
        if name in acts_by_url() and model not in EDIT:
            continue
        row = scene.rows.get(model.split("_")[1])
        if place == "export":
            found[name] = reverse(f"admin:{name}", args=["csv"])
        elif place in ROW_PLACES:
            found[name] = reverse(f"admin:{name}", args=[row.pk])
        elif name in SHOWN:
            found[name] = reverse(f"admin:{name}", args=[scene.rows[SHOWN[name]].pk])
        elif place in ("changelist", "add"):
            found[name] = reverse(f"admin:{name}")
    return found


def who_opens(name: str) -> str:
    model, place = model_and_place(name)
    return EDIT.get(model, "") if place in ("add", "delete", "password_change") else READ[model]


def test_every_page_and_every_list_action_of_the_admin_has_its_line(scene: Scene) -> None:
    there = set(pages())
    assert there - acts_by_url() <= addresses(scene).keys(), "give a new page its line in tests/admin/rights.py"
    assert acts_by_url() <= there
    assert {model_and_place(name)[0] for name in there} == READ.keys()
    registered = {
        (
            f"{model._meta.label_lower.replace('.', '_')}_changelist",
            action if isinstance(action, str) else action.__name__,
        )
        for model, pages in admin.site._registry.items()
        if _is_ours(model)
        for action in pages.actions or ()
    }
    assert registered == {(act.url, act.action) for act in ACTS if act.action} - {
        ("auth_user_changelist", "delete_selected")
    }


def test_every_right_of_the_app_is_in_the_roles_of_the_docs_and_no_other() -> None:
    view = {f"recovery.view_{name.split('_')[1]}" for name in READ if name.startswith("recovery")}
    view.remove("recovery.view_diagnosis")  # recovery.diagnose opens it
    own = {
        f"recovery.{name}"
        for model in apps.get_app_config("recovery").get_models()
        for name, _ in model._meta.permissions
    }
    known = set[str]().union(*documented().values())
    assert known == view | own | {"auth.view_user", "recovery.view_heartbeat"}
    assert list(documented()) == list(NAMES.values())[:-1]


@each_role
def test_a_role_opens_what_it_may_read_and_a_get_changes_nothing(
    letter: str, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    role = Role(letter, scene.secrets)
    before = rows()
    for name, path in addresses(scene).items():
        allowed = 405 if name.endswith("_export") else 200
        assert role.get(path).status_code == (allowed if role.may(who_opens(name)) else 403), name
    for act in ACTS:
        if act.needs_reason and not act.action:
            answer = role.get(scene.path(act), scene.data(act))
            assert answer.status_code == (200 if role.may(act.who) else 403), str(act)
    assert rows() == before
    assert [secret for secret in scene.secrets if secret in caplog.text] == []


@each_role
def test_a_role_does_what_it_may_do_by_the_page_and_by_a_post_without_one(
    letter: str, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    role = Role(letter, scene.secrets)
    shown: dict[str, str] = {}
    before = rows()
    for act in ACTS:
        if act.is_offered and role.may(READ[model_and_place(act.url)[0]]):
            page, button = scene.button(act)
            if page not in shown:
                shown[page] = role.get(page).body
            body = shown[page]
            assert (button in body) == role.may(act.who), f"{act}: the button"
        if not role.may(act.who):
            answer = role.post(scene.path(act), scene.data(act))
            assert answer.status_code in ((200, 302, 403) if act.action else (403,)), str(act)
            continue
        with undone():
            assert role.post(scene.path(act), scene.data(act)).status_code == act.answers, str(act)
            assert act.is_idle or was_done(act, role, before), str(act)
    assert rows() == before, "what it may not do was not done, and all else was undone"
    assert [secret for secret in scene.secrets if secret in caplog.text] == []


def was_done(act: Act, role: Role, before: dict[str, list[Any]]) -> bool:
    if act.done is None:
        return rows() != before
    known = {row[0] for row in before["recovery.AuditEvent"]}
    lines = AuditEvent.objects.filter(action=act.done, actor_key=str(role.member.pk)).exclude(pk__in=known)
    return lines.exists()


@pytest.mark.parametrize("letter", ["A", "U"])
def test_own_staff_lock_is_lifted_by_no_role(letter: str, scene: Scene) -> None:
    role = Role(letter, scene.secrets)
    row = lockouts.lock(role.member, actor=scene.rows["bob"], reason=WHY["reason"])
    for path in (reverse("admin:recovery_lockout_lift", args=[row.pk]), f"/admin/auth/user/{role.member.pk}/unlock/"):
        assert role.post(path, WHY).status_code == 302
    assert Lockout.objects.get(pk=row.pk).stands
    assert was_done(Act(url="", who="AU", done=Action.STAFF_REFUSED), role, {"recovery.AuditEvent": []})


@each_role
def test_a_role_takes_the_lists_that_it_reads_as_files(letter: str, scene: Scene) -> None:
    role = Role(letter, scene.secrets)
    for name in pages():
        if not name.endswith("_export"):
            continue
        for form in ("csv", "jsonl"):
            with undone():
                answer = role.post(reverse(f"admin:{name}", args=[form]))
                noted = AuditEvent.objects.filter(action=Action.EXPORTED, actor_key=str(role.member.pk)).count()
                assert (answer.status_code, noted) == ((200, 1) if role.may(who_opens(name)) else (403, 0)), name


@each_role
def test_nobody_writes_our_rows_by_a_post_to_djangos_own_pages(letter: str, scene: Scene) -> None:
    role = Role(letter, scene.secrets)
    before = rows()
    for name, path in addresses(scene).items():
        model, place = model_and_place(name)
        if model in EDIT or place == "export":
            continue
        row = scene.rows.get(model.split("_")[1])
        ticked = {"action": "delete_selected", "_selected_action": [str(row.pk)]} if row else {}
        answer = role.post(path, {"post": "yes", "state": "sent", "_save": "Save", **ticked})
        assert answer.status_code in (
            (200, 302, 403, 405) if place in ("changelist", "history") or name in SHOWN else (403,)
        ), name
    assert rows() == before


def test_without_a_reason_or_without_the_forms_own_proof_nothing_is_done(scene: Scene) -> None:
    role = Role("U", scene.secrets)
    before = rows()
    for act in ACTS:
        path, data = scene.path(act), scene.data(act)
        assert role.post(path, data, csrf=False).status_code == 403, str(act)
        if act.needs_reason:
            assert role.post(path, {**data, "reason": " "}).status_code == 200, str(act)
    assert rows() == before


def test_who_is_not_staff_finds_no_page_at_all(scene: Scene) -> None:
    reader = Client()
    reader.force_login(UserFactory.create())
    before = rows()
    for client in (Client(), reader):
        for path in [*addresses(scene).values(), *map(scene.path, ACTS)]:
            for answer in (client.get(path), client.post(path, CONFIRMED)):
                assert answer.status_code == 302, path
                assert answer["Location"].startswith("/admin/login/"), path
    assert rows() == before


@pytest.mark.parametrize("letter", ["A", "S", "O", "U"])
def test_a_role_reaches_only_its_own_people(letter: str, scene: Scene, settings: Any) -> None:
    """Everybody of the scene but Bob belongs to another workspace."""
    settings.RECOVERY = {**settings.RECOVERY, "MAY_ACT_ON": f"{may_act_on_bob.__module__}.{may_act_on_bob.__name__}"}
    role = Role(letter, scene.secrets)
    before = rows()
    for name, path in addresses(scene).items():
        model, place = model_and_place(name)
        if not role.may(who_opens(name)) or model in OF_NOBODY:
            continue
        if place in ROW_PLACES or name in SHOWN:
            assert role.get(path).status_code in (302, 403, 404), name
        elif place == "changelist":
            assert not re.search(r"\bada\b", role.get(path).body), name  # a key may hold these letters
    for act in ACTS:
        if not act.row or act.row == "routestate":
            continue
        answer = role.post(scene.path(act), scene.data(act))
        assert answer.status_code in (302, 403, 404), str(act)
    assert rows() == before
