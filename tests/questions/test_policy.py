"""An organization's policy: what it fixes and refuses, wherever the answer comes from, and what projects keep of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copier as copier_package
import jsonschema
import pytest
import yaml
from copier.errors import UserMessageError
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from extensions.answers_schema import POLICY_SCHEMA
from extensions.combinations import ASKED
from extensions.policy import Policy, read_policy
from tests.questions.conftest import Answers, TemplateRepository

REASON = "Customer data stays in the EU."
REGIONS = {"aws_region": {"allow": ["eu-west-1", "eu-central-1"], "reason": REASON}}
REFUSED = f"{REASON} (policy acme 3); choose eu-west-1 or eu-central-1"

WriteRules = Callable[..., Path]


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteRules:
    """A function that makes these rules the policy."""

    def rules(questions: dict[str, Any], settings: dict[str, Any] | None = None) -> Path:
        path = tmp_path / "mcc-policy.yml"
        content = {"policy": "acme", "version": "3", "questions": questions, "settings": settings or {}}
        path.write_text(yaml.safe_dump(content))
        monkeypatch.setenv("MCC_POLICY", str(path))
        return path

    return rules


@contextmanager
def keyboard(keys: str) -> Iterator[None]:
    """These keys are typed at the prompts."""
    with create_pipe_input() as typed, create_app_session(input=typed, output=DummyOutput()):
        typed.send_text(keys)
        yield


def recorded(project: Path) -> Answers:
    answers: Answers = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return answers


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"fixed": "eu-west-1"}, ["eu-west-1"], ["us-east-1", ""]),
        ({"fixed": False}, [False], [True]),
        ({"fixed": 2}, ["2"], ["3"]),
        ({"fixed": ["a", "b"]}, [["a", "b"]], [["a"], []]),
        ({"allow": ["a", "b"]}, ["a", ["a"], ["b", "a"]], ["c", ["a", "c"]]),
        ({"deny": ["a", "b"]}, ["c", ["c"]], ["a", ["c", "a"]]),
        ({"pattern": r"ml\.(m5|c5)\..*"}, ["ml.m5.large"], ["ml.m6g.large", "xml.m5.large", ""]),
        ({"pattern": "1?"}, ["1"], ["11"]),
        (
            {"require": ["owner", "team=ml"]},
            ["owner=me,team=ml", "a=b, team=ml, owner=you"],
            ["", "owner=me", "owner=,team=ml", "team=x,owner=me", "co-owner=me,team=ml"],
        ),
        ({"require": ["a"]}, [["a", "b"]], [["b"], []]),
        ({"allow": ["a", "b"], "deny": ["b"]}, ["a"], ["b", "c"]),
    ],
)
def test_each_rule_refuses_in_one_line_what_it_is_for(rule: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    policy = Policy("acme 3", "policy.yml", "0" * 64, {"question": {**rule, "reason": REASON}}, {})

    assert [policy.refusal("question", answer) for answer in good] == [""] * len(good)
    for answer in bad:
        assert policy.refusal("question", answer).startswith(f"{REASON} (policy acme 3); ")
    assert policy.refusal("another", "anything") == ""


@pytest.mark.parametrize("options", [["-d", "aws_region=us-east-1"], ["--data-file", "answers.yml"]])
def test_refused_answer_ends_with_1_and_the_reason_in_one_line(
    rules: WriteRules, run_copier: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, options: list[str]
) -> None:
    rules(REGIONS)
    (tmp_path / "answers.yml").write_text("aws_region: us-east-1\n")

    result = run_copier("--trust", "--defaults", "--quiet", *options)

    assert (result.returncode, result.stderr.strip()) == (1, f"aws_region='us-east-1': {REFUSED}")
    assert not (tmp_path / "project").exists()


def test_answers_of_the_environment_and_the_settings_are_refused_alike(
    rules: WriteRules, refusal: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules(REGIONS)
    (tmp_path / "settings.yml").write_text("defaults: {aws_region: us-east-1}\n")

    with monkeypatch.context() as patch:
        patch.setenv("COPIER_SETTINGS_PATH", str(tmp_path / "settings.yml"))
        assert refusal() == f"settings.yml: aws_region='us-east-1': {REFUSED}"
    monkeypatch.setenv("MCC_AWS_REGION", "us-east-1")
    assert refusal() == f"MCC_AWS_REGION='us-east-1': {REFUSED}"


def test_region_of_the_aws_tools_that_is_refused_is_passed_over_with_the_reason(
    rules: WriteRules, ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rules(REGIONS)
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    assert ask()["aws_region"] == "eu-west-1"
    assert f"note: AWS_REGION='us-east-1' is ignored: {REFUSED}" in capfd.readouterr().err


def test_what_the_policy_says_nothing_against_is_taken(rules: WriteRules, ask: Callable[..., Answers]) -> None:
    rules(REGIONS)

    assert ask(aws_region="eu-central-1", framework="xgboost")["aws_region"] == "eu-central-1"


def test_answers_are_compared_as_copier_takes_them(
    rules: WriteRules, ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    no_server = {"deny": ["local-model-server"], "reason": "No servers here."}
    rules({"run_as_root": {"allow": [False], "reason": "No root."}, "test_types": no_server})

    values = ask(run_as_root="no", test_types="[local-model-cli]")

    assert (values["run_as_root"], values["test_types"]) == (False, ["local-model-cli"])
    assert refusal(run_as_root="yes", test_types="[local-model-cli]").endswith("No root. (policy acme 3); choose false")
    assert refusal(run_as_root=False, test_types="[local-model-server]").endswith("don't choose local-model-server")


def test_fixed_answer_is_given_and_no_other_is_taken(
    rules: WriteRules, ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    rules({"build_with": {"fixed": "docker", "reason": "CodeBuild is not set up."}})

    assert ask()["build_with"] == "docker"
    assert ask(build_with="docker")["build_with"] == "docker"
    assert refusal(build_with="codebuild").endswith("(policy acme 3); it is always docker")


def test_fixed_answer_to_a_question_that_is_not_asked_has_no_effect(
    rules: WriteRules, ask: Callable[..., Answers], tmp_path: Path
) -> None:
    rules({"profile": {"fixed": "low-latency", "reason": "Callers wait."}})

    assert ask(model_kind="generative")["profile"] == "low-latency"
    assert ask()["profile"] == "balanced"
    assert "profile" not in recorded(tmp_path / "project")


def test_a_setting_of_the_policy_is_there_from_the_beginning_and_no_other_is_taken(
    rules: WriteRules, ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    key = {"fixed": "alias/ours", "reason": "Our key."}
    rules({}, {"KMS_KEY": key, "TAGS": {"require": ["owner"], "reason": "Bills."}})

    assert ask(settings={"TAGS": "owner=me"})["settings"] == {"TAGS": "owner=me", "KMS_KEY": "alias/ours"}
    assert refusal().endswith("TAGS: Bills. (policy acme 3); add owner")
    assert refusal(settings={"TAGS": "owner=me", "KMS_KEY": "alias/mine"}).endswith("it is always alias/ours")


def test_a_policy_holds_defaults_of_settings_and_leaves_out_those_that_a_project_lacks(
    rules: WriteRules, ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    token = {"fixed": "ours/hf-token", "reason": "Ours."}
    rules({}, {"MIN_INSTANCES": {"allow": [1, 2], "reason": "Costs."}, "HF_TOKEN_SECRET": token})

    assert ask()["settings"] == {}
    assert ask(model_kind="generative")["settings"] == {"HF_TOKEN_SECRET": "ours/hf-token"}
    assert refusal(settings={"MIN_INSTANCES": 3}).endswith("MIN_INSTANCES: Costs. (policy acme 3); choose 1 or 2")


def test_fixed_answer_and_first_allowed_one_are_taken_when_copier_is_quiet_too(
    rules: WriteRules, questions_template: Path, tmp_path: Path
) -> None:
    rules({"project_name": {"fixed": "churn", "reason": "R"}, **REGIONS})

    copier_package.run_copy(
        str(questions_template), tmp_path / "x", defaults=True, quiet=True, unsafe=True, skip_tasks=True
    )

    assert (recorded(tmp_path / "x")["project_name"], recorded(tmp_path / "x")["aws_region"]) == ("churn", "eu-west-1")


def test_fixed_answer_that_is_none_is_refused_with_the_policy_that_has_it(
    rules: WriteRules, refusal: Callable[..., str]
) -> None:
    rules({"aws_region": {"fixed": "mars-1", "reason": "R"}})

    assert (
        refusal() == "policy acme 3: aws_region='mars-1': not a region with SageMaker, such as us-east-1 or eu-west-1"
    )


def test_refused_default_gives_way_to_the_first_answer_that_is_allowed(
    rules: WriteRules, ask: Callable[..., Answers]
) -> None:
    rules(REGIONS)

    assert ask()["aws_region"] == "eu-west-1"


@pytest.mark.parametrize(
    ("question", "rule", "line"),
    [
        ("instance_type", {"pattern": r"ml\.m6g\..*"}, r"instance_type='ml.m5.large', the default: R (policy acme 3)"),
        ("base_image", {"pattern": "registry.acme.com/.*"}, "base_image='', the default: R (policy acme 3)"),
        ("model_format", {"deny": ["pkl"]}, "model_format='pkl', the default: R (policy acme 3)"),
    ],
)
def test_refused_default_for_which_there_is_no_other_needs_an_answer(
    rules: WriteRules, refusal: Callable[..., str], question: str, rule: dict[str, Any], line: str
) -> None:
    rules({question: {**rule, "reason": "R"}})

    assert refusal().startswith(line)


def test_refused_answer_at_a_prompt_is_asked_again(rules: WriteRules, questions_template: Path, tmp_path: Path) -> None:
    rules({"instance_type": {"pattern": r"ml\.m6g\..*", "reason": "R"}})
    given = {"project_name": "churn", "model_kind": "predictive", "framework": "sklearn", "model_format": "pkl"}
    given |= {"model_source": "sample", "model_server": "flask", "build_with": "docker", "deploy_target": "realtime"}

    with keyboard("\r" + "ml.c5.large\r" + "\x7f" * len("ml.c5.large") + "ml.m6g.large\r" + "\r" * 30):
        copier_package.run_copy(str(questions_template), tmp_path / "x", data=given, unsafe=True, skip_tasks=True)

    assert recorded(tmp_path / "x")["instance_type"] == "ml.m6g.large"


def test_refused_choice_at_a_prompt_ends_the_questions_in_one_line(
    rules: WriteRules, questions_template: Path, tmp_path: Path
) -> None:
    rules({"framework": {"deny": ["xgboost"], "reason": "R"}})

    with (
        keyboard("\r\r\r" + "\x1b[B\r" + "\r" * 30),
        pytest.raises(UserMessageError, match=r"^framework='xgboost': R \("),
    ):
        copier_package.run_copy(str(questions_template), tmp_path / "x", unsafe=True, skip_tasks=True)


def test_policy_can_be_named_in_the_settings(
    rules: WriteRules, refusal: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rules(REGIONS)
    monkeypatch.delenv("MCC_POLICY")
    (tmp_path / "settings.yml").write_text(yaml.safe_dump({"defaults": {"mcc_policy": str(path)}}))
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(tmp_path / "settings.yml"))

    assert refusal(aws_region="us-east-1").endswith(REFUSED)


def test_project_records_the_policy_and_one_without_records_nothing(
    rules: WriteRules, ask: Callable[..., Answers], tmp_path: Path
) -> None:
    ask()
    assert "policy" not in (tmp_path / "project/.copier-answers.yml").read_text()

    rules(REGIONS)
    ask()
    policy = tmp_path / "mcc-policy.yml"
    assert recorded(tmp_path / "project")["policy_applied"] == {
        "title": "acme 3",
        "source": str(policy),
        "digest": hashlib.sha256(policy.read_bytes()).hexdigest(),
        "questions": REGIONS,
        "settings": {},
    }


def test_decisions_tell_of_the_policy_and_nothing_else_differs(
    rules: WriteRules, plain_template: Path, render: Callable[..., Path], tmp_path: Path
) -> None:
    without = (render() / "DECISIONS.md").read_text()
    rules({"run_as_root": {"allow": [True], "reason": "As AWS documents."}})

    given = {"project_name": "my-model"}
    copier_package.run_copy(str(plain_template), tmp_path / "x", given, defaults=True, unsafe=True, skip_tasks=True)

    assert "policy" not in without
    section = (tmp_path / "x/DECISIONS.md").read_text().removeprefix(without)
    assert section.startswith("\n## Policy: acme 3\n")
    assert section.endswith("\n- `run_as_root`: As AWS documents.\n")
    assert (tmp_path / "x/do/config.env").read_text() == (render() / "do/config.env").read_text()


def test_recorded_policy_holds_without_the_file_too(
    rules: WriteRules, ask: Callable[..., Answers], refusal: Callable[..., str], tmp_path: Path, monkeypatch: Any
) -> None:
    """Unsetting a variable dodges nothing: the answers file of the project brings its policy along."""
    rules(REGIONS)
    ask()
    record = recorded(tmp_path / "project")["policy_applied"]
    monkeypatch.delenv("MCC_POLICY")

    assert ask(policy_applied=record)["aws_region"] == "eu-west-1"
    assert recorded(tmp_path / "project")["policy_applied"] == record
    shutil.rmtree(tmp_path / "project")
    assert refusal(policy_applied=record, aws_region="us-east-1").endswith(REFUSED)


@pytest.fixture
def project(copier: Any, questions_template: Path, tmp_path: Path) -> Any:
    """A project made without a policy, and a later release of the template."""
    shutil.copytree(questions_template, tmp_path / "with-record")
    (tmp_path / "with-record/template/policy.txt.jinja").write_text(
        "policy: {{ (policy_applied.questions.values() | first).reason if policy_applied else 'none' }}\n"
    )
    copier.template = template = TemplateRepository(tmp_path / "with-record", tmp_path / "template")
    project = copier.copy(tmp_path / "project", model_server="flask")
    template.release("v2.0.0")
    return project


def test_update_is_refused_until_another_answer_is_given(rules: WriteRules, project: Any) -> None:
    rules(REGIONS)

    with pytest.raises(UserMessageError, match=r"^aws_region='us-east-1': Customer data stays in the EU"):
        project.update()
    assert project.run("git status --porcelain") == ""

    project.update(aws_region="eu-central-1")
    assert recorded(project.path)["aws_region"] == "eu-central-1"


def test_update_records_the_policy_of_the_day_without_conflicts(rules: WriteRules, project: Any) -> None:
    for reason in ("First.", "Second."):
        rules({"model_server": {"fixed": "flask", "reason": reason}})
        project.update()
        assert project.run("git diff --name-only --diff-filter=U") == ""
        assert recorded(project.path)["policy_applied"]["questions"]["model_server"]["reason"] == reason
        assert (project.path / "policy.txt").read_text() == f"policy: {reason}\n"
        project.run("git add --all")
        project.run("git commit --quiet --message update")


RULE = {"allow": ["eu-west-1"], "reason": "R"}
GOOD_POLICY = {"policy": "acme", "version": "2026.1", "questions": {"aws_region": RULE}}

BAD_POLICIES: list[tuple[Any, str]] = [
    ([], "the keys are policy, version, questions, settings"),
    ({**GOOD_POLICY, "name": "x"}, "the keys are"),
    ({**GOOD_POLICY, "questions": [RULE]}, "questions: give a rule for each of the questions"),
    ({**GOOD_POLICY, "version": 3}, "version: give a text"),
    ({**GOOD_POLICY, "policy": "a\nb"}, "policy: give a text"),
    *(
        ({**GOOD_POLICY, "questions": questions}, line)
        for questions, line in [
            ({"aws_regio": RULE}, "aws_regio: no such question - did you mean 'aws_region'?"),
            ({"AWS_REGION": RULE}, "AWS_REGION: no such question"),
            ({"aws_region": ["eu-west-1"]}, "aws_region: give a reason, and one or more of fixed, allow, "),
            ({"aws_region": {"reason": "R"}}, "aws_region: give a reason, and one or more of"),
            ({"aws_region": {**RULE, "alow": []}}, "aws_region: give a reason, and one or more of"),
            (
                {"aws_region": {"allow": ["eu-west-1"], "deny": ["x"]}},
                "aws_region: reason: explain the rule in one line",
            ),
            ({"aws_region": {**RULE, "reason": " "}}, "aws_region: reason: explain the rule in one line"),
            ({"aws_region": {**RULE, "reason": "a\nb"}}, "aws_region: reason: explain the rule in one line"),
            ({"aws_region": {**RULE, "allow": "eu-west-1"}}, "aws_region: allow: give a list of answers"),
            ({"aws_region": {**RULE, "deny": []}}, "aws_region: deny: give a list of answers"),
            ({"aws_region": {**RULE, "fixed": {"a": 1}}}, "aws_region: fixed: give the answer, or a list of answers"),
            ({"aws_region": {**RULE, "pattern": 5}}, "aws_region: pattern: give a regular expression"),
            ({"aws_region": {**RULE, "require": [True]}}, "aws_region: require: give a list of texts"),
        ]
    ),
]


def policy_schema() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(POLICY_SCHEMA.read_text()))


def read(folder: Path, content: str) -> Policy:
    (folder / "policy.yml").write_text(content)
    return read_policy(str(folder / "policy.yml"), [*ASKED], ["TAGS"])


def test_good_policy_is_read_and_valid_under_the_schema(tmp_path: Path) -> None:
    every_rule = {
        "fixed": True,
        "allow": [True, 1],
        "deny": ["x"],
        "pattern": "a|b",
        "require": ["owner"],
        "reason": "R",
    }

    for questions in ({}, {"aws_region": RULE}, {"model_server": every_rule}):
        content = {**GOOD_POLICY, "questions": questions}
        assert read(tmp_path, yaml.safe_dump(content)).title == "acme 2026.1"
        assert policy_schema().is_valid(content)


@pytest.mark.parametrize(("content", "line"), BAD_POLICIES)
def test_bad_policy_is_refused_in_one_line_and_invalid_under_the_schema(
    tmp_path: Path, content: Any, line: str
) -> None:
    with pytest.raises(UserMessageError) as caught:
        read(tmp_path, yaml.safe_dump(content))

    assert str(caught.value).startswith(f"policy {tmp_path}/policy.yml: {line}")
    assert len(str(caught.value).splitlines()) == 1
    assert not policy_schema().is_valid(content)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("policy: [acme", "not YAML: while parsing"),
        (
            "policy: a\nversion: b\nquestions: {aws_region: {pattern: '(', reason: R}}",
            "aws_region: pattern: give a regu",
        ),
    ],
)
def test_policy_that_cannot_be_parsed_is_refused_in_one_line(tmp_path: Path, content: str, line: str) -> None:
    with pytest.raises(UserMessageError, match=line) as caught:
        read(tmp_path, content)

    assert len(str(caught.value).splitlines()) == 1


def test_missing_policy_file_stops_the_run(
    refusal: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCC_POLICY", str(tmp_path / "gone.yml"))

    assert refusal().startswith(f"policy {tmp_path}/gone.yml: No such file or directory; ")


def test_variable_of_the_policy_is_taken_for_no_answer(
    rules: WriteRules, ask: Callable[..., Answers], capfd: pytest.CaptureFixture[str]
) -> None:
    rules({})
    ask()

    assert "MCC_POLICY" not in capfd.readouterr().err
