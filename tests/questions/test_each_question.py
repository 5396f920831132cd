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
from extensions.layers import switched_on
from tests.conftest import ROOT
from tests.exhaustive import exhaustive
from tests.questions.conftest import Answers

QUESTIONS = {name: question for name, question in load_questions(ROOT).items() if not is_computed(question)}
CATALOG = load_catalog()
LONGEST_PROJECT_NAME = 46

GENERATIVE = {"model_kind": "generative"}
OF_ENGINES = (
    *("model_id", "model_revision", "model_files", "task", "profile", "max_model_len", "quantization"),
    *("tensor_parallel", "enable_lora", "tool_call_parser", "reasoning_parser", "kv_cache_dtype", "prefix_caching"),
    *("max_num_batched_tokens", "pipeline_parallel", "data_parallel", "expert_parallel", "speculative_decoding"),
    *("structured_output_backend", "chat_template"),
)

# Other answers that a question needs, and those that a choice needs.
NEEDED: dict[str, Answers] = {
    "model_path": {"model_source": "local"},
    **dict.fromkeys(OF_ENGINES, GENERATIVE),
    "draft_model_id": {**GENERATIVE, "model_id": "Qwen/Qwen3-32B"},
    "expert_parallel": {**GENERATIVE, "model_id": "Qwen/Qwen3-30B-A3B"},
}
NEEDED_BY_CHOICE: dict[tuple[str, str], Answers] = {
    **{
        ("model_format", name): {"framework": framework}
        for framework, row in CATALOG["frameworks"].items()
        for name in row["formats"]
    },
    **{
        (question, name): {"model_kind": row["kinds"][0]}
        for question in ("model_server", "model_source")
        for name, row in CATALOG[f"{question}s"].items()
        if "kinds" in row
    },
    ("task", "generation"): {"model_server": "djl"},
    # the default is a model that can be split so
    **{("tensor_parallel", degree): {"instance_type": "ml.g6.48xlarge"} for degree in ("2", "4", "8")},
    **{
        (question, degree): {"instance_type": "ml.g6.48xlarge"}
        for question in ("pipeline_parallel", "data_parallel")
        for degree in ("2", "4", "8")
    },
    ("kv_cache_dtype", "q8_0"): {"model_server": "llama-cpp"},
    ("speculative_decoding", "mtp"): {"model_id": "deepseek-ai/DeepSeek-R1"},
    **{
        ("speculative_decoding", method): {"draft_model_id": "me/draft"}
        for method in ("draft-model", "eagle", "eagle3")
    },
    ("draft_model_id", "Qwen/Qwen3-0.6B"): {"speculative_decoding": "draft-model"},
    ("draft_model_id", "me/my-eagle"): {"speculative_decoding": "eagle"},
}

Cases = list[tuple[str, list[Any]]]

GOOD: Cases = [
    ("project_name", ["ab", "churn-model", "a1-b2-c3", "x" * LONGEST_PROJECT_NAME]),
    ("model_id", ["Qwen/Qwen3-0.6B", "meta-llama/Llama-3.1-8B-Instruct", "me/my_model.v1", "a/b"]),
    ("model_revision", ["", "main", "v1.0", "refs/pr/1", "c1899de289a04d12100db370d81485cdf75e47ca"]),
    ("model_files", ["", "../my models/llama"]),
    ("max_model_len", ["128", "8192", "40960"]),
    ("enable_lora", [True, False]),
    ("tool_call_parser", ["", "hermes", "qwen3_coder"]),
    ("reasoning_parser", ["", "qwen3"]),
    ("max_num_batched_tokens", ["", "128", "4096"]),
    ("expert_parallel", [True, False]),
    ("draft_model_id", ["", "Qwen/Qwen3-0.6B", "me/my-eagle"]),
    ("chat_template", ["", "chat_template.jinja", "/opt/ml/model/chat.jinja"]),
    ("model_path", ["", "model.pkl", "../my models/a+b=c,d@e~1.joblib", "/srv/model", r"C:\models\model.json"]),
    ("framework_version", ["", "1.5.2", "1.9", "2.0.0rc1"]),
    ("python_version", ["", "3.10", "3.11", "3.14"]),
    ("base_image", ["", "python:3.12", "localhost:5000/a/b_c:1.0", "public.ecr.aws/x/y@sha256:" + "0" * 64]),
    ("run_as_root", [True, False]),
    ("aws_region", ["us-east-1", "ap-south-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1"]),
    ("instance_type", ["ml.m5.large", "ml.m5.xlarge", "ml.m6g.large", "ml.c7i.48xlarge", "ml.t2.medium"]),
    ("include_tests", [True, False]),
    ("test_types", [["local-model-cli"], ["local-model-server", "hosted-model-endpoint"]]),
    ("renovate", [True, False]),
    ("train_sample", [True, False]),
    ("provision", [True, False]),
    ("git_init", [True, False]),
]

