"""The CI that a project can bring: its files have the right form, call verbs that are there, and propose updates."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs import tool
from tests.renders.answers import Render
from tests.renders.jobs import scripts

# the schemas are those that come with check-jsonschema
FORMS = [
    ("github", ".github/workflows/test.yml", "vendor.github-workflows"),
    ("github", ".github/workflows/update.yml", "vendor.github-workflows"),
    ("gitlab", ".gitlab-ci.yml", "vendor.gitlab-ci"),
    ("gitlab", ".gitlab/test.yml", "vendor.gitlab-ci"),
    ("gitlab", ".gitlab/update.yml", "vendor.gitlab-ci"),
]
EVERY_CI = ["github", "gitlab"]
# what the jobs of a project call
VERBS = {
    "predictive": {"do/train", "do/test", "do/build", "do/update"},
    "generative": {"do/check", "do/update"},
}

every_ci = pytest.mark.parametrize("ci", EVERY_CI)
every_kind = pytest.mark.parametrize("kind", VERBS)


def lines(project: Path) -> Iterator[str]:
    for commands in scripts(project).values():
        yield from commands


@every_kind
@pytest.mark.parametrize(("ci", "file", "schema"), FORMS)
def test_files_have_the_form_that_the_ci_asks_for(render: Render, kind: str, ci: str, file: str, schema: str) -> None:
    check(render(model_kind=kind, ci=ci) / file, schema)


def test_the_configuration_of_renovate_has_the_form_that_it_asks_for(render: Render) -> None:
    file = render(renovate=True) / "renovate.json"

    check(file, "vendor.renovate")
    assert "copier" in json.loads(file.read_text())["enabledManagers"]


def test_jobs_have_the_python_that_the_model_needs(render: Render) -> None:
    answers = {"python_version": "3.11"}
    gitlab = (render(ci="gitlab", **answers) / ".gitlab/test.yml").read_text()
    github = render(ci="github", **answers) / ".github/workflows/test.yml"

    assert "image: python:3.11-bookworm" in gitlab
    assert github.read_text().count('python-version: "3.11"') == 2
    check(github, "vendor.github-workflows")


def check(file: Path, schema: str) -> None:
    done = tool("check-jsonschema", "--builtin-schema", schema, file)
    assert done.returncode == 0, done.stdout


@every_kind
def test_no_auditor_of_workflows_finds_anything(render: Render, kind: str) -> None:
    workflows = render(model_kind=kind, ci="github") / ".github"
    done = tool("zizmor", "--offline", "--no-progress", "--quiet", workflows)

    assert done.returncode == 0, done.stdout


@every_kind
def test_actions_are_pinned_to_commits(render: Render, kind: str) -> None:
    workflows = (render(model_kind=kind, ci="github") / ".github/workflows").iterdir()
    used = [line for file in workflows for line in file.read_text().splitlines() if "uses:" in line]

    assert len(used) >= 2
    assert [line for line in used if not re.search(r"uses: [\w/-]+@[0-9a-f]{40} # v\d", line)] == []


@every_kind
@every_ci
def test_commands_please_shellcheck(render: Render, kind: str, ci: str) -> None:
    for name, commands in scripts(render(model_kind=kind, ci=ci)).items():
        script = "\n".join(["#!/bin/bash", *commands, ""])
        assert tool("shellcheck", "-", given=script).stdout == "", name


@every_kind
@every_ci
def test_commands_call_verbs_and_options_that_are_there(render: Render, kind: str, ci: str) -> None:
    project = render(model_kind=kind, ci=ci)
    calls = {match for line in lines(project) for match in re.findall(r"(do/\w+)(?: (--\w+))?", line)}

    assert {verb for verb, _ in calls} == VERBS[kind]
    for verb, option in calls:
        explained = subprocess.run([sys.executable, verb, "--help"], cwd=project, capture_output=True, text=True)
        assert explained.returncode == 0, explained.stderr
        assert option in explained.stdout, verb


@every_ci
def test_a_project_without_a_sample_or_tests_calls_no_verb_that_is_missing(render: Render, ci: str) -> None:
    project = render(ci=ci, model_source="local", include_tests=False)
    guarded = [line for line in lines(project) if "do/train" in line or "--pytest" in line]

    assert guarded
    assert all(line.startswith("if [ ") for line in guarded)
    for line in guarded:
        subprocess.run(["bash", "-ec", line], cwd=project, check=True)


@every_ci
def test_no_secret_is_in_a_file_but_only_its_name(render: Render, ci: str) -> None:
    (text,) = [file.read_text() for file in render(ci=ci).glob(".git*/**/update.yml")]

    assert re.findall(r"\$\{?\{?[\w. ]*TOKEN", text)
    assert not re.search(r"gh[pousr]_\w{20}|glpat-\w", text)


@every_ci
def test_the_job_that_runs_the_templates_code_has_no_credentials(render: Render, ci: str) -> None:
    (file,) = render(ci=ci).glob(".git*/**/update.yml")
    document = yaml.safe_load(file.read_text())
    jobs = document.get("jobs", document)

    (runs,) = [json.dumps(job) for job in jobs.values() if "do/update" in json.dumps(job)]
    (pushes,) = [json.dumps(job) for job in jobs.values() if "git push" in json.dumps(job)]

    assert "TOKEN" not in runs
    assert '"persist-credentials": true' not in runs + pushes
    assert not re.search(r"\bdo/\w", pushes)


@every_ci
def test_an_update_gets_from_one_job_to_the_other_and_is_pushed(render: Render, ci: str, tmp_path: Path) -> None:
    """The jobs' own commands on real repositories, with programs in place of do/update and gh."""
    (commit,) = [commands for commands in scripts(render(ci=ci)).values() if "do/update" in "\n".join(commands)]
    (push,) = [commands for commands in scripts(render(ci=ci)).values() if "git push" in "\n".join(commands)]
    server, first, second = tmp_path / "server.git", tmp_path / "first", tmp_path / "second"
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        **{
            "UPDATE_TOKEN": "token",
            "CI_SERVER_HOST": "git.test",
            "CI_PROJECT_PATH": "a/b",
            "CI_DEFAULT_BRANCH": "main",
        },
    }

    def run(folder: Path, *commands: str) -> str:
        script = ["set -eu", *commands]
        return subprocess.run(
            ["bash", "-c", "\n".join(script)], cwd=folder, env=environment, check=True, capture_output=True, text=True
        ).stdout

    (tmp_path / "gh").write_text("#!/bin/sh\n")
    (tmp_path / "gh").chmod(0o755)
    run(
        tmp_path,
        f"git config --global url.file://{server}.insteadOf https://update:token@git.test/a/b.git",
        "git config --global user.name me; git config --global user.email me@git.test",
        f"git init --bare -b main {server}; git -C {server} config receive.advertisePushOptions true",
        "git init -b main made; mkdir made/do; printf '#!/bin/sh\necho 2 > file\n' > made/do/update",
        f"cd made; chmod +x do/update; echo 1 > file; git add .; git commit -m 1; git push {server} main",
        f"git clone --depth 1 file://{server} {first}; git clone --depth 1 file://{server} {second}",
    )

    run(first, *commit)
    run(second, f"cp {first}/update.bundle .", *push)

    assert run(server, "git show template-update:file") == "2\n"
    assert run(server, "git log --format=%s template-update") == "Update from the template\n1\n"


@pytest.mark.parametrize("answers", [{}, {"ci": "none", "renovate": False}], ids=["default", "none"])
def test_without_ci_nothing_is_added(render: Render, answers: dict[str, Any]) -> None:
    project = render(**answers)

    assert sorted(path.name for path in project.glob(".git*")) == [".gitattributes", ".gitignore"]
    assert not (project / "renovate.json").exists()
    assert "UPDATE_TOKEN" not in (project / "README.md").read_text()
