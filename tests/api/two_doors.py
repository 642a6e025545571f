"""URLs of a site that mounts the API twice, once for a door of its own."""

from django.urls import include, path

from example_project.urls import urlpatterns as of_the_site

urlpatterns = [path("club/api/", include("recovery.api.urls")), *of_the_site]
