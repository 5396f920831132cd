"""do/run: run the image here, much as SageMaker does."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

from lib import cli, config, programs
from lib.cli import ExitCode, VerbError, say
from lib.image import container_engine, containers, images
from lib.image.container_engine import ContainerEngine
from lib.image.containers import SERVER_PORT, Container
from lib.local import container as local_container
from lib.model import artifacts
from lib.sagemaker_runtime import server as runtime

EPILOG = """\
The container gets the memory that it has in AWS, the machine's GPUs if the model needs them, and the environment
variables that the server reads (README.md lists them). It has the name of the project and replaces the container of an
earlier do/run. ctrl-C stops it after the requests in flight have finished; with --detach, run docker stop PROJECT_NAME.

With --sagemaker, your application calls the model with the code that calls the endpoint: the output says how. Only for
an asynchronous endpoint does this need AWS, because its requests and responses are in S3.

examples:
  do/run
  do/run --sagemaker
  do/run --detach --port 9000
  do/run --read-only --model /tmp/other-model --memory 2g"""


# the variables of this environment that the server reads, by what they begin with
SERVER_VARIABLES = {
    "predictive": ("SERVING_",),
    "generative": (
        *("SERVING_", "SM_VLLM_", "SM_SGLANG_", "SM_TRTLLM_", "SM_LMI_", "SM_DJL_", "OPTION_", "HF_"),
        "AWS_",  # to read the token's secret with; SageMaker gives its containers the endpoint's role instead
    ),
}
GPU_DRIVER = Path("/dev/nvidiactl")
GPUS = {"docker": ("--gpus", "all"), "podman": ("--device", "nvidia.com/gpu=all")}


def main() -> int:
    arguments = cli.parser("Run the image on this machine, much as SageMaker does.", EPILOG)
    until = arguments.add_mutually_exclusive_group()
    until.add_argument("--detach", action="store_true", help="return when the server is ready; leave it running")
    runtime.add_option(until)
    arguments.add_argument("--port", metavar="PORT", help="default: PORT of do/config")
    arguments.add_argument("--model", type=Path, metavar="DIR", help="mount this model over the image's own")
    arguments.add_argument("--read-only", action="store_true", help="use a read-only file system except for /tmp")
    arguments.add_argument("--memory", metavar="SIZE", help="such as 2g; default: the memory that it has in AWS")
    options = cli.parse(arguments)
    given = int(port(options.port))
    if options.sagemaker:
        runtime.prepare(given)
    container = start(container_engine.find(), options)
    if options.detach:
        return detached(container)
    with runtime.beside(given, options.sagemaker):
        return attached(container)


def start(chosen: ContainerEngine, options: argparse.Namespace) -> Container:
    """Start the container of the project, in place of an earlier one. Raises VerbError."""
    image = images.require(chosen)
    model_dir = options.model or artifacts.mounted()
    kind = config.load()["MODEL_KIND"]
    run_options = [
        *("--publish", f"127.0.0.1:{port(options.port)}:{SERVER_PORT}", "--platform", image.platform),
        *local_container.memory(options.memory),
        *(local_container.READ_ONLY if options.read_only else ()),
        *(local_container.mount(model_dir) if model_dir else ()),
        *(GPUS[chosen.name] if kind == "generative" and GPU_DRIVER.exists() else ()),
        *variables(kind),
    ]
    container = containers.of_do_run(chosen)
    make_room_for(container)
    containers.start(chosen, image.name, "--name", container.name, *run_options)
    return container


def make_room_for(container: Container) -> None:
    """Remove the container of an earlier do/run. Raises VerbError for one of the same name that isn't ours."""
    if not container.state():
        return
    if container not in containers.started_here(container.engine):
        raise VerbError(
            f"there is a container {container.name} that do/run did not start: "
            f"run {container.engine.name} rm --force {container.name}, or rename it",
            ExitCode.BAD_CONFIGURATION,
        )
    say(f"removing the container of an earlier do/run, {container.name}")
    container.remove()


def port(given: str | None) -> str:
    """The port here. Raises VerbError for anything else."""
    if given:
        config.check_value("PORT", given, "given")
    return given or config.load()["PORT"]


def variables(kind: str) -> list[str]:
    """The container's variables: the project's own, and those of this environment, whose values nobody gets to see."""
    given = sorted(name for name in os.environ if name.startswith(SERVER_VARIABLES[kind]))
    region = {"AWS_REGION": config.load()["AWS_REGION"]} if kind == "generative" else {}
    own = [f"{name}={value}" for name, value in (config.container_variables() | region).items() if name not in given]
    return [word for variable in (*own, *given) for word in ("--env", variable)]


def detached(container: Container) -> int:
    """Wait until the server is ready. Raises VerbError, and shows the log, when it doesn't come to that."""
    if not local_container.wait_until_ready(container):
        say(container.output().rstrip())
        raise local_container.failure(container)
    print(container.url())
    say(f"next: do/invoke, do/logs or do/test; stop it with {container.engine.name} stop {container.name}")
    return ExitCode.OK


def attached(container: Container) -> int:
    """Show the log until the container ends; ctrl-C and the like make it end in order."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        follow_until_end(container)
        if exit_code(container):
            raise local_container.failure(container)
        return ExitCode.OK
    except KeyboardInterrupt:
        say("stopping")
        container.stop()
        return exit_code(container)
    finally:
        container.remove()


def follow_until_end(container: Container) -> None:
    """Pass on the log; say when the server is ready."""
    follower = programs.start(container.engine.command("logs", "--follow", container.name))
    if local_container.wait_until_ready(container):
        say(f"ready at {container.url()}: run do/test or do/invoke in another terminal; ctrl-C stops")
    follower.wait()


def exit_code(container: Container) -> int:
    """How a container ended."""
    state = container.state()
    return ExitCode.FAILED if state and state.exit_code else ExitCode.OK
