"""do/update brings the newest template, says what came, and never lets a conflict pass unseen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments import make_environment_with_fast_copier
from tests.exhaustive import exhaustive
from tests.forks import Forks, started
from tests.programs import git
from tests.rendering import kept_by_fast_copier
from tests.renders.jobs import scripts
from tests.updates.projects import commit, make, recorded, release
from tests.verbs.conftest import Done, refusal, stamp

CHANGELOG = """\
# Changelog

## Unreleased

- Not yet.

## 1.1.0

- nginx says more.

## 1.0.0

- All of it.
"""
QUESTION = """
greeting:
  type: str
  ask: false
  help: What is said first?
  choices: [hello, welcome]
  default: hello
"""

# The answers that make the smallest project, which is updated in the shortest time.
SMALL = {"include_tests": False, "model_source": "local"}

FORKS: list[Forks] = []


@pytest.fixture(scope="module")
def template(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the template whose release v1.1.0 has another nginx.conf and one more question."""
    repository = tmp_path_factory.mktemp("template") / "mcc-template"
    shutil.copytree(plain_template, repository)
    (repository / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n\n- All of it.\n")
    release(repository, "v1.0.0")
    (repository / "CHANGELOG.md").write_text(CHANGELOG)
    prepend(repository / "template/{{predictive}}/serving/nginx.conf", "# improved\n")
    with (repository / "questions/extras.yml").open("a") as questions:
        questions.write(QUESTION)
    release(repository, "v1.1.0")
    return repository


@pytest.fixture(scope="module")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of v1.0.0."""
    return make(template, tmp_path_factory.mktemp("made") / "project", SMALL)


@pytest.fixture(scope="module", autouse=True)
def forks(updates_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The Python whose forks run do/update, but for the jobs of the CI, which run it as owners do."""
    with started(updates_environment / "bin/python", tmp_path_factory.mktemp("forks"), "copier") as forks:
        FORKS.append(forks)
        yield
    FORKS.clear()


def run(project: Path, verb: str, *arguments: str, **environment: str) -> Done:
    """Run a verb to its end."""
    return FORKS[0].run([f"do/{verb}", *arguments], project, {**os.environ, **environment}, "", timeout=300)


@pytest.fixture(scope="module")
def updated(made: Path, updates_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """That project, edited and then updated; with what the verb said."""
    project = copy(made, updates_environment, tmp_path_factory.mktemp("updated") / "project")
    handler = project / "serving/model_handler.py"
    handler.write_text(handler.read_text() + "\n    allow_missing = True\n")
    commit(project, "mine")
    return project, run(project, "update")


@pytest.fixture(scope="module")
def updates_environment(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment for do/update that finds the packages of the one the tests run in, with a fast Copier."""
    folder = make_environment_with_fast_copier(
        tmp_path_factory.mktemp("environments") / "updates", kept_by_fast_copier(tmp_path_factory)
    )
    stamp(folder, made / "do/requirements-update.txt")
    return folder


@pytest.fixture
def project(made: Path, updates_environment: Path, tmp_path: Path) -> Path:
    """A project of v1.0.0 whose do/update has what it needs."""
    return copy(made, updates_environment, tmp_path / "project")


def copy(made: Path, environment: Path, project: Path) -> Path:
    shutil.copytree(made, project)
    (project / "do/.venv-update").symlink_to(environment)
    return project


def prepend(file: Path, text: str) -> None:
    file.write_text(text + file.read_text())


def test_the_improvements_come_and_the_owners_edits_stay(updated: tuple[Path, Done]) -> None:
    project, done = updated

    assert done.returncode == 0, done.stderr
    assert (project / "serving/nginx.conf").read_text().startswith("# improved\n")
    assert "allow_missing = True" in (project / "serving/model_handler.py").read_text()
    assert done.stdout == "updated to 1.1.0: 3 files changed\n"


def test_the_changelog_between_the_two_versions_is_shown(updated: tuple[Path, Done], template: Path) -> None:
    _, done = updated

    assert done.stderr.startswith(f"{template}: 1.0.0 -> 1.1.0\n## 1.1.0\n\n- nginx says more.\n")
    assert "All of it" not in done.stderr
    assert "Not yet" not in done.stderr


def test_the_default_that_answered_a_new_question_is_told(updated: tuple[Path, Done]) -> None:
    _, done = updated

    assert "new question: greeting=hello (to change it: do/update --keep-version --data greeting=...)\n" in done.stderr


def test_what_to_type_next_is_told(updated: tuple[Path, Done]) -> None:
    _, done = updated

    assert done.stderr.splitlines()[-1] == (
        'next: git diff, do/test --serve, git add --all && git commit --message "Update the template to 1.1.0"'
    )


def test_where_nothing_is_new_it_says_so(updated: tuple[Path, Done], template: Path) -> None:
    project, _ = updated
    commit(project, "updated")

    assert run(project, "update").stdout == f"up to date: 1.1.0 is the newest version of {template}\n"
    assert run(project, "update", "--check").returncode == 0


@pytest.mark.parametrize(("option", "exit_code"), [("--dry-run", 0), ("--check", 1)])
def test_what_would_come_is_shown_and_nothing_changed(project: Path, option: str, exit_code: int) -> None:
    (project / "notes.md").write_text("not committed, which does no harm here\n")

    done = run(project, "update", option)

    assert (done.returncode, done.stdout) == (exit_code, "would update from 1.0.0 to 1.1.0\n")
    assert "nginx says more" in done.stderr
    assert git(project, "status", "--porcelain") == "?? notes.md\n"


def test_an_answer_is_changed_with_it(project: Path) -> None:
    done = run(project, "update", "--data", "model_server=flask", "--data", "greeting=welcome")

    assert done.returncode == 0, done.stderr
    assert "model_server: fastapi -> flask\n" in done.stderr
    assert recorded(project)["greeting"] == "welcome"
    assert "from flask import" in (project / "serving/app.py").read_text()


def test_an_answer_is_changed_where_the_template_is_the_newest(template: Path, project: Path) -> None:
    run(project, "update")
    commit(project, "updated")

    done = run(project, "update", "--data", "build_with=docker")

    assert done.returncode == 0, done.stderr
    assert not (project / "buildspec.yml").exists()


def test_a_conflict_ends_it_with_1_and_names_the_file(project: Path) -> None:
    prepend(project / "serving/nginx.conf", "# mine\n")
    commit(project, "mine")

    done = run(project, "update")

    assert (done.returncode, done.stdout) == (1, "conflict: serving/nginx.conf\n")
    assert "next: resolve each" in done.stderr
    assert "<<<<<<<" in (project / "serving/nginx.conf").read_text()
    line = refusal(run(project, "update"), 1)
    assert line.startswith("do/update: serving/nginx.conf has conflicts of an earlier update: resolve them")


# what people set for all of their repositories: https://github.com/copier-org/copier/issues/1224, 1805, 2300 and 2362
OF_THE_USER = """\
[core]
    hooksPath = {hooks}
    attributesFile = {hooks}/attributes
[commit]
    gpgSign = true
[color]
    ui = always
[diff]
    noprefix = true
    mnemonicPrefix = true
    external = false
[merge]
    conflictStyle = zdiff3
[apply]
    whitespace = error
[init]
    templateDir = {hooks}/template
"""


@pytest.mark.parametrize("inside_a_hook", [False, True])
def test_settings_and_hooks_of_the_users_git_change_nothing(project: Path, tmp_path: Path, inside_a_hook: bool) -> None:
    for name in ("pre-commit", "post-checkout", "template/hooks/post-checkout"):
        hook = tmp_path / "hooks" / name
        hook.parent.mkdir(parents=True, exist_ok=True)
        hook.write_text("#!/bin/sh\necho hook says no >&2\nexit 1\n")
        hook.chmod(0o755)
    (tmp_path / "gitconfig").write_text(OF_THE_USER.format(hooks=tmp_path / "hooks"))
    of_a_hook = {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_PREFIX": ""} if inside_a_hook else {}

    done = run(project, "update", GIT_CONFIG_GLOBAL=str(tmp_path / "gitconfig"), **of_a_hook)

    assert done.returncode == 0, done.stderr
    assert (project / "serving/nginx.conf").read_text().startswith("# improved")
    assert git(project, "status", "--porcelain").splitlines() == [
        " M .copier-answers.yml",
        " M do/lib/answers.json",
        " M serving/nginx.conf",
    ]


def test_a_checkout_with_the_line_ends_of_windows_starts_every_verb(made: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "-c", "core.autocrlf=true", str(made), "clone")
    clone = tmp_path / "clone"
    tracked = git(clone, "ls-files").splitlines()

    assert [name for name in tracked if b"\r\n" in (clone / name).read_bytes()] == []
    verbs = [name for name in tracked if Path(name).parent == Path("do") and "." not in Path(name).name]
    ended = [
        subprocess.run([clone / name, "--help"], capture_output=True).returncode for name in ("do/config", "do/serve")
    ]
    assert len(verbs) > 20
    assert ended == [0, 0]


def test_what_could_not_be_applied_counts_as_a_conflict(project: Path) -> None:
    (project / "serving/nginx.conf.rej").write_text("@@ -1 +1 @@\n")

    assert refusal(run(project, "update"), 1).startswith("do/update: serving/nginx.conf.rej has conflicts")


def test_what_is_not_committed_is_not_put_at_risk(project: Path) -> None:
    prepend(project / "README.md", "mine\n")
    (project / "notes.md").write_text("mine\n")

    assert refusal(run(project, "update"), 2) == (
        "do/update: README.md and 1 more is not committed: "
        "run git add --all && git commit, or git stash --include-untracked"
    )


def test_a_project_in_no_repository_is_refused(bare_project: Path) -> None:
    line = refusal(run(bare_project, "update", GIT_CEILING_DIRECTORIES=str(bare_project.parent)), 2)

    assert line.startswith("do/update: the project is not in a git repository: run git init")


def test_a_wrong_answer_is_refused_in_one_line_and_changes_nothing(project: Path) -> None:
    done = run(project, "update", "--data", "model_server=django")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "do/update: copier update failed: model_server='django': choose fastapi or flask"
    )
    assert git(project, "status", "--porcelain") == ""


def test_an_answer_without_its_question_is_refused(project: Path) -> None:
    assert refusal(run(project, "update", "--data", "flask"), 3) == ("do/update: --data flask: give QUESTION=ANSWER")


@pytest.mark.parametrize(
    ("text", "exit_code", "line"),
    [
        (None, 5, "do/update: .copier-answers.yml is missing: run git checkout .copier-answers.yml"),
        ("project_name: my-model\n", 3, "do/update: .copier-answers.yml doesn't say which template it is from: "),
        ("a: [\n", 3, "do/update: .copier-answers.yml is not valid YAML: "),
    ],
)
def test_answers_that_can_not_be_read_are_named(project: Path, text: str | None, exit_code: int, line: str) -> None:
    answers = project / ".copier-answers.yml"
    answers.unlink() if text is None else answers.write_text(text)

    assert refusal(run(project, "update", "--check"), exit_code).startswith(line)


def test_a_template_that_can_not_be_reached_is_named(project: Path, template: Path) -> None:
    answers = project / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(str(template), str(template / "gone")))

    line = refusal(run(project, "update", "--check"), 2)

    assert line.startswith(f"do/update: can't get the newest version of {template / 'gone'}: ")
    assert line.endswith(f"; check it with git ls-remote {template / 'gone'}")


def test_an_answer_is_changed_and_the_version_kept(project: Path) -> None:
    done = run(project, "update", "--keep-version", "--data", "model_server=flask")

    assert done.returncode == 0, done.stderr
    assert "model_server: fastapi -> flask\n" in done.stderr
    assert "from flask import" in (project / "serving/app.py").read_text()
    assert not (project / "serving/nginx.conf").read_text().startswith("# improved")


def test_keeping_the_version_and_all_answers_is_refused(project: Path) -> None:
    assert refusal(run(project, "update", "--keep-version"), 3) == (
        "do/update: --keep-version changes nothing without --data QUESTION=ANSWER"
    )


def test_answers_edited_by_hand_are_refused_with_the_command_that_changes_them(project: Path) -> None:
    answers = project / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace("model_server: fastapi", "model_server: flask"))
    commit(project, "edited by hand")

    line = refusal(run(project, "update"), 3)

    assert line.startswith(
        "do/update: .copier-answers.yml was edited by hand (model_server), which changes no other file"
    )
    assert line.endswith("&& do/update --keep-version --data model_server=flask")
    command = line.partition(": run ")[2]
    git(project, "config", "user.name", "owner")
    git(project, "config", "user.email", "owner@localhost")
    done = subprocess.run(["bash", "-ec", command], cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "from flask import" in (project / "serving/app.py").read_text()


def test_files_the_owner_moved_or_deleted_are_named_if_the_template_changed_them(project: Path) -> None:
    git(project, "mv", "serving/nginx.conf", "serving/proxy.conf")
    commit(project, "moved")

    done = run(project, "update")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "not updated, though the template changed it: serving/nginx.conf (you moved it to serving/proxy.conf)\n"
    )


OTHER_RULES = ("serving/", "*.json", "do")


@pytest.mark.parametrize("rule", ["*.env", *(pytest.param(rule, marks=exhaustive) for rule in OTHER_RULES)])
def test_what_an_outer_ignore_file_names_is_kept(
    made: Path, updates_environment: Path, tmp_path: Path, rule: str
) -> None:
    """Copier would delete do/config.env, or reset it to the template's."""
    project = copy(made, updates_environment, tmp_path / "outer/project")
    shutil.rmtree(project / ".git")
    (tmp_path / "outer/.gitignore").write_text(rule + "\n")
    config = project / "do/config.env"
    config.write_text(config.read_text() + "# mine\n")
    commit(tmp_path / "outer", "all")

    done = run(project, "update")

    assert done.returncode == 0, done.stderr
    assert config.read_text().endswith("# mine\n")
    assert (project / "serving/nginx.conf").read_text().startswith("# improved\n")


def test_files_that_git_ignores_all_the_same_stop_the_update(project: Path) -> None:
    ignored = project / "do/.gitignore"
    ignored.write_text("*.env\n")
    commit(project, "ignored")

    done = run(project, "update")

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("do/update: git ignores do/config.env, which an update would delete")
    assert git(project, "status", "--porcelain") == ""


class Hosted:
    """A project whose origin stands in for GitHub and GitLab: a bare repository, and a `gh` that notes its calls."""

    def __init__(self, project: Path, folder: Path) -> None:
        self.project, self.origin, self.calls = project, folder / "origin.git", folder / "calls"
        (folder / "tools").mkdir()
        (folder / "tools/gh").write_text(f'#!/bin/sh\necho "$1 $2" >> {self.calls}\n')
        (folder / "tools/gh").chmod(0o755)
        git(folder, "clone", "--quiet", "--bare", str(project), str(self.origin))
        git(self.origin, "config", "receive.advertisePushOptions", "true")
        git(project, "remote", "add", "origin", str(self.origin))
        self.environment = {
            **os.environ,
            "PATH": f"{folder / 'tools'}{os.pathsep}{os.environ['PATH']}",
            "CI_SERVER_HOST": "gitlab.invalid",
            "CI_PROJECT_PATH": "models/my-model",
            "CI_DEFAULT_BRANCH": "main",
            "UPDATE_TOKEN": "token",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.origin}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://update:token@gitlab.invalid/models/my-model.git",
        }

    def run_update_job(self) -> int:
        """What the two jobs of a run do, each in a checkout of its own, up to the first failure."""
        git(self.project, "push", "--quiet", "origin", "HEAD:main")
        jobs = scripts(self.project)
        update, propose = (steps for name, steps in jobs.items() if name.startswith(("update", "propose")))
        checkouts = [Path(tempfile.mkdtemp(dir=self.origin.parent)) / "project" for _ in range(2)]
        for checkout in checkouts:
            git(self.origin.parent, "clone", "--quiet", str(self.origin), str(checkout))
            (checkout / "do/.venv-update").symlink_to((self.project / "do/.venv-update").resolve())
        if code := self.run(update, checkouts[0]):
            return code
        bundle = checkouts[0] / "update.bundle"
        assert bundle.exists() == ("changed=true" in self.output(checkouts[0])) or not self.on_github
        if not bundle.exists():
            return 0
        shutil.copy(bundle, checkouts[1])
        return self.run(propose, checkouts[1])

    @property
    def on_github(self) -> bool:
        return (self.project / ".github").exists()

    def output(self, checkout: Path) -> str:
        """What the steps of a job have told the next one."""
        file = checkout.with_name("output")
        return file.read_text() if file.exists() else ""

    def run(self, steps: list[str], checkout: Path) -> int:
        """Run what a job runs. `exit` ends a step of GitHub's, and the job of GitLab's."""
        environment = {**self.environment, "GITHUB_OUTPUT": str(checkout.with_name("output"))}
        for step in steps if self.on_github else ["\n".join(steps)]:
            done = subprocess.run(["bash", "-ec", step], cwd=checkout, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.stderr.write(done.stderr)
                return done.returncode
        return 0


@pytest.fixture(params=["github", pytest.param("gitlab", marks=exhaustive)])
def hosted(request: pytest.FixtureRequest, template: Path, updates_environment: Path, tmp_path: Path) -> Hosted:
    """A hosted project of v1.0.0."""
    project = make(template, tmp_path / "project", {**SMALL, "ci": request.param})
    (project / "do/.venv-update").symlink_to(updates_environment)
    return Hosted(project, tmp_path)


def test_a_job_of_the_ci_proposes_the_update_in_a_branch_and_nothing_where_it_is_there(hosted: Hosted) -> None:
    assert hosted.run_update_job() == 0

    assert git(hosted.origin, "show", "template-update:serving/nginx.conf").startswith("# improved\n")
    assert git(hosted.origin, "log", "--format=%s", "main..template-update") == "Update from the template\n"
    if hosted.on_github:
        assert hosted.calls.read_text() == "auth setup-git\npr list\npr create\n"
    assert hosted.run_update_job() == 0
    assert git(hosted.origin, "rev-list", "--count", "main..template-update") == "1\n"


def test_a_job_of_the_ci_fails_on_a_conflict_and_pushes_nothing(hosted: Hosted) -> None:
    prepend(hosted.project / "serving/nginx.conf", "# mine\n")
    commit(hosted.project, "mine")

    assert hosted.run_update_job() == 1
    assert git(hosted.origin, "branch", "--list", "template-update") == ""
