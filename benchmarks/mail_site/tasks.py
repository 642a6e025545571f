"""The task that sites write for their mail: one message, one connection."""

from celery import shared_task


@shared_task(ignore_result=True)
def send_one(number: int, recipient: str) -> None:
    from benchmarks.mail_site.lanes import message

    message(number, recipient).send()
