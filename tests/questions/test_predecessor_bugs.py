"""The predecessor's bugs that questions are to blame for: section F.1 of the facts about it, by their numbers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from extensions.layers import switched_on
from tests.conftest import ROOT
from tests.questions.conftest import Answers
from tests.renders.answers import CATALOG

RunCopier = Callable[..., subprocess.CompletedProcess[str]]


def test_f_1_1_name_is_asked_and_destination_is_where_the_user_says(run_copier: RunCopier, tmp_path: Path) -> None:
    """F.1-1: nobody was asked for the name, which was random, and files landed in the current folder."""
    result = run_copier("--trust", "--defaults", "--skip-tasks", "-d", "project_name=churn")

    assert result.returncode == 0, result.stderr
    assert yaml.safe_load((tmp_path / "project" / ".copier-answers.yml").read_text())["project_name"] == "churn"
    assert "ask" not in yaml.safe_load((ROOT / "questions" / "project.yml").read_text())["project_name"]


def test_f_1_2_refused_answer_ends_with_an_error_and_no_files(run_copier: RunCopier, tmp_path: Path) -> None:
    """F.1-2: a wrong framework, server or role printed a line and ended with 0 and no files."""
    assert run_copier("--trust", "--defaults", "-d", "settings={ROLE_ARN: my-role}").returncode == 1
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize(
    ("role_arn", "aws_region"),
    [
        ("arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-20240101T000000", "us-east-1"),
        ("arn:aws-us-gov:iam::123456789012:role/SageMaker", "us-gov-east-1"),
        ("arn:aws-cn:iam::123456789012:role/team/ml/SageMaker", "cn-northwest-1"),
    ],
)
def test_f_1_3_role_may_have_a_path_and_any_partition(
    ask: Callable[..., Answers], role_arn: str, aws_region: str
) -> None:
    """F.1-3: the console's own roles, and those of GovCloud and China, were refused."""
    assert ask(settings={"ROLE_ARN": role_arn}, aws_region=aws_region)["settings"] == {"ROLE_ARN": role_arn}


def test_f_1_4_no_answer_is_passed_over(ask: Callable[..., Answers], refusal: Callable[..., str]) -> None:
    """F.1-4: --include-testing=false, --test-types and unknown options had no effect and no message."""
    assert "tests" not in switched_on(ask(include_tests="false"), CATALOG)
    assert "local_model_server" not in switched_on(ask(test_types="[local-model-cli]"), CATALOG)
    assert refusal(codebuild_project_name="x").startswith("unknown answer 'codebuild_project_name'")


def test_f_1_5_any_instance_type_is_given_by_its_name(ask: Callable[..., Answers]) -> None:
    """F.1-5: ml.m5.xlarge needed two options, and ml.p6-b200.48xlarge was no instance type."""
    assert ask(instance_type="ml.m5.xlarge")["instance_type"] == "ml.m5.xlarge"
    assert "ml.p6-b200.48xlarge" in CATALOG["instances"]


def test_f_1_6_any_region_may_be_in_the_environment(
    ask: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """F.1-6: AWS_REGION=ap-south-1 stopped the generation, as would any region but thirteen."""
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    assert ask()["aws_region"] == "ap-south-1"

    monkeypatch.setenv("AWS_REGION", "somewhere-else-1")
    assert ask()["aws_region"] == "us-east-1"


def test_f_1_7_recorded_answers_are_what_is_made_of_them(
    ask: Callable[..., Answers], tmp_path: Path, run_copier: RunCopier
) -> None:
    """F.1-7: the configuration that it wrote itself was passed over: it said xgboost and sklearn was made."""
    ask(framework="xgboost")
    (tmp_path / "project").rename(tmp_path / "first")

    run_copier("--trust", "--defaults", "--skip-tasks", "--data-file", "first/.copier-answers.yml")

    assert yaml.safe_load((tmp_path / "project" / "values.json").read_text())["framework"] == "xgboost"


def test_f_1_8_broken_file_stops_the_run_and_a_quoted_false_is_false(
    ask: Callable[..., Answers], run_copier: RunCopier, tmp_path: Path
) -> None:
    """F.1-8: a broken file was passed over with exit code 0, the text "false" was true, unknown keys had no effect."""
    (tmp_path / "broken.yml").write_text("framework: [xgboost")

    assert run_copier("--trust", "--defaults", "--data-file", "broken.yml").returncode != 0
    assert not (tmp_path / "project").exists()
    assert ask(include_tests="false")["include_tests"] is False


@pytest.mark.parametrize("name", ["My Model_1!; rm -rf x", "a&b", "$(id)", "`id`", '"; id; "'])
def test_f_1_9_name_can_do_nothing_in_a_shell(refusal: Callable[..., str], name: str) -> None:
    """F.1-9: names were not checked: a&b came out as a&amp;b, and $(id) was run by the generated scripts."""
    assert "lower-case letters, digits and single hyphens" in refusal(project_name=name)


@pytest.mark.parametrize(
    ("given", "platform"),
    [
        ({}, "linux/amd64"),
        ({"instance_type": "ml.m7i.large"}, "linux/amd64"),
        ({"instance_type": "ml.m6g.large"}, "linux/arm64"),
        ({"instance_type": "ml.r8g.2xlarge"}, "linux/arm64"),
    ],
)
def test_f_1_11_image_is_for_the_processor_of_the_instance(
    ask: Callable[..., Answers], given: Answers, platform: str
) -> None:
    """F.1-11: the default instance was arm64 and its image x86_64: "exec format error"."""
    assert ask(**given)["image_platform"] == platform


@pytest.mark.parametrize("test_type", ["local-model-cli", "local-model-server", "hosted-model-endpoint"])
def test_f_1_19_every_test_type_switches_its_own_layer(ask: Callable[..., Answers], test_type: str) -> None:
    """F.1-19: test types were asked and recorded, and changed nothing."""
    layers = {"local_model_cli", "local_model_server", "hosted_model_endpoint"}

    assert layers & switched_on(ask(test_types=[test_type]), CATALOG) == {test_type.replace("-", "_")}
