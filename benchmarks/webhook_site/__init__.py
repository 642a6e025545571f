"""The site of ``benchmarks.webhooks``: our webhook, anymail with a receiver as sites write it, and django-ses."""
