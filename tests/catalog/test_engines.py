"""The inference engines: their images, and that every option that answers lead to is one that the engine has."""

from __future__ import annotations

import itertools
import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from jinja2 import Environment

from extensions import document_engines
from extensions.answers import load_questions
from extensions.context import Context, load_catalog
from extensions.engines import engine_settings, image_name, option_problem, with_features
from extensions.patterns import Patterns, with_settings_for
from extensions.settings import Settings
from tests.conftest import ROOT

CATALOG = load_catalog()
QUESTIONS = load_questions(ROOT)
OPTIONS = CATALOG["engine_options"]
ENGINES = {name: row for name, row in CATALOG["model_servers"].items() if "generative" in row["kinds"]}
PARSERS = ("tool_call_parser", "reasoning_parser")

# The AWS container of each CUDA version starts on the machine image with a driver for it; others leave the endpoint
# in Creating, without a log.
MACHINE_IMAGES = {"12": "al2-ami-sagemaker-inference-gpu-3-1", "13": "al2023-ami-sagemaker-inference-gpu-4-1"}

every_engine = pytest.mark.parametrize("engine", ENGINES)
every_engine_on_gpus = pytest.mark.parametrize(
    "engine", [name for name, row in ENGINES.items() if "processor" not in row["hardware"]]
)


def option_of(engine: str, answer: str) -> str:
    """The engine's option that takes this answer."""
    (option,) = (name for name, fixed in ENGINES[engine]["settings"][answer].items() if fixed is None)
    return str(option)


def parsers(engine: str, answer: str) -> list[str]:
    """The parsers that an engine has, and none; for an engine whose list is not known, one that could be."""
    if answer not in ENGINES[engine]["settings"]:
        return [""]
    return ["", *OPTIONS[engine]["choices"].get(option_of(engine, answer), ["qwen3"])]


def combinations(engine: str) -> Iterator[dict[str, Any]]:
    """Every set of answers that changes the engine's options; the parsers, which have no effect on others, in turn."""
    quantizations = [name for name, row in CATALOG["quantizations"].items() if engine in row.get("servers", [engine])]
    for tool, reasoning in itertools.zip_longest(*(parsers(engine, answer) for answer in PARSERS), fillvalue=""):
        for profile, quantization, degree, lora, task in itertools.product(
            CATALOG["profiles"], quantizations, (1, 8), (True, False), with_settings_for(CATALOG["tasks"], engine)
        ):
            answers = {"tensor_parallel": degree, "quantization": quantization, "enable_lora": lora}
            yield engine_settings(
                ENGINES[engine],
                engine,
                CATALOG["profiles"][profile],
                CATALOG["tasks"][task],
                **answers,
                max_model_len=8192,
                tool_call_parser=tool,
                reasoning_parser=reasoning,
                pipeline_parallel=2,
                data_parallel=2,
                expert_parallel=degree,
                max_num_batched_tokens=4096,
                chat_template="chat_template.jinja",
            )


@every_engine
def test_every_option_that_answers_lead_to_is_one_that_the_engine_has(engine: str) -> None:
    emitted = {name for settings in combinations(engine) for name in settings}

    assert emitted
    assert emitted <= set(OPTIONS[engine]["options"])


@every_engine
def test_every_value_of_a_list_is_one_that_the_engine_has(engine: str) -> None:
    choices = OPTIONS[engine]["choices"]
    emitted = {
        (name, value)
        for settings in combinations(engine)
        for name, value in settings.items()
        if isinstance(value, Hashable)
    }

    assert [(name, value) for name, value in emitted if name in choices and value not in choices[name]] == []


FEATURES = [
    (engine, feature, choice)
    for feature, rows in CATALOG["engine_features"].items()
    for choice, row in rows.items()
    for engine in row["settings"]
]


@pytest.mark.parametrize(("engine", "feature", "choice"), FEATURES)
def test_a_feature_leads_to_options_and_values_that_the_engine_has(engine: str, feature: str, choice: str) -> None:
    options = with_features({}, CATALOG["engine_features"], engine, "me/draft", **{feature: choice})
    # TensorRT-LLM has the fields of its LLM API beside its options: llmapi/llm_args.py
    unlisted = {"kv_cache_config", "speculative_config"} if engine == "tensorrt-llm" else set()

    assert {*options} - unlisted <= set(OPTIONS[engine]["options"])
    assert "$" not in str(options)
    for name, value in options.items():
        assert value in OPTIONS[engine]["choices"].get(name, [value])


