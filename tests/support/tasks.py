"""Tasks of a Celery application and of RQ, which publish as they go. TASKS_REDIS names their Redis."""

import os

from celery import Celery

from pattern_stack import Publisher
from pattern_stack.features.notifications import WorkerProgress

URL = os.environ.get("TASKS_REDIS", "redis://127.0.0.1:6379/0")

app = Celery("tasks", broker=URL)
publisher = Publisher(URL)
"""Made where the module is loaded: before Celery forks its workers, and before RQ forks a process for each job."""


@app.task
def import_rows(number: int) -> None:
    """Told once, however often it is carried out."""
    with WorkerProgress(publisher).progress(f"import-{number}", total=3) as report:
        report.advance(3)
    publisher.broadcast("orders", "imported", {"number": number, "pid": os.getpid()}, key=f"import-{number}")
