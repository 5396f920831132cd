"""Checks that a container starts, the ways that SageMaker and others start it."""

from __future__ import annotations

import tempfile
import time

from lib.checks.container.subject import Subject
from lib.checks.container.suite import check
from lib.checks.container.traffic import Caller
from lib.checks.http.reference import Reference
from lib.checks.results import Mismatch, Observation, expect
from lib.image.containers import Container
from lib.local import container as local_container
from lib.local.container import MODEL_PLACE, first_error
from lib.model import artifacts
from lib.programs import Done

OTHER_PORT = 9123
OTHER_USER = 12345  # a user that the image doesn't know
EXIT_SECONDS = 20
HEALTHY_SECONDS = 60
MISSING_FILE = 5  # the exit code of a server without a model

# asks the server from inside, if there is no network to ask it from outside
ASK_INSIDE = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=10)
connection.request("POST", "/invocations", sys.argv[1], {"Content-Type": "application/json"})
response = connection.getresponse()
print(response.status, response.read().decode())
"""


@check
def the_first_ping_is_200_in_time_with_read_only_files_and_no_capabilities(
    subject: Subject, reference: Reference
) -> Observation:
    seconds = subject.shared().seconds
    return expect(seconds < subject.start_limit, f"200 within {subject.start_limit} s", f"200 after {seconds:.1f} s")


@check
def it_listens_where_SAGEMAKER_BIND_TO_PORT_says(subject: Subject, reference: Reference) -> Observation:
    with subject.started("--env", f"SAGEMAKER_BIND_TO_PORT={OTHER_PORT}", port=OTHER_PORT) as started:
        problem = Caller(started.port, reference).ask(0)
    return expect(not problem, f"a prediction at port {OTHER_PORT}", problem or "it")


@check
def it_serves_as_a_numeric_user_that_is_not_root(subject: Subject, reference: Reference) -> Observation:
    with subject.started("--user", str(OTHER_USER)) as started:
        problem = Caller(started.port, reference).ask(0)
    return expect(not problem, f"a prediction as user {OTHER_USER}", problem or "it")


@check
def it_serves_without_network_and_finds_itself_healthy(subject: Subject, reference: Reference) -> Observation:
    caller = Caller(0, reference)
    body, expected = caller.requests[0]
    with subject.run("--network", "none") as container:
        health = wait_until_healthy(container, health_command(container))
        answer = inside(container, "python", "-c", ASK_INSIDE, body.decode())
    status, _, text = answer.stdout.partition(" ")
    problem = answer.stderr or caller.problem(int(status), text.encode(), expected)
    return expect(health == "healthy" and not problem, "healthy, and a prediction", f"{health}, {problem or 'it'}")


@check
def a_model_that_is_mounted_read_only_is_served(subject: Subject, reference: Reference) -> Observation:
    # with do/test --model every container has it mounted
    mounted = () if subject.model_dir else local_container.mount(artifacts.MODEL_DIR)
    with subject.started(*mounted) as started:
        problem = Caller(started.port, reference).ask(0)
    return expect(not problem, "the mounted model's prediction", problem or "it")


@check
def without_a_model_it_ends_and_says_so(subject: Subject, reference: Reference) -> Observation:
    with (
        tempfile.TemporaryDirectory() as empty,
        subject.run("--volume", f"{empty}:{MODEL_PLACE}:ro", with_model=False) as container,
    ):
        code = wait_for_exit(container, EXIT_SECONDS)
        said = first_error(container.output())
    return expect(
        code == MISSING_FILE and "no model" in said,
        f"exit code {MISSING_FILE}, and a log that says that there is no model",
        f"exit code {code}, and {said}",
    )


def wait_for_exit(container: Container, seconds: float) -> int | None:
    """The container's exit code; None where it still runs after that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = container.state()
        if state and not state.running:
            return state.exit_code
        time.sleep(0.1)
    return None


def wait_until_healthy(container: Container, command: list[str]) -> str:
    """What the image's own health check finds, at last. It is run here, since not every engine does it by itself."""
    deadline = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < deadline:
        done = inside(container, *command)
        if done.returncode == 0:
            return "healthy"
        time.sleep(0.2)
    return f"unhealthy: {done.stderr.strip()[-80:]}"


def health_command(container: Container) -> list[str]:
    """The image's own health check. Raises Mismatch where it has none."""
    found = container.engine.inspect("container", container.name) or {"Config": {}}
    test = (found["Config"].get("Healthcheck") or {}).get("Test") or []
    if not test or test[0] != "CMD":
        raise Mismatch("a health check that needs no shell", str(test or "none"))
    return list(test[1:])


def inside(container: Container, *command: str) -> Done:
    """Run a program in the container."""
    return container.engine.attempt("exec", container.name, *command)
