"""Checks of the log, which goes to CloudWatch."""

from __future__ import annotations

import json

from lib.checks.container.subject import Subject
from lib.checks.container.suite import check
from lib.checks.container.traffic import Caller
from lib.checks.http.http_client import Client
from lib.checks.http.reference import Reference
from lib.checks.results import Observation, expect
from lib.model import documents
from lib.model.documents import CSV

KEYS = {"time", "level", "source", "message"}
SECRET_NUMBER = "0.98765432101"
SECRET_TEXT = "a-secret-of-the-caller"


@check
def every_log_line_is_a_JSON_object_on_standard_output(subject: Subject, reference: Reference) -> Observation:
    container = subject.shared().container
    done = container.engine.attempt("logs", container.name)
    wrong = [line for line in done.stdout.splitlines() if not is_entry(line)] + done.stderr.splitlines()
    count = len(done.stdout.splitlines())
    return expect(
        bool(count) and not wrong, "only such lines", f"{count} lines, {wrong[0][:80] if wrong else 'all such'}"
    )


@check
def no_request_data_is_in_the_log(subject: Subject, reference: Reference) -> Observation:
    started = subject.shared()
    width = len(documents.leaves(reference.rows[0])) if not reference.undivided else 1
    headers = {"content_type": CSV, "x_amzn_sagemaker_custom_attributes": SECRET_TEXT}
    with Client(started.url) as client:
        for body in (f"{SECRET_NUMBER}," * (width - 1) + SECRET_NUMBER, SECRET_TEXT, f"{SECRET_TEXT}," * width):
            client.request("POST", f"/invocations?{SECRET_TEXT}", body, **headers)
    problem = Caller(started.port, reference).ask(0)
    output = started.container.output()
    found = [secret for secret in (SECRET_NUMBER, SECRET_TEXT) if secret in output]
    return expect(not found and not problem, "neither rows nor attributes", ", ".join(found) or problem or "none")


def is_entry(line: str) -> bool:
    """Whether a line is a log entry."""
    try:
        entry = json.loads(line)
    except ValueError:
        return False
    return isinstance(entry, dict) and entry.keys() >= KEYS
