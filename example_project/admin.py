"""The site's own user admin, with recovery on each account's page: three lines on top of Django's."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User

from recovery.admin import UserRecoveryMixin

admin.site.unregister(User)


@admin.register(User)
class UserAdmin(UserRecoveryMixin, DjangoUserAdmin):
    pass