BAD: Cases = [
    ("project_name", ["", "a", "My-model", "my_model", "-a", "a-", "a--b", "1a", "x" * (LONGEST_PROJECT_NAME + 1)]),
    ("model_kind", ["generativ", ""]),
    ("model_id", ["", "llama", "a/b/c", "https://huggingface.co/a/b", "-a/b", "a/b-", "a--b/c", "a/" + "x" * 96]),
    ("model_revision", ["-x", "a..b", "a b"]),
    ("model_files", ["a|b", "*"]),
    ("profile", ["fast", ""]),
    ("task", ["translation", ""]),
    ("max_model_len", ["", "0", "8k", "-1", "8192.5", "40961", "99999999"]),
    ("quantization", ["fp4", "awq"]),
    ("tensor_parallel", ["3", "0", "16", "max"]),
    ("enable_lora", ["perhaps"]),
    ("tool_call_parser", ["herms", "qwen25", "a b"]),
    ("reasoning_parser", ["qwen_3"]),
    ("kv_cache_dtype", ["fp4", "q8_0"]),
    ("prefix_caching", ["on"]),
    ("max_num_batched_tokens", ["127", "8k", "-1"]),
    ("pipeline_parallel", ["3", "0"]),
    ("data_parallel", ["3", "16"]),
    ("expert_parallel", ["perhaps"]),
    ("speculative_decoding", ["medusa", "mtp"]),
    ("draft_model_id", ["qwen", "Qwen/Qwen3-32B"]),
    ("structured_output_backend", ["lm-format"]),
    ("chat_template", ["template.txt", "a b.jinja", "../x.jinja"]),
    ("framework", ["sklern", "torch", "", "SKLEARN", None, ["sklearn"], {"a": 1}]),
    ("model_format", ["onnx", "ubj"]),
    ("model_source", ["S3", "hub", "huggingface"]),
    ("model_path", ["a|b", "a&b", "*.pkl"]),
    ("model_server", ["django", "vllm"]),
    ("framework_version", ["1", "v1.5.2", "1.5.*", "scikit-learn==1.5.2", "latest"]),
    ("python_version", ["3.9", "3.15", "3", "3.11.7", "python3.11"]),
    ("base_image", ["python", "Python:3.12", "python:", "python:3.12@sha256:1", "-x:1", "a b:1", "https://x/y:1"]),
    ("run_as_root", ["", "perhaps", 2]),
    ("build_with", ["podman"]),
    ("deploy_target", ["lambda"]),
    ("aws_region", ["", "us-east-9", "US-EAST-1", "eu"]),
    ("instance_type", ["", "m5.large", "ml.m5.lage", "ml.g5.xlarge", "ml.inf2.xlarge", "ml.p6-b200.48xlarge"]),
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
    "x" * 2500,
    "{{ 7 * 7 }}",
]


EVERY_CHOICE: Cases = [(name, choices(question)) for name, question in QUESTIONS.items()]

# One rule refuses whatever is no choice, so there one hostile text that says much will do.
EVERY_HOSTILE: Cases = [
    (name, ["\"'$(id)`\n{{ 7 * 7 }}\x1b" * 20] if "choices" in question else HOSTILE)
    for name, question in QUESTIONS.items()
    if question["type"] == "str"
]


# Questions that repeat the rule of another: of each table, `make test` asks them the last answer only.
REPEATED = ("tensor_parallel", "pipeline_parallel", "data_parallel", "draft_model_id", "max_num_batched_tokens")


def cases(table: Cases) -> list[Any]:
    """A case per question and answer, with an identifier that shows both."""
    return [
        pytest.param(
            name,
            value,
            id=f"{name}={ascii(value)[:40]}",
            marks=[exhaustive] if name in REPEATED and value != values[-1] else [],
        )
        for name, values in table
        for value in values
    ]


def others(name: str, value: Any) -> Answers:
    """The answers that this one needs beside it."""
    return NEEDED.get(name, {}) | NEEDED_BY_CHOICE.get((name, str(value)), {})


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


def hostile_cases() -> list[Any]:
    """As `cases`; `make test` asks each question a third of the texts, and each text of a third of the questions."""
    return [
        pytest.param(
            name, text, id=f"{name}={ascii(text)[:40]}", marks=[exhaustive] if (number + turn) % 3 and turn else []
        )
        for number, (name, texts) in enumerate(EVERY_HOSTILE)
        for turn, text in enumerate(texts)
    ]


