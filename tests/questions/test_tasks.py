"""What Copier does after it has rendered a new project: copy the model, train the sample, provision, commit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy

from extensions.template_parts import ROOT, copy_part
from tests.programs import git
from tests.questions.conftest import TemplateRepository

Project = Callable[..., Path]

# What stands in for the verb of a real project.
TRAIN = """
import sys
from pathlib import Path
print("training")
Path("model").mkdir()
Path("model/model.pkl").write_text("trained")
sys.exit({code})
"""


# and for the other one; its errors end in one line
SUBMIT = """
import sys
print("do/submit", *sys.argv[1:], "was run", flush=True)
if {code}:
    print("do/submit: no AWS credentials found", file=sys.stderr)
sys.exit({code})
"""


LOCK = """
import sys
from pathlib import Path
Path("requirements.txt").write_text(" ".join(sys.argv[1:]))
sys.exit({code})
"""


@pytest.fixture
def template(questions_template: Path, tmp_path: Path) -> Path:
    """The questions, a do/train that works, and what the tasks take of the verbs."""
    template = tmp_path / "template"
    shutil.copytree(questions_template, template)
    for layer in ("{{project}}", "{{predictive}}", "{{realtime}}"):
        copy_part(ROOT / "template" / layer / "do" / "lib", template / "template" / layer / "do" / "lib")
    write_train(template, code=0)
    return template


def write_train(template: Path, code: int) -> None:
    """Give the projects a do/train that ends with this exit code."""
    train = template / "template" / "do" / "train"
    train.parent.mkdir(exist_ok=True)
    train.write_text(TRAIN.format(code=code))


def write_lock(template: Path, code: int) -> None:
    """Give the projects a do/lock that ends with this exit code."""
    (template / "template" / "do" / "lock").write_text(LOCK.format(code=code))


def write_submit(template: Path, code: int) -> None:
    """Give the projects a do/submit that ends with this exit code."""
    (template / "template" / "do" / "submit").write_text(SUBMIT.format(code=code))


@pytest.fixture
def make(template: Path, tmp_path: Path) -> Project:
    """A function that makes a new project with these answers, tasks and all, in tmp_path/new/my-project."""

    def make(**answers: Any) -> Path:
        project = tmp_path / "new" / "my-project"
        run_copy(str(template), project, data=answers, defaults=True, unsafe=True)
        return project

    return make


def test_new_project_has_a_trained_sample_and_a_first_commit_with_it(make: Project) -> None:
    project = make()

    assert (project / "model" / "model.pkl").read_text() == "trained"
    assert git(project, "branch", "--show-current") == "main\n"
    assert git(project, "status", "--porcelain") == ""
    assert "model/model.pkl" in git(project, "ls-files")


def test_a_version_of_the_models_own_is_locked_before_training_and_commit(make: Project, template: Path) -> None:
    write_lock(template, code=0)

    project = make(framework="xgboost", framework_version="2.1.4")

    assert (project / "requirements.txt").read_text() == "xgboost==2.1.4"
    assert "requirements.txt" in git(project, "ls-files")


def test_a_version_that_cannot_be_locked_leaves_the_project_and_says_what_to_run(
    make: Project, template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_lock(template, code=1)

    project = make(framework_version="1.5.2")

    assert (
        "NOT DONE: compiling requirements.txt: do/lock ended with exit code 1. "
        f"The project is complete without; next: cd {project} && do/lock scikit-learn==1.5.2\n"
    ) in capfd.readouterr().err


def test_each_task_is_left_out_by_its_answer(make: Project) -> None:
    project = make(train_sample=False, git_init=False)

    assert not (project / "model").exists()
    assert not (project / ".git").exists()


def test_failed_training_leaves_the_project_and_says_what_to_type(
    make: Project, template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_train(template, code=3)

    project = make()

    assert (
        "NOT DONE: training the sample model: do/train ended with exit code 3. "
        f"The project is complete without; next: cd {project} && do/train\n"
    ) in capfd.readouterr().err
    assert (project / ".copier-answers.yml").exists()
    assert git(project, "log", "--format=%s") == "Generate the project from mcc-template\n"


def test_interrupted_training_says_how_to_go_on(template: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    (template / "template/do/train").write_text(f"open({str(started)!r}, 'w').close()\nimport time\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "copier", "copy", "--trust", "--defaults", str(template), str(tmp_path / "new")]
    copying = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not started.exists() and copying.poll() is None:
        time.sleep(0.05)
    os.killpg(copying.pid, signal.SIGINT)

    _, errors = copying.communicate(timeout=30)

    assert copying.returncode != 0
    line = next(line for line in errors.splitlines() if line.startswith("NOT DONE: training the sample model"))
    assert f"next: cd {tmp_path / 'new'} && do/train && git init" in line


def test_files_that_git_is_told_to_ignore_are_named(
    make: Project, template: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (template / "template/do/config.env").write_text("PORT=8080\n")
    git(tmp_path, "init", "--quiet", "new")
    (tmp_path / "new/.gitignore").write_text("*.env\n")

    make(train_sample=False)

    assert (
        "NOT DONE: committing do/config.env: a rule outside of the project makes git ignore it"
        in capfd.readouterr().err
    )


def test_what_builds_the_image_is_made_where_that_is_asked_for(
    make: Project, template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_submit(template, code=0)

    make(provision=True)

    assert "do/submit --provision-only was run" in capfd.readouterr().out


def test_nothing_is_made_in_aws_unless_that_is_asked_for(
    make: Project, template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_submit(template, code=0)

    make()

    assert "do/submit" not in capfd.readouterr().out


def test_provisioning_without_credentials_leaves_the_project_and_says_so_in_one_line(
    make: Project, template: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_submit(template, code=2)

    project = make(provision=True)

    lines = [line for line in capfd.readouterr().err.splitlines() if "credentials" in line]
    assert lines == [
        "NOT DONE: creating what builds the image in AWS: no AWS credentials found. "
        f"The project is complete without; next: cd {project} && do/submit --provision-only"
    ]
    assert (project / ".copier-answers.yml").exists()


def test_commit_is_made_where_git_knows_nobody(
    make: Project, copier: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    copier.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

    project = make()

    assert git(project, "log", "--format=%an %ae") == "mcc-template mcc-template@localhost\n"
    assert capfd.readouterr().err.count("git knows no user.name and user.email here") == 1


def test_hooks_and_signatures_of_the_user_do_not_stop_the_commit(make: Project, copier: Any, tmp_path: Path) -> None:
    hook = tmp_path / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / "gitconfig").write_text(
        f"[user]\n\tname = a\n\temail = a@b\n[core]\n\thooksPath = {hook.parent}\n[commit]\n\tgpgSign = true\n"
    )
    copier.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))

    assert git(make(), "log", "--format=%an") == "a\n"


def test_project_inside_a_repository_is_left_to_it(
    make: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outer = tmp_path / "new"
    outer.mkdir()
    git(outer, "init", "--quiet")

    project = make()

    assert not (project / ".git").exists()
    assert f"The project is inside the git repository {outer}: commit it there." in capfd.readouterr().err


def test_project_stays_where_git_is_missing(
    make: Project, copier: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copier.setenv("PATH", str(tmp_path))

    project = make()

    assert (project / ".copier-answers.yml").exists()
    assert "NOT DONE: the first git commit: git is not installed." in capfd.readouterr().err


@pytest.mark.parametrize(
    ("framework", "model_format", "artifact"),
    [("sklearn", "joblib", "model/model.joblib"), ("tensorflow", "SavedModel", "model/model/saved_model.pb")],
)
def test_local_model_is_copied_under_the_name_that_its_format_has(
    make: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    framework: str,
    model_format: str,
    artifact: str,
) -> None:
    source = tmp_path / "mine"
    if model_format == "SavedModel":
        source.mkdir()
        (source / "saved_model.pb").write_text("the model")
    else:
        source.write_text("the model")
    monkeypatch.chdir(tmp_path)  # the path is seen from where the user is, not from the project

    project = make(framework=framework, model_format=model_format, model_source="local", model_path="mine")

    assert (project / artifact).read_text() == "the model"
    assert artifact in git(project, "ls-files")


@pytest.mark.parametrize(
    ("path", "model_format", "why"),
    [
        ("nowhere.pkl", "pkl", "No such file or directory: '{path}'"),
        ("folder", "pkl", "{path} is not a file, as the chosen model_format is"),
    ],
)
def test_local_model_that_cannot_be_copied_leaves_the_project(
    make: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str], path: str, model_format: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    source = tmp_path / path

    project = make(model_source="local", model_format=model_format, model_path=str(source))

    (line,) = (line for line in capfd.readouterr().err.splitlines() if line.startswith("NOT DONE"))
    assert why.format(path=source) in line
    assert line.endswith(f"cd {project} && cp -R YOUR_MODEL model/model.{model_format}")
    assert (project / ".copier-answers.yml").exists()


def test_no_task_where_the_user_puts_the_model_there(make: Project, capfd: pytest.CaptureFixture[str]) -> None:
    project = make(model_source="local")

    assert not (project / "model").exists()
    assert "put your model at model/model.pkl" in capfd.readouterr().err


def test_new_project_can_be_updated_at_once_and_no_task_runs_again(
    template: Path, copier: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copier.template = repository = TemplateRepository(template, tmp_path / "repository")
    project = copier.copy(tmp_path / "project")
    repository.release("v2.0.0")
    capfd.readouterr()

    project.update()

    assert (project / "VERSION").read_text() == "v2.0.0\n"
    assert "training" not in capfd.readouterr().out
    assert len(git(project.path, "log", "--format=%h").splitlines()) == 1
