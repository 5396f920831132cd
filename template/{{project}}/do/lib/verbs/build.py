"""do/build: build the image."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from typing import IO

from lib import cli, programs
from lib.cli import ROOT, ExitCode, VerbError, log, say
from lib.image import audit, container_engine, images, sbom
from lib.image.container_engine import ContainerEngine
from lib.image.images import Image
from lib.model import artifacts

EPILOG = """\
Builds with docker, or podman if there is no docker, for the processor that runs it in AWS. The image is named
PROJECT_NAME:HASH, with a hash of everything that goes into it: the same files give the same name everywhere. Writes the
list of its Python packages to sbom.cdx.json (CycloneDX).

examples:
  do/build
  do/build --audit         also check its Python packages for known vulnerabilities
  do/build --no-cache      rebuild every step"""

# SageMaker takes Docker's own manifests only, no OCI ones and no attestations
BUILDERS = {
    "docker": (
        *("buildx", "build", "--progress", "plain", "--provenance=false", "--sbom=false"),
        *("--output", "type=docker,oci-mediatypes=false"),
    ),
    "podman": ("build", "--format", "docker"),
}
# a step as docker ("#9 [packages 4/5] RUN ...") and podman ("[1/2] STEP 4/5: RUN ...") announce it
STEP = re.compile(r"#\d+ \[(?P<docker>[^\]]*\d+/\d+)\] (?P<what>.*)|(?P<podman>.*STEP \d+/\d+): (?P<that>.*)")
KEPT_LINES = 40  # of the output, for when the build fails
SHOWN_LENGTH = 90


def main() -> int:
    arguments = cli.parser("Build the image.", EPILOG)
    arguments.add_argument("--no-cache", action="store_true", help="rebuild every step")
    arguments.add_argument("--audit", action="store_true", help="check for known vulnerabilities with pip-audit")
    arguments.add_argument("--dry-run", action="store_true", help="only show the plan")
    options = cli.parse(arguments)
    name = images.name()
    if options.dry_run:
        print(f"would build {name} for {images.platform()}")
        return ExitCode.OK
    if artifacts.are_built_in():
        from lib.model import versions  # which projects with a model in the image have

        versions.require_loadable(artifacts.MODEL_DIR)
    chosen = container_engine.find()
    image = build(chosen, name, options.no_cache, options.verbose)
    packages = sbom.packages(chosen, name)
    sbom.write(name, packages)
    say(f"{len(packages)} Python packages are listed in {sbom.FILE.name}")
    code = report(packages) if options.audit else ExitCode.OK
    print(f"{image.name} ({image.platform}, {images.megabytes(image.size)})")
    say("next: do/run to start it, do/test --image to check it")
    return code


def build(chosen: ContainerEngine, name: str, no_cache: bool, verbose: bool) -> Image:
    """Build the image and show the steps. Raises VerbError when it fails."""
    if artifacts.are_built_in() and not artifacts.contents():
        artifacts.MODEL_DIR.mkdir(exist_ok=True)
        say("note: model/ is empty: the image starts only with a model mounted at /opt/ml/model")
    options = ["--platform", images.platform(), "--tag", name, *(["--no-cache"] if no_cache else [])]
    command = chosen.command(*BUILDERS[chosen.name], *options, ".")
    say(f"building {name} with {chosen.name}")
    began = time.monotonic()
    process = programs.start(command, output=programs.PIPE, cwd=ROOT)
    assert process.stdout
    last = deque(follow(process.stdout, began, verbose), KEPT_LINES)
    if process.wait():
        say("".join(last))
        raise chosen.failure(f"{chosen.name} build", "".join(last))
    image = images.find(chosen, name)
    if not image:
        raise VerbError(
            f"{chosen.name} built {name} but didn't keep it: run docker buildx use default", ExitCode.MISSING_FILE
        )
    images.record(name)
    say(f"built in {time.monotonic() - began:.0f} s")
    return image


def follow(output: IO[str], began: float, verbose: bool) -> Iterator[str]:
    """Pass on a build's output; show its steps as they begin, or with `verbose` all of it."""
    shown = set()
    for line in output:
        step = STEP.match(line)
        if verbose:
            log.debug("%s", line.rstrip())
        elif step and (title := _title(step)) not in shown:
            shown.add(title)
            say(f"{time.monotonic() - began:4.0f} s  {title}")
        yield line


def _title(step: re.Match[str]) -> str:
    parts = [text for text in step.groups() if text]
    return " ".join(": ".join(parts).split())[:SHOWN_LENGTH]


def report(packages: list[sbom.Package]) -> ExitCode:
    """Look up and print known vulnerabilities."""
    try:
        found = audit.check(packages)
    except audit.Unreachable as reason:
        say(f"skipped the vulnerability check, because its data is unavailable: {reason}")
        return ExitCode.OK
    for line in (*found.skipped, *found.vulnerabilities):
        say(str(line))
    say(f"{len(found.vulnerabilities)} known vulnerabilities in {len(packages) - len(found.skipped)} packages")
    return ExitCode.FAILED if found.vulnerabilities else ExitCode.OK