@pytest.mark.parametrize(("name", "value"), hostile_cases())
def test_refuses_hostile_text_in_one_line(refusal: Callable[..., str], name: str, value: str) -> None:
    assert refusal(**NEEDED.get(name, {}), **{name: value}).startswith(f"{name}=")


def test_tries_every_question_with_good_and_bad_answers() -> None:
    tried_elsewhere = {"settings", "project_id", "instance_prices"}  # in tests of their own
    assert {name for name, _ in BAD} == set(QUESTIONS) - tried_elsewhere
    assert {name for name, _ in GOOD} == {
        name for name, question in QUESTIONS.items() if not choices(question) and name not in tried_elsewhere
    } | {"test_types"}


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


def test_region_has_a_known_registry_of_engine_images_or_the_image_is_named(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    isolated = {**GENERATIVE, "aws_region": "us-isof-east-1"}

    assert "set base_image to an image you have in this region" in refusal(**isolated)
    assert ask(**isolated, base_image="example.org/vllm:1.0")["aws_region"] == "us-isof-east-1"


def test_a_region_without_codebuild_is_refused_unless_images_are_built_here(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    assert refusal(aws_region="ca-west-1").endswith(
        "no CodeBuild in this region: choose another one, or build_with=docker"
    )
    assert ask(aws_region="ca-west-1", build_with="docker")["aws_region"] == "ca-west-1"


def test_the_test_of_an_endpoint_at_once_is_for_real_time_endpoints(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    assert ask(deploy_target="async")["test_types"] == ["local-model-cli", "local-model-server"]
    assert refusal(deploy_target="async", test_types=["hosted-model-endpoint"]).endswith(
        "choose local-model-cli or local-model-server"
    )


def test_a_serverless_endpoint_has_no_instance_type_and_no_language_model(refusal: Callable[..., str]) -> None:
    assert refusal(deploy_target="serverless", instance_type="ml.m6g.large").endswith(
        "'instance_type' has no effect here: it needs another deploy_target than serverless"
    )
    assert refusal(**GENERATIVE, deploy_target="serverless").startswith(
        "deploy_target='serverless': not for generative models: it has no GPUs and 6 GB of memory at most"
    )
    assert refusal(deploy_target="serverless", settings={"MIN_INSTANCES": 1}).endswith(
        "MIN_INSTANCES: it has no effect here: it needs deploy_target=realtime or async or inference_components"
    )


def test_batch_transform_has_no_language_models_and_no_number_of_instances_that_always_run(
    refusal: Callable[..., str],
) -> None:
    assert refusal(**GENERATIVE, deploy_target="batch").startswith(
        "deploy_target='batch': not for generative models: its GPU instances have drivers for CUDA 12.2 at most"
    )
    assert refusal(deploy_target="batch", settings={"MIN_INSTANCES": 1}).endswith(
        "MIN_INSTANCES: it has no effect here: it needs deploy_target=realtime or async or inference_components"
    )


def test_hyperpod_is_refused_in_a_region_without_its_operator(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    assert "no SageMaker HyperPod cluster there: it is in us-east-1, us-east-2" in refusal(
        deploy_target="hyperpod", aws_region="eu-west-3"
    )
    assert ask(deploy_target="hyperpod", aws_region="eu-north-1")["aws_region"] == "eu-north-1"


def test_kubernetes_is_refused_for_models_that_nothing_would_bring_into_the_container(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    for answers in ({"model_source": "registry"}, {**GENERATIVE, "model_source": "s3"}):
        assert refusal(**answers, deploy_target="kubernetes").startswith(
            f"deploy_target='kubernetes': not with model_source={answers['model_source']}: nothing in a cluster brings"
        )
    assert ask(deploy_target="kubernetes", aws_region="eu-west-3")["deploy_target"] == "kubernetes"
    assert ask(**GENERATIVE, deploy_target="kubernetes")["model_source"] == "huggingface"


def test_a_target_that_refuses_root_has_another_default_and_says_why(
    ask: Callable[..., Answers], refusal: Callable[..., str]
) -> None:
    assert ask(deploy_target="kubernetes")["run_as_root"] is False
    assert ask(deploy_target="hyperpod")["run_as_root"] is True
    assert refusal(deploy_target="kubernetes", run_as_root=True).startswith(
        "run_as_root=True: not with deploy_target=kubernetes: its pods fit the pod security standard"
    )


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"model_id": "Qwen/Qwen3-32B", "instance_type": "ml.g5.2xlarge"},
            "instance_type='ml.g5.2xlarge': Qwen/Qwen3-32B in bf16 needs 61 GiB for its weights; ml.g5.2xlarge has "
            "22 GiB; it fits on ml.g7e.2xlarge ($4.20/h) or ml.g6.12xlarge ($5.75/h), or with quantization fp8 on "
            "ml.g6e.xlarge ($2.61/h)",
        ),
        (
            {"instance_type": "ml.m5.large"},
            "instance_type='ml.m5.large': it has no GPU that the inference engines run on: choose a type such as "
            "ml.g6.xlarge",
        ),
        (
            {"instance_prices": {"ml.g5.xlarge": "cheap"}},
            "instance_prices={'ml.g5.xlarge': 'cheap'}: ml.g5.xlarge: give its price in dollars an hour, such as 3.1",
        ),
        (
            {"model_id": "Qwen/Qwen2.5-7B-Instruct", "tensor_parallel": "8"},
            "tensor_parallel='8': choose 1 or 2 or 4: the layers of Qwen/Qwen2.5-7B-Instruct can't be split over 8 "
            "GPUs",
        ),
        (
            {"model_id": "openai/gpt-oss-20b", "quantization": "fp8"},
            "quantization='fp8': use quantization=none: openai/gpt-oss-20b is already stored in mxfp4",
        ),
        (
            {"model_id": "Qwen/Qwen3-32B", "kv_cache_dtype": "fp8", "instance_type": "ml.g5.12xlarge"},
            "instance_type='ml.g5.12xlarge': a KV cache in FP8 needs compute capability 8.9, and A10G has less: choose "
            "a type such as ml.g7e.2xlarge",
        ),
        (
            {"speculative_decoding": "mtp"},
            "speculative_decoding='mtp': use another method: Qwen/Qwen3-4B has no layers for multi-token prediction",
        ),
        (
            {"speculative_decoding": "eagle3", "model_source": "s3"},
            "speculative_decoding='eagle3': use ngram, or model_source=huggingface: the engine gets a draft model from "
            "the Hub only",
        ),
        (
            {
                "model_id": "Qwen/Qwen2.5-7B-Instruct",
                "speculative_decoding": "draft-model",
                "draft_model_id": "Qwen/Qwen3-0.6B",
            },
            "speculative_decoding='draft-model': name another draft_model_id: Qwen/Qwen3-0.6B has a vocabulary of "
            "151936 tokens, and Qwen/Qwen2.5-7B-Instruct of 152064",
        ),
        (
            {"speculative_decoding": "eagle"},
            "speculative_decoding='eagle': name a draft_model_id, ORGANIZATION/MODEL: it is the model that proposes "
            "tokens",
        ),
        (
            {"speculative_decoding": "ngram", "draft_model_id": "Qwen/Qwen3-0.6B"},
            "speculative_decoding='ngram': leave out draft_model_id, or choose draft-model: ngram uses none",
        ),
        (
            {"pipeline_parallel": "2", "instance_type": "ml.g6.12xlarge", "draft_model_id": "Qwen/Qwen3-0.6B"},
            "speculative_decoding='draft-model', the default: use pipeline_parallel=1: the engines don't combine "
            "speculative decoding with pipeline parallelism",
        ),
        (
            {"expert_parallel": True},
            "expert_parallel=True: use expert_parallel=false: Qwen/Qwen3-4B is not a mixture of experts",
        ),
        (
            {"profile": "high-throughput", "max_num_batched_tokens": "256"},
            "max_num_batched_tokens='256': give at least 512 tokens, one for each sequence of profile=high-throughput",
        ),
        (
            {"pipeline_parallel": "2", "instance_type": "ml.g6e.xlarge"},
            "instance_type='ml.g6e.xlarge': pipeline_parallel=2 and data_parallel=1 needs 2 GPUs and ml.g6e.xlarge has "
            "1: choose less, or more GPUs",
        ),
        (
            {"model_server": "djl", "kv_cache_dtype": "fp8"},
            "answer 'kv_cache_dtype' has no effect here: it needs another model_server than djl",
        ),
        (
            {"model_id": "microsoft/phi-4", "max_model_len": "20000"},
            "max_model_len='20000': give at most 16384 tokens, the context of microsoft/phi-4",
        ),
    ],
)
def test_a_model_that_cannot_be_served_so_is_refused_with_what_can(
    refusal: Callable[..., str], given: Answers, line: str
) -> None:
    assert refusal(**GENERATIVE, **given) == line


def test_the_cheapest_instance_with_room_is_offered(ask: Callable[..., Answers]) -> None:
    offered = {
        model: ask(**GENERATIVE, model_id=model)["instance_type"] for model in ("Qwen/Qwen3-4B", "Qwen/Qwen3-32B")
    }

    assert offered == {"Qwen/Qwen3-4B": "ml.g6.xlarge", "Qwen/Qwen3-32B": "ml.g7e.2xlarge"}


def test_a_model_whose_size_is_not_known_is_taken_with_a_note(
    ask: Callable[..., Answers], capfd: pytest.CaptureFixture[str]
) -> None:
    values = ask(**GENERATIVE, model_id="me/unknown", instance_type="ml.g6.xlarge")

    assert values["model_shape"] is None
    assert "note: could not check on which instances me/unknown fits: " in capfd.readouterr().err


def test_arm64_images_are_built_on_the_machine_that_codebuild_has_for_them(ask: Callable[..., Answers]) -> None:
    china = ask(aws_region="cn-north-1", instance_type="ml.m6g.large")

    assert china["image_platform"] == "linux/arm64"
    assert china["setting_defaults"]["CODEBUILD_COMPUTE_TYPE"] == "BUILD_GENERAL1_LARGE"
    assert ask(instance_type="ml.m6g.large")["setting_defaults"]["CODEBUILD_COMPUTE_TYPE"] == "BUILD_GENERAL1_MEDIUM"


@pytest.mark.parametrize(
    ("given", "needs"),
    [
        ({"model_path": "model.pkl", "model_source": "sample"}, "model_source == 'local'"),
        ({"provision": True, "build_with": "docker"}, "build_with == 'codebuild'"),
        ({"train_sample": True, "model_source": "local"}, "model_source == 'sample'"),
        ({"framework": "sklearn", "model_kind": "generative"}, "model_kind == 'predictive'"),
        ({"model_id": "Qwen/Qwen3-4B"}, "model_kind == 'generative'"),
        (
            {"quantization": "fp8", "model_kind": "generative", "model_server": "tensorrt-llm"},
            "another model_server than tensorrt-llm",
        ),
        ({"test_types": ["local-model-cli"], "include_tests": False}, "model_kind == 'predictive' and include_tests"),
    ],
)
def test_refuses_an_answer_without_effect_and_says_what_it_needs(
    refusal: Callable[..., str], given: Answers, needs: str
) -> None:
    assert refusal(**given).endswith(f"it needs {needs}")


@pytest.mark.parametrize(
    ("given", "on", "off"),
    [
        ({}, ["project", "predictive", "tests"], ["generative", "vllm"]),
        (GENERATIVE, ["project", "generative", "vllm"], ["predictive", "sklearn", "fastapi", "sample", "tests"]),
        ({**GENERATIVE, "model_server": "sglang"}, ["sglang"], ["vllm", "tensorrt_llm", "lmi", "djl"]),
        ({**GENERATIVE, "model_server": "tensorrt-llm"}, ["tensorrt_llm"], ["vllm", "sglang", "lmi", "djl"]),
        ({**GENERATIVE, "model_server": "lmi"}, ["lmi"], ["vllm", "sglang", "tensorrt_llm", "djl"]),
        ({**GENERATIVE, "model_server": "djl"}, ["djl"], ["vllm", "sglang", "tensorrt_llm", "lmi"]),
        ({**GENERATIVE, "model_server": "llama-cpp"}, ["llama_cpp"], ["vllm", "djl", "tensorrt_llm"]),
        ({"framework": "sklearn"}, ["sklearn"], ["xgboost", "tensorflow"]),
        ({"framework": "xgboost"}, ["xgboost"], ["sklearn", "tensorflow"]),
        ({"framework": "tensorflow"}, ["tensorflow"], ["sklearn", "xgboost"]),
        ({"model_source": "sample"}, ["sample"], ["local"]),
        ({"model_source": "local"}, ["local"], ["sample"]),
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
    layers = switched_on(ask(**given), CATALOG)

    assert {*on} <= layers
    assert layers.isdisjoint(off)


@pytest.mark.parametrize(
    ("framework", "model_format", "artifact"),
    [
        ("sklearn", "pkl", "model.pkl"),
        ("xgboost", "model", "model.model"),
        ("tensorflow", "SavedModel", "model"),
    ],
)
def test_artifact_is_named_after_the_format(
    ask: Callable[..., Answers], framework: str, model_format: str, artifact: str
) -> None:
    assert ask(framework=framework, model_format=model_format)["model_artifact"] == artifact
