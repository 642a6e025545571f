"""The pages, the webhooks and the health view, under the namespace ``recovery``."""

from django.urls import path

from recovery import account_views, monitor_views, objection_views, views, webhooks
from recovery.tokens import ACTIVATION

app_name = "recovery"

urlpatterns = [
    # First, what is asked for most: each pattern before it costs every one of a provider's posts a look.
    path("webhooks/<str:esp>/", webhooks.webhook, name="webhook"),
    path("webhooks/<str:esp>/tracking/", webhooks.webhook),
    path("forgot/", views.forgot, name="forgot"),
    path("sent/<str:reference>/", views.sent, name="sent"),
    path("reset/done/", views.complete, name="complete"),
    path("reset/<slug:selector>/", views.reset_form, name="reset_form"),
    path("reset/<slug:selector>/<recovery_secret:verifier>/", views.reset, name="reset"),
    path("reset/<recovery_secret_rest:rest>", views.mangled),
    path("not-me/done/", objection_views.done, name="not_me_done"),
    path("not-me/<uuid:key>/", objection_views.form, name="not_me_form"),
    path("not-me/<uuid:key>/<recovery_secret:verifier>/", objection_views.link, name="not_me"),
    path("not-me/<recovery_secret_rest:rest>", objection_views.mangled),
    path("activate/done/", views.complete, {"purpose": ACTIVATION}, name="activation_complete"),
    path("activate/<slug:selector>/", views.reset_form, {"purpose": ACTIVATION}, name="activation_form"),
    path(
        "activate/<slug:selector>/<recovery_secret:verifier>/",
        views.reset,
        {"purpose": ACTIVATION},
        name="activation",
    ),
    path("activate/<recovery_secret_rest:rest>", views.mangled, {"purpose": ACTIVATION}),
    path("backup-addresses/", account_views.backup_addresses, name="backup_addresses"),
    path("backup-addresses/<uuid:key>/", account_views.confirm_backup_address, name="confirm_backup_address"),
    path("backup-addresses/<uuid:key>/remove/", account_views.remove_backup_address, name="remove_backup_address"),
    path("change-password/", views.change_password, name="change_password"),
    path("health/", monitor_views.health, name="health"),
]