@pytest.mark.parametrize(
    ("engine", "method", "expected"),
    [
        # vllm/config/speculative.py: method, model, num_speculative_tokens
        (
            "vllm",
            "eagle3",
            {"speculative-config": {"method": "eagle3", "model": "me/draft", "num_speculative_tokens": 3}},
        ),
        # docs.sglang.io, speculative_decoding: with one candidate a step, one token more is verified than are drafted
        (
            "sglang",
            "draft-model",
            {
                "speculative-algorithm": "STANDALONE",
                "speculative-draft-model-path": "me/draft",
                "speculative-num-steps": 5,
                "speculative-eagle-topk": 1,
                "speculative-num-draft-tokens": 6,
            },
        ),
    ],
)
def test_speculative_decoding_is_set_up_as_the_engine_documents(
    engine: str, method: str, expected: dict[str, Any]
) -> None:
    found = with_features({}, CATALOG["engine_features"], engine, "me/draft", speculative_decoding=method)

    assert found == expected


def test_two_features_share_an_option_that_holds_several() -> None:
    answers = {"kv_cache_dtype": "fp8", "prefix_caching": "disabled"}

    assert with_features({}, CATALOG["engine_features"], "tensorrt-llm", "", **answers) == {
        "kv_cache_config": {"dtype": "fp8", "enable_block_reuse": False}
    }


def test_an_answer_goes_before_the_profile() -> None:
    vllm, profile = ENGINES["vllm"], CATALOG["profiles"]["low-latency"]
    off = dict.fromkeys(vllm["settings"], "")

    found = engine_settings(vllm, "vllm", profile, CATALOG["tasks"]["chat"], **{**off, "max_num_batched_tokens": 512})

    assert found["max-num-batched-tokens"] == 512


@every_engine
def test_options_with_a_list_are_options(engine: str) -> None:
    assert set(OPTIONS[engine]["choices"]) <= set(OPTIONS[engine]["options"])


@every_engine
def test_every_profile_sets_options_of_the_engine(engine: str) -> None:
    for profile in CATALOG["profiles"].values():
        assert profile["settings"][engine]


@every_engine
def test_profiles_differ(engine: str) -> None:
    different = [profile["settings"][engine] for profile in CATALOG["profiles"].values()]

    assert all(first != second for first, second in itertools.combinations(different, 2))


@pytest.mark.parametrize(
    "question",
    sorted({question for row in ENGINES.values() for question in row["settings"]}),
)
def test_a_question_is_asked_where_the_engine_has_an_option_for_it(question: str) -> None:
    asked = Environment().compile_expression(QUESTIONS[question]["when"].strip("{} "))
    servers = CATALOG["model_servers"]

    assert [name for name in servers if asked(model_server=name, catalog=CATALOG)] == [
        name for name, row in ENGINES.items() if question in row["settings"]
    ]


def test_tasks_are_of_engines_that_the_catalog_has() -> None:
    for row in CATALOG["tasks"].values():
        assert {*row["tried"]} <= {*row["settings"]} <= {*ENGINES}
    assert all(with_settings_for({"task": row}, engine) for engine in ENGINES for row in CATALOG["tasks"].values())


def test_quantizations_name_engines_that_take_them() -> None:
    for row in CATALOG["quantizations"].values():
        assert all("quantization" in ENGINES[name]["settings"] for name in row.get("servers", []))


@every_engine_on_gpus
def test_machine_image_has_a_driver_for_the_cuda_of_the_image(engine: str) -> None:
    image = ENGINES[engine]["image"]

    assert image["ami"] == MACHINE_IMAGES[image["cuda"].partition(".")[0]]


@every_engine_on_gpus
def test_machine_image_is_known_to_botocore(engine: str) -> None:
    sagemaker = botocore.session.get_session().get_service_model("sagemaker")

    assert ENGINES[engine]["image"]["ami"] in sagemaker.shape_for("ProductionVariantInferenceAmiVersion").enum


