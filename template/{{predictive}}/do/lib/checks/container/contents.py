"""Checks of what is in the image and what it says of itself."""

from __future__ import annotations

from lib import config
from lib.checks.container.subject import Subject
from lib.checks.container.suite import check
from lib.checks.http.reference import Reference
from lib.checks.results import Observation, expect
from lib.image import images
from lib.target import capacity

FEW = 10  # modules that no Python can compile are among some packages' examples
BIND_TO_PORT = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"

# prints what has no place in an image that serves
FIND_SURPLUS = r"""
import pathlib, shutil
programs = ("gcc", "cc", "g++", "make", "ld", "git", "curl", "uv")
places = ("/root/.cache", "/root/.cargo", "/opt/program/do", "/opt/program/tests", "/opt/program/sample_model")
found = [name for name in programs if shutil.which(name)]
found += [place for place in places if pathlib.Path(place).exists()]
found += [str(path) for folder in ("/opt/program", "/opt/ml") for path in pathlib.Path(folder).rglob(".*")]
found += [str(path) for path in pathlib.Path("/opt/venv").rglob("tests") if path.is_dir()]
found += [str(path) for path in pathlib.Path("/var/lib/apt/lists").glob("*_Packages*")]
print(*found[:5])
"""
# prints modules that would be compiled again at each start
FIND_UNCOMPILED = r"""
import importlib.util, pathlib
roots = ("/opt/venv/lib", "/opt/program")
found = [path for root in roots for path in pathlib.Path(root).rglob("*.py")
         if not pathlib.Path(importlib.util.cache_from_source(str(path))).exists()]
print(len(found), *found[:1])
"""


@check
def the_image_holds_only_what_serves(subject: Subject, reference: Reference) -> Observation:
    seen = inside(subject, FIND_SURPLUS)
    return expect(not seen, "no compilers, caches, tests or do/", seen or "none")


@check
def all_its_modules_are_compiled(subject: Subject, reference: Reference) -> Observation:
    count, _, example = inside(subject, FIND_UNCOMPILED).partition(" ")
    return expect(
        int(count) < 10, "bytecode of every module", f"{count} without, such as {example}" if example else "it"
    )


@check
def the_image_is_for_the_processor_that_runs_it_in_AWS(subject: Subject, reference: Reference) -> Observation:
    wanted = capacity.machine().platform
    return expect(subject.image.platform == wanted, wanted, subject.image.platform)


@check
def its_labels_tell_the_project_and_what_it_can(subject: Subject, reference: Reference) -> Observation:
    labels = subject.configuration()["Labels"]
    wanted = {images.TITLE: config.load()["PROJECT_NAME"], BIND_TO_PORT: "true"}
    seen = {name: labels.get(name) for name in wanted}
    return expect(seen == wanted, str(wanted), str(seen))


@check
def its_entrypoint_takes_signals_and_arguments_itself(subject: Subject, reference: Reference) -> Observation:
    entrypoint = subject.configuration()["Entrypoint"]
    shell = bool(entrypoint) and entrypoint[0].rpartition("/")[2] in ("sh", "bash")
    return expect(bool(entrypoint) and not shell, "a program, without a shell around it", str(entrypoint))


def inside(subject: Subject, code: str) -> str:
    """What a program prints that runs in the image."""
    options = ("--rm", "--network", "none", "--user", "0", "--entrypoint", "python")
    return subject.engine.run("run", *options, subject.image.name, "-c", code)
