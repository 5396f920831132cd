"""Docker or Podman, whichever is here: runs its commands, and explains in one line what it complains about."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lib import programs
from lib.aws.redaction import redacted
from lib.cli import ExitCode, VerbError, log

# what asks an engine whether it works
PROBES = {
    "docker": ("version", "--format", "{{.Server.Version}}"),
    "podman": ("info", "--format", "{{.Host.Arch}}"),
}


class Complaint(NamedTuple):
    """Something that an engine prints (a regular expression), and what it means."""

    pattern: str
    meaning: str  # {engine} stands for its name
    exit_code: ExitCode = ExitCode.MISSING_PREREQUISITE


COMPLAINTS = (
    Complaint(
        r"no space left on device",
        "the disk is full: {engine} system df shows what fills it; do/clean and {engine} system prune make room",
    ),
    Complaint(
        r"exec format error",
        "the image is for another processor than this machine's (exec format error): run it on one of its kind, "
        "or let {engine} emulate it: {engine} run --privileged --rm docker.io/tonistiigi/binfmt --install all",
    ),
    Complaint(
        r"permission denied.*(docker|podman)[^ ]*\.sock",
        "you are not allowed to use {engine}: run sudo usermod -aG docker $USER, and log in again",
    ),
    Complaint(
        r"cannot connect to the docker daemon|is the docker daemon running|error during connect"
        r"|failed to connect to the docker API|cannot connect to podman",
        "{engine} is installed but not running: start Docker Desktop, or run sudo systemctl start docker",
    ),
    Complaint(
        r"port is already allocated|address already in use|ports are not available",
        "the port is taken: stop what listens there, or choose another with --port",
    ),
    Complaint(
        r"'buildx' is not a docker command|unknown command: docker buildx|unknown flag: --provenance",
        "docker is here without buildx, which builds images: install docker-buildx-plugin",
    ),
    Complaint(
        r"no match(ing manifest)? for (platform|linux/)|does not match the specified platform",
        "the base image doesn't exist for INSTANCE_TYPE's processor: choose another one, ARG BASE_IMAGE in Dockerfile",
        ExitCode.BAD_CONFIGURATION,
    ),
    Complaint(
        r"no basic auth credentials|authorization failed|authentication required",
        "the registry of the base image, ARG BASE_IMAGE in Dockerfile, wants a login; for one of AWS: "
        "aws ecr get-login-password --region REGION | {engine} login --username AWS --password-stdin REGISTRY",
    ),
    Complaint(
        r"failed to resolve source metadata|pull access denied|manifest unknown|initializing source docker://",
        "the base image, ARG BASE_IMAGE in Dockerfile, can't be pulled: check its name and the network",
    ),
)


@dataclass(frozen=True)
class ContainerEngine:
    """A container engine that answers."""

    name: str

    def command(self, *arguments: str) -> list[str]:
        """A command line of it."""
        command = [self.name, *arguments]
        log.debug("%s", redacted(shlex.join(command)))
        return command

    def attempt(self, *arguments: str, stdin: str | None = None) -> programs.Done:
        """Run a command, however it ends; `stdin` is what it reads."""
        return programs.attempt(self.command(*arguments), stdin=stdin)

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What a command prints. Raises VerbError when it fails."""
        done = self.attempt(*arguments, stdin=stdin)
        if done.returncode:
            raise self.failure(f"{self.name} {_verb(arguments)}", done.stderr)
        return done.stdout.strip()

    def inspect(self, kind: str, name: str) -> dict[str, Any] | None:
        """What the engine knows of an image or a container; None if there is no such thing."""
        done = self.attempt(kind, "inspect", name)
        return dict(json.loads(done.stdout)[0]) if done.returncode == 0 else None

    def failure(self, what: str, output: str) -> VerbError:
        """The error for a command that failed: what its output means, else its last line."""
        for complaint in COMPLAINTS:
            if re.search(complaint.pattern, output, re.IGNORECASE | re.DOTALL):
                return VerbError(complaint.meaning.format(engine=self.name), complaint.exit_code)
        return VerbError(f"{what} failed: {_last_line(output.splitlines())}", ExitCode.FAILED)


def find() -> ContainerEngine:
    """Docker, else Podman. Raises VerbError where neither works."""
    engine = installed()
    if not engine:
        raise VerbError(
            "neither docker nor podman is installed: install one, see https://docs.docker.com/engine/install",
            ExitCode.MISSING_PREREQUISITE,
        )
    engine.run(*PROBES[engine.name])
    return engine


def find_working() -> ContainerEngine | None:
    """Docker, else Podman; None where it isn't there or doesn't answer."""
    engine = installed()
    return engine if engine and engine.attempt(*PROBES[engine.name]).returncode == 0 else None


def installed() -> ContainerEngine | None:
    """The engine whose command is here, whether or not it answers."""
    return next((ContainerEngine(name) for name in PROBES if shutil.which(name)), None)


def _verb(arguments: Sequence[str]) -> str:
    """What a command does, after the options of the engine itself, which have a value each."""
    return next(word for number, word in enumerate(arguments) if number % 2 == 0 and not word.startswith("--"))


def _last_line(lines: Sequence[str]) -> str:
    """The line that says most: the last error, else the last one."""
    said = [line.strip() for line in lines if line.strip() and not line.startswith("See '")]
    errors = [line for line in said if "error" in line.lower()]
    return (errors or said or ["it said nothing"])[-1]