@pytest.mark.parametrize("page", document_engines.pages(), ids=lambda page: page.stem)
def test_pages_of_engines_and_sizes_are_up_to_date(page: Path) -> None:
    expected = document_engines.with_generated(page, document_engines.pages()[page])

    assert page.read_text() == expected, "run python -m extensions.document_engines"


@every_engine
def test_an_engine_has_a_page_that_is_in_the_table_of_contents(engine: str) -> None:
    assert f"engines/{engine}.md" in (ROOT / "mkdocs.yml").read_text()


@pytest.mark.parametrize(
    ("engine", "region", "name"),
    [
        ("vllm", "us-east-1", r"763104351884\.dkr\.ecr\.us-east-1\.amazonaws\.com/vllm:.+"),
        ("sglang", "ap-east-1", r"871362719292\.dkr\.ecr\.ap-east-1\.amazonaws\.com/sglang:.+"),
        ("lmi", "cn-north-1", r"727897471807\.dkr\.ecr\.cn-north-1\.amazonaws\.com\.cn/djl-inference:.+"),
        ("lmi", "us-gov-west-1", r"442386744353\.dkr\.ecr\.us-gov-west-1\.amazonaws\.com/djl-inference:.+"),
        ("tensorrt-llm", "eu-west-1", r"nvcr\.io/nvidia/tensorrt-llm/release:.+"),
        ("llama-cpp", "eu-west-1", r"public\.ecr\.aws/deep-learning-containers/llama-cpp:.+"),
        ("djl", "eu-west-1", r"docker\.io/deepjavalibrary/djl-serving:.+"),
    ],
)
def test_image_is_that_of_the_region(engine: str, region: str, name: str) -> None:
    assert re.fullmatch(name, image_name(ENGINES[engine], region, CATALOG["regions"]))


def test_graviton_has_an_image_of_its_own() -> None:
    name = image_name(ENGINES["llama-cpp"], "us-east-1", CATALOG["regions"], "arm64")

    assert name.startswith("public.ecr.aws/deep-learning-containers/llama-cpp-arm64:")


def test_digest_stands_after_the_tag() -> None:
    pinned = {"image": {**ENGINES["djl"]["image"], "digest": "sha256:" + "0" * 64}}

    assert image_name(pinned, "us-east-1", {"us-east-1": {}}).endswith("-gpu@sha256:" + "0" * 64)


def test_a_web_application_has_no_image_of_its_own() -> None:
    assert image_name(CATALOG["model_servers"]["flask"], "us-east-1", CATALOG["regions"]) == ""


@every_engine
def test_name_of_the_image_is_short_enough_for_sagemaker(engine: str) -> None:
    regions = CATALOG["regions"]

    assert max(len(image_name(ENGINES[engine], region, regions)) for region in regions) <= 255


@pytest.mark.parametrize(
    ("engine", "answer", "value", "line"),
    [
        ("vllm", "tool_call_parser", "hermes", ""),
        ("vllm", "tool_call_parser", "qwen25", "the engine doesn't have it: choose apertus, "),
        ("vllm", "tool_call_parser", "herms", "the engine doesn't have it - did you mean 'hermes'?"),
        ("sglang", "tool_call_parser", "qwen25", ""),
        ("sglang", "reasoning_parser", "deepseek_r1", "the engine doesn't have it - did you mean 'deepseek-r1' "),
        ("lmi", "reasoning_parser", "deepseek_r1", ""),
        ("tensorrt-llm", "tool_call_parser", "qwen3", ""),
        ("tensorrt-llm", "tool_call_parser", "hermes", "the engine doesn't have it: choose qwen3, qwen3_coder, "),
    ],
)
def test_a_parser_that_the_engine_lacks_is_refused(engine: str, answer: str, value: str, line: str) -> None:
    found = option_problem(
        Environment(extensions=[Context, Patterns, Settings]),
        value,
        ENGINES[engine]["settings"][answer],
        OPTIONS[engine],
    )

    assert found.startswith(line) if line else found == ""
