"""Tests of what monitors outside read: Prometheus' page, its example rules and board, django-health-check's check."""
