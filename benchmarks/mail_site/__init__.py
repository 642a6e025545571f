"""A site that sends the same mail through ours, django-post_office, django-mailer or a Celery task a mail."""
