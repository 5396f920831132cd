"""Each question: the answers that it takes, and those that it refuses in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import copier
import pytest
import yaml

from extensions.answers import is_computed, load_questions
from extensions.context import load_catalog
from extensions.document_questions import choices
from extensions.names import LONGEST_PROJECT_NAME
from tests.conftest import ROOT
from tests.questions.conftest import Answers

QUESTIONS = {name: question for name, question in load_questions(ROOT).items() if not is_computed(question)}
CATALOG = load_catalog()

# Another answer that a choice needs.
NEEDED: dict[str, Answers] = {
    **{name: {"framework": framework} for framework, row in CATALOG["frameworks"].items() for name in row["formats"]},
    "model_path": {"model_source": "local"},
    "model_data_url": {"model_source": "s3"},
    "model_package_arn": {"model_source": "registry"},
    "deployment_strategy": {"min_instances": 2},
    "vpc_subnets": {"vpc_security_groups": "sg-1"},
    "vpc_security_groups": {"vpc_subnets": "subnet-1"},
    "data_capture_url": {"data_capture_percent": 10},
}

Cases = list[tuple[str, list[Any]]]

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/3"

GOOD: Cases = [
    ("project_name", ["ab", "churn-model", "a1-b2-c3", "x" * LONGEST_PROJECT_NAME]),
    ("model_path", ["", "model.pkl", "../my models/a+b=c,d@e~1.joblib", "/srv/model", r"C:\models\model.json"]),
    ("model_data_url", ["", "s3://my-bucket/models/churn.tar.gz", "s3://my.bucket/a/b=1/", "s3://my-bucket/"]),
    ("model_package_arn", ["", PACKAGE, PACKAGE.replace("arn:aws:", "arn:aws-us-gov:")]),
    ("base_image", ["", "python:3.12", "localhost:5000/a/b_c:1.0", "public.ecr.aws/x/y@sha256:" + "0" * 64]),
    ("run_as_root", [True, False]),
    ("aws_region", ["us-east-1", "ap-south-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1"]),
    ("instance_type", ["ml.m5.large", "ml.m5.xlarge", "ml.m6g.large", "ml.c7i.48xlarge", "ml.t2.medium"]),
    ("role_arn", ["", "arn:aws:iam::123456789012:role/r", "arn:aws:iam::123456789012:role/a/b.c/My_Role+=,.@-1"]),
    ("min_instances", [1]),
    ("max_instances", [1, 100]),
    ("volume_size_gb", [0, 1, 512]),
    ("startup_timeout", [60, 3600]),
    ("download_timeout", [60, 3600]),
    ("vpc_subnets", ["subnet-0a1b2c3d", "subnet-0a1b2c3d,subnet-4e5f6a7b"]),
    ("vpc_security_groups", ["sg-0a1b2c3d", "sg-1,sg-2,sg-3,sg-4,sg-5"]),
    ("kms_key", ["", "alias/my-key", "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab"]),
    ("network_isolation", [True, False]),
    ("tags", ["", "team=pricing", "team=pricing,cost:centre=4/2+x@y"]),
    ("data_capture_percent", [0]),
    ("data_capture_url", ["s3://my-bucket", "s3://my-bucket/captured/here"]),
    ("container_environment", ["", "SERVING_WORKERS=2", "A=,B_2=http://x:1/y%20z"]),
    ("include_tests", [True, False]),
    ("test_types", [["local-model-cli"], ["local-model-server", "hosted-model-endpoint"]]),
    ("renovate", [True, False]),
    ("train_sample", [True, False]),
    ("provision", [True, False]),
    ("git_init", [True, False]),
]

BAD: Cases = [
    ("project_name", ["", "a", "My-model", "my_model", "-a", "a-", "a--b", "1a", "x" * (LONGEST_PROJECT_NAME + 1)]),
    ("model_kind", ["generative", ""]),
    ("framework", ["sklern", "pytorch", "", "SKLEARN", None, ["sklearn"], {"a": 1}]),
    ("model_format", ["onnx", "ubj"]),
    ("model_source", ["S3", "hub"]),
    ("model_path", ["a|b", "a&b", "*.pkl"]),
    ("model_data_url", ["my-bucket/m.tar.gz", "s3://my-bucket", "s3://my-bucket/model.pkl", "s3://B/m.tar.gz"]),
    ("model_package_arn", ["churn/3", "arn:aws:sagemaker:us-east-1:1:model-package/churn/3", PACKAGE + "/x"]),
    ("model_server", ["django"]),
    ("base_image", ["python", "Python:3.12", "python:", "python:3.12@sha256:1", "-x:1", "a b:1", "https://x/y:1"]),
    ("run_as_root", ["", "perhaps", 2]),
    ("build_with", ["podman"]),
    ("codebuild_compute_type", ["MEDIUM", "BUILD_LAMBDA_1GB"]),
    ("deploy_target", ["async"]),
    ("aws_region", ["", "us-east-9", "US-EAST-1", "eu"]),
    ("instance_type", ["", "m5.large", "ml.m5.lage", "ml.g5.xlarge", "ml.inf2.xlarge", "ml.p6-b200.48xlarge"]),
    (
        "role_arn",
        [
            "my-role",
            "arn:aws:iam::12345:role/r",
            "arn:aws:iam::123456789012:user/r",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam::123456789012:role/" + "x" * 65,
            "arn:aws-cn:iam::123456789012:role/r",
            "arn:azure:iam::123456789012:role/r",
            None,
        ],
    ),
    ("min_instances", [0, 101, "two", 1.5]),
    ("max_instances", [0, 101, ""]),
    ("deployment_strategy", ["canary"]),
    ("routing_strategy", ["RANDOM"]),
    ("volume_size_gb", [-1, 513]),
    ("startup_timeout", [59, 3601]),
    ("download_timeout", [59, 3601]),
    ("vpc_subnets", ["sg-1", "subnet-1, subnet-2", ",".join(f"subnet-{n}" for n in range(17))]),
    ("vpc_security_groups", ["", "subnet-1", ",".join(f"sg-{n}" for n in range(6))]),
    ("kms_key", ["my key", "x" * 2049]),
    ("network_isolation", ["maybe"]),
    ("tags", ["team", "=x", "aws:team=x", "mcc-template:project=x", "a=b;c=d", "a=" + "x" * 257]),
    ("data_capture_percent", [-1, 101]),
    ("data_capture_url", ["", "my-bucket/captured", "s3://B/x"]),
    ("container_environment", ["SERVING_WORKERS", "1A=x", "A=b c", "A=$HOME"]),
    ("include_tests", ["maybe", [], None]),
    ("test_types", ["[]", "local-model-cli", "[unit]", "[local-model-cli", 5, {"local-model-cli": True}]),
    ("ci", ["jenkins", "", None]),
    ("renovate", ["soon"]),
    ("train_sample", ["no way"]),
    ("provision", ["later"]),
    ("git_init", ["so-so"]),
]

HOSTILE = [
    '"',
    "a'b",
    "$(id)",
    "`id`",
    "a\nb",
    "a\n",
    "\x1b[31m",
    "mod\xe8le",
    "\u202emodel",
    "x" * 2100,
    "{{ 7 * 7 }}",
]


EVERY_CHOICE: Cases = [(name, choices(question)) for name, question in QUESTIONS.items()]

# One rule refuses whatever is no choice, so there one hostile text that says much will do.
EVERY_HOSTILE: Cases = [
    (name, ["\"'$(id)`\n{{ 7 * 7 }}\x1b" * 20] if "choices" in question else HOSTILE)
    for name, question in QUESTIONS.items()
    if question["type"] == "str"
]


def cases(table: Cases) -> list[Any]:
    """A case per question and answer, with an identifier that shows both."""
    return [pytest.param(name, value, id=f"{name}={ascii(value)[:40]}") for name, values in table for value in values]


def others(name: str, value: Any) -> Answers:
    """The answers that this one needs beside it."""
    return NEEDED.get(name, {}) | (NEEDED.get(value, {}) if name == "model_format" else {})


@pytest.mark.parametrize(("name", "value"), cases(GOOD))
def test_takes_a_good_answer(ask: Callable[..., Answers], name: str, value: Any) -> None:
    assert ask(**others(name, value), **{name: value})[name] == value


@pytest.mark.parametrize(("name", "value"), cases(EVERY_CHOICE))
def test_takes_every_choice(ask: Callable[..., Answers], name: str, value: str) -> None:
    given = [value] if QUESTIONS[name].get("multiselect") else value

    assert ask(**others(name, value), **{name: given})[name] == given


@pytest.mark.parametrize(("name", "value"), cases(BAD))
def test_refuses_a_bad_answer_in_one_line(refusal: Callable[..., str], name: str, value: Any) -> None:
    assert refusal(**NEEDED.get(name, {}), **{name: value}).startswith(f"{name}=")


@pytest.mark.parametrize(("name", "value"), cases(EVERY_HOSTILE))
def test_refuses_hostile_text_in_one_line(refusal: Callable[..., str], name: str, value: str) -> None:
    assert refusal(**NEEDED.get(name, {}), **{name: value}).startswith(f"{name}=")


def test_tries_every_question_with_good_and_bad_answers() -> None:
    assert {name for name, _ in BAD} == set(QUESTIONS)
    assert {name for name, _ in GOOD} == {name for name, question in QUESTIONS.items() if not choices(question)} | {
        "test_types"
    }


def test_defaults_make_a_project_of_the_sample_on_the_processor_that_most_machines_have(
    ask: Callable[..., Answers],
) -> None:
    values = ask()

    assert {name: values[name] for name in ("framework", "model_format", "model_server", "model_source")} == {
        "framework": "sklearn",
        "model_format": "pkl",
        "model_server": "fastapi",
        "model_source": "sample",
    }
    assert values["build_with"] == "codebuild"
    assert values["instance_type"] == "ml.m5.large"
    assert values["image_platform"] == "linux/amd64"
    assert values["run_as_root"] is True
    assert values["base_image"] == ""


def test_project_is_named_after_its_folder(ask: Callable[..., Answers]) -> None:
    assert ask()["project_name"] == "project"


@pytest.mark.parametrize("folder", ["My Model", "x", "model_1", "x" * 60])
def test_project_gets_a_plain_name_where_its_folder_has_none_that_aws_takes(
    questions_template: Path, tmp_path: Path, folder: str
) -> None:
    copier.run_copy(str(questions_template), tmp_path / folder, defaults=True, quiet=True, unsafe=True, skip_tasks=True)

    assert yaml.safe_load((tmp_path / folder / ".copier-answers.yml").read_text())["project_name"] == "my-model"


@pytest.mark.parametrize(
    ("service", "shape"),
    [
        ("sagemaker", "EndpointName"),
        ("sagemaker", "EndpointConfigName"),
        ("sagemaker", "ModelName"),
        ("ecr", "RepositoryName"),
        ("codebuild", "ProjectName"),
    ],
)
def test_longest_project_name_with_a_suffix_of_16_is_a_name_for_every_service(service: str, shape: str) -> None:
    limits = botocore.session.get_session().get_service_model(service).shape_for(shape).metadata
    name = "x" * LONGEST_PROJECT_NAME + "-" + "0" * 16

    assert len(name) <= limits.get("max", 256)
    assert re.fullmatch(limits["pattern"], name)


@pytest.mark.parametrize("name", ["instance_type", "aws_region", "framework"])
def test_suggests_the_answer_that_was_meant(refusal: Callable[..., str], name: str) -> None:
    typed = {"instance_type": "ml.m5.lage", "aws_region": "us-eats-1", "framework": "sklern"}[name]
    meant = {"instance_type": "ml.m5.large", "aws_region": "us-east-1", "framework": "sklearn"}[name]

    line = refusal(**{name: typed})

    assert "did you mean" in line
    assert f"'{meant}'" in line


@pytest.mark.parametrize(("instance_type", "has"), [("ml.g5.xlarge", "A10G"), ("ml.inf2.xlarge", "Inferentia2")])
def test_says_why_an_accelerated_type_is_refused_and_what_to_take(
    refusal: Callable[..., str], instance_type: str, has: str
) -> None:
    line = refusal(instance_type=instance_type)

    assert has in line
    assert "choose a CPU type such as ml.m5.xlarge" in line


@pytest.mark.parametrize(
    ("partition", "region"),
    sorted({row["partition"]: name for name, row in CATALOG["regions"].items()}.items()),
)
def test_role_is_in_the_partition_of_the_region(
    ask: Callable[..., Answers], refusal: Callable[..., str], partition: str, region: str
) -> None:
    other = "aws-cn" if partition == "aws" else "aws"

    assert f"aws_region={region} is in {partition}" in refusal(
        aws_region=region, role_arn=f"arn:{other}:iam::123456789012:role/r"
    )
    assert ask(aws_region=region, role_arn=f"arn:{partition}:iam::123456789012:role/r")["role_arn"]


def test_arm64_images_are_built_where_codebuild_has_a_machine_for_them(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    china = {"aws_region": "cn-north-1", "instance_type": "ml.m6g.large"}

    assert "codebuild_compute_type=BUILD_GENERAL1_LARGE" in refusal(**china)
    assert ask(**china, codebuild_compute_type="BUILD_GENERAL1_LARGE")["image_platform"] == "linux/arm64"
    assert ask(**china, build_with="docker")["image_platform"] == "linux/arm64"
    assert ask(instance_type="ml.m6g.large")["codebuild_compute_type"] == "BUILD_GENERAL1_MEDIUM"


@pytest.mark.parametrize(
    ("given", "needs"),
    [
        ({"model_path": "model.pkl"}, "model_source == 'local'"),
        ({"model_data_url": "s3://my-bucket/"}, "model_source == 's3'"),
        ({"model_package_arn": PACKAGE}, "model_source == 'registry'"),
        ({"provision": True, "build_with": "docker"}, "build_with == 'codebuild'"),
        ({"train_sample": True, "model_source": "local"}, "model_source == 'sample'"),
        ({"codebuild_compute_type": "BUILD_GENERAL1_SMALL", "build_with": "docker"}, "build_with == 'codebuild'"),
        ({"test_types": ["local-model-cli"], "include_tests": False}, "include_tests"),
    ],
)
def test_refuses_an_answer_without_effect_and_says_what_it_needs(
    refusal: Callable[..., str], given: Answers, needs: str
) -> None:
    assert refusal(**given).endswith(f"it needs {needs}")


@pytest.mark.parametrize(
    ("given", "on", "off"),
    [
        ({}, ["project", "predictive", "tests"], []),
        ({"framework": "sklearn"}, ["sklearn"], ["xgboost", "tensorflow"]),
        ({"framework": "xgboost"}, ["xgboost"], ["sklearn", "tensorflow"]),
        ({"framework": "tensorflow"}, ["tensorflow"], ["sklearn", "xgboost"]),
        ({"model_source": "sample"}, ["sample"], ["local_model"]),
        ({"model_source": "local"}, ["local_model"], ["sample"]),
        ({"model_server": "flask"}, ["flask"], ["fastapi"]),
        ({"model_server": "fastapi"}, ["fastapi"], ["flask"]),
        ({"build_with": "codebuild"}, ["codebuild"], ["docker"]),
        ({"build_with": "docker"}, ["docker"], ["codebuild"]),
        (
            {"include_tests": False},
            [],
            ["tests", "local_model_cli", "local_model_server", "hosted_model_endpoint"],
        ),
    ],
)
def test_answers_switch_their_layers(
    ask: Callable[..., Answers], given: Answers, on: list[str], off: list[str]
) -> None:
    values = ask(**given)

    assert [values[layer] for layer in on] == ["."] * len(on)
    assert [values[layer] for layer in off] == [""] * len(off)


@pytest.mark.parametrize(
    ("framework", "model_format", "artefact"),
    [
        ("sklearn", "pkl", "model.pkl"),
        ("xgboost", "model", "model.model"),
        ("tensorflow", "SavedModel", "model"),
    ],
)
def test_artefact_is_named_after_the_format(
    ask: Callable[..., Answers], framework: str, model_format: str, artefact: str
) -> None:
    assert ask(framework=framework, model_format=model_format)["model_artefact"] == artefact
