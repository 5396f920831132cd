"""How much memory models take, where they fit, and what is said where they don't: against worked examples."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from extensions import sizing
from extensions.context import load_catalog
from extensions.sizing import GIB, Model, Workload

CATALOG = load_catalog()
LLAMA_8B = Model("8B", weight_bytes=16_060_000_000, context=131072, heads=32, layers=32, kv_heads=8, head_dim=128)
LLAMA_70B = Model("70B", weight_bytes=141_200_000_000, context=131072, heads=64, layers=80, kv_heads=8, head_dim=128)
LLAMA_70B_AWQ = replace(LLAMA_70B, weight_bytes=39_712_500_000, stored="awq")
QWEN_32B = Model("32B", weight_bytes=65_600_000_000, context=40960, heads=64, layers=64, kv_heads=8, head_dim=128)
DEEPSEEK = Model("R1", weight_bytes=671_000_000_000, context=163840, heads=128, layers=61, latent=576, stored="fp8")
GEMMA = Model(
    "27B", 54_900_000_000, 131072, heads=32, layers=10, kv_heads=16, head_dim=128, window_layers=52, window=1024
)


def workload(model: Model, **changed: Any) -> Workload:
    """A model as it is served by default."""
    answers = {"quantization": "none", "context": 8192, "tensor_parallel": "auto", "cuda": "13.0", "converts": True}
    return Workload(model, **{**answers, **changed})


def known(name: str, **changed: Any) -> Workload:
    """A model of the catalog as it is served by default."""
    return workload(Model(name, **CATALOG["models"][name]), **changed)


@pytest.mark.parametrize(
    ("model", "quantization", "memory_gib", "degree", "free_gib", "tokens"),
    [
        pytest.param(LLAMA_8B, "none", 22.35, 1, 3.1, 25_000, id="8B on an L4"),
        pytest.param(LLAMA_8B, "none", 44.7, 1, 23.7, 194_000, id="8B on an L40S"),
        pytest.param(LLAMA_70B, "none", 44.7, 4, 5.8, 75_000, id="70B on 4 L40S"),
        pytest.param(LLAMA_70B, "fp8", 44.7, 4, 22.2, 291_000, id="70B in fp8 on 4 L40S"),
        pytest.param(LLAMA_70B, "none", 22.35, 8, 1.6, 42_000, id="70B on 8 A10G"),
        pytest.param(LLAMA_70B, "none", 40, 8, 17.9, 468_000, id="70B on 8 A100"),
        pytest.param(LLAMA_70B_AWQ, "none", 22.35, 4, 8.8, 115_000, id="70B in AWQ on 4 A10G"),
        pytest.param(QWEN_32B, "fp8", 95.6, 1, 54.9, 225_000, id="32B in fp8 on an RTX PRO 6000"),
        # the worked example keeps the cache in 8 bits, where twice as many tokens (1.5 million) fit
        pytest.param(DEEPSEEK, "none", 141, 8, 49.1, 750_000, id="R1 on 8 H200"),
    ],
)
def test_worked_examples_come_out(
    model: Model, quantization: str, memory_gib: float, degree: int, free_gib: float, tokens: int
) -> None:
    fitting = sizing.fit(workload(model, quantization=quantization), memory_gib * GIB, degree)

    assert fitting.free / GIB == pytest.approx(free_gib, abs=0.06)
    assert fitting.tokens == pytest.approx(tokens, rel=0.02)


@pytest.mark.parametrize(
    ("model", "kib"), [(LLAMA_8B, 128), (LLAMA_70B, 320), (QWEN_32B, 256), (DEEPSEEK, 68.625), (GEMMA, 80)]
)
def test_a_token_takes_what_the_layers_keep_of_it(model: Model, kib: float) -> None:
    assert model.cache_bytes_of_a_token() == kib * 1024


def test_layers_with_a_window_keep_no_more_than_it() -> None:
    per_token = 2 * 2 * 52 * 16 * 128

    assert GEMMA.cache_bytes_of_windows(512) == 512 * per_token
    assert GEMMA.cache_bytes_of_windows(100_000) == 1024 * per_token


def test_weights_of_32_bits_are_kept_in_16() -> None:
    assert replace(LLAMA_8B, stored="fp32").bytes_on_gpus("none") == LLAMA_8B.weight_bytes / 2


@pytest.mark.parametrize(
    ("heads", "kv_heads", "degrees"),
    [(32, 8, [1, 2, 4, 8]), (28, 4, [1, 2, 4]), (40, 10, [1, 2]), (14, 2, [1, 2]), (25, 5, [1]), (64, 4, [1, 2, 4, 8])],
)
def test_a_model_is_split_as_its_heads_allow(heads: int, kv_heads: int, degrees: list[int]) -> None:
    model = replace(LLAMA_8B, heads=heads, kv_heads=kv_heads)

    assert model.degrees(8) == degrees
    assert model.degrees(2) == [degree for degree in degrees if degree <= 2]


def test_fewer_cache_heads_than_gpus_are_kept_on_several() -> None:
    few, many = replace(LLAMA_70B, kv_heads=4, head_dim=256), LLAMA_70B

    assert few.cache_bytes_of_a_token() == many.cache_bytes_of_a_token()
    on_8 = [sizing.fit(workload(model), 80 * GIB, 8).tokens for model in (few, many)]
    assert on_8[0] == pytest.approx(on_8[1] / 2, abs=1)


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("Qwen/Qwen3-0.6B", "ml.g6.xlarge"),
        ("Qwen/Qwen3-4B", "ml.g6.xlarge"),
        ("Qwen/Qwen3-8B", "ml.g6e.xlarge"),
        ("Qwen/Qwen3-32B", "ml.g7e.2xlarge"),
        ("meta-llama/Llama-3.3-70B-Instruct", "ml.g7e.12xlarge"),
        ("openai/gpt-oss-20b", "ml.g6.xlarge"),
        ("deepseek-ai/DeepSeek-R1", "ml.p5e.48xlarge"),
    ],
)
def test_the_smallest_instance_with_room_is_recommended(name: str, smallest: str) -> None:
    assert next(sizing.recommended(known(name), CATALOG)) == smallest


@pytest.mark.parametrize("name", CATALOG["models"])
def test_every_model_of_the_catalogue_fits_somewhere(name: str) -> None:
    (first, *_) = sizing.recommended(known(name), CATALOG)

    assert sizing.problem(known(name), first, CATALOG) == ""


@pytest.mark.parametrize("name", CATALOG["models"])
def test_the_whole_context_of_every_model_fits_somewhere(name: str) -> None:
    context = CATALOG["models"][name]["context"]

    assert next(sizing.recommended(known(name, context=context), CATALOG))


def test_a_recommended_instance_has_a_fifth_more_room_than_the_weights_take() -> None:
    for name in sizing.recommended(known("Qwen/Qwen3-32B"), CATALOG):
        fitting = sizing.fit_on(known("Qwen/Qwen3-32B"), CATALOG["instances"][name])
        assert fitting
        assert fitting.free > 0.2 * fitting.weights


def test_a_longer_context_needs_a_bigger_instance() -> None:
    short, long = known("Qwen/Qwen3-4B"), known("Qwen/Qwen3-4B", context=40960)

    assert next(sizing.recommended(short, CATALOG)) == "ml.g6.xlarge"
    assert next(sizing.recommended(long, CATALOG)) == "ml.g6.xlarge"
    assert next(sizing.recommended(known("Qwen/Qwen3-14B"), CATALOG)) == "ml.g6e.xlarge"
    assert next(sizing.recommended(known("Qwen/Qwen3-14B", context=40960), CATALOG)) == "ml.g7e.2xlarge"


def test_an_image_with_old_cuda_is_not_put_on_new_gpus() -> None:
    found = list(sizing.recommended(known("Qwen/Qwen3-32B", cuda="12.4"), CATALOG))

    assert found[0] == "ml.g6e.12xlarge"
    assert not [name for name in found if name.startswith(("ml.g7", "ml.p6"))]


@pytest.mark.parametrize(
    ("instance", "why"),
    [
        ("ml.m5.large", "it has no GPU that the inference engines run on"),
        ("ml.inf2.xlarge", "it has no GPU that the inference engines run on"),
        ("ml.g4dn.xlarge", "it has T4 GPUs, which the inference engines no longer run on"),
        ("ml.p6e-gb200.36xlarge", "its processor is arm64, and the engines' images are for x86_64"),
        ("ml.g7e.2xlarge", "its RTX PRO Server 6000 GPUs need CUDA 12.9, and the engine's image has 12.4"),
        ("ml.g6.xlarge", ""),
    ],
)
def test_an_instance_without_the_right_gpu_is_refused(instance: str, why: str) -> None:
    assert sizing.unusable(CATALOG["instances"][instance], "12.4", CATALOG) == why


@pytest.mark.parametrize(
    ("given", "instance", "line"),
    [
        pytest.param(
            {},
            "ml.g5.2xlarge",
            "Qwen/Qwen3-32B in bf16 needs 61 GiB for its weights; ml.g5.2xlarge has 22 GiB; it fits on ml.g7e.2xlarge "
            "or ml.g6e.12xlarge, or with quantization fp8 on ml.g6e.xlarge",
            id="weights",
        ),
        pytest.param(
            {"converts": False},
            "ml.g5.2xlarge",
            "Qwen/Qwen3-32B in bf16 needs 61 GiB for its weights; ml.g5.2xlarge has 22 GiB; it fits on ml.g7e.2xlarge "
            "or ml.g6e.12xlarge",
            id="an engine that doesn't convert",
        ),
        pytest.param(
            {"quantization": "fp8", "context": 40960},
            "ml.g6e.xlarge",
            "Qwen/Qwen3-32B in fp8 leaves room for 33238 tokens on ml.g6e.xlarge, fewer than max_model_len=40960; it "
            "fits on ml.g7e.2xlarge or ml.p5.4xlarge",
            id="context",
        ),
        pytest.param(
            {"tensor_parallel": "4"},
            "ml.g7e.12xlarge",
            "tensor_parallel=4 needs 4 GPUs and ml.g7e.12xlarge has 2: take auto, or more GPUs",
            id="too few GPUs",
        ),
        pytest.param(
            {"tensor_parallel": "1"},
            "ml.g6e.12xlarge",
            "Qwen/Qwen3-32B in bf16 needs 61 GiB for its weights; ml.g6e.12xlarge has 4 x 45 GiB; it fits on "
            "ml.g7e.2xlarge or ml.p5e.48xlarge, or with quantization fp8 on ml.g6e.xlarge",
            id="not split",
        ),
    ],
)
def test_a_workload_that_does_not_fit_is_refused_with_one_that_does(
    given: dict[str, Any], instance: str, line: str
) -> None:
    assert sizing.problem(known("Qwen/Qwen3-32B", **given), instance, CATALOG) == line


def test_a_model_that_fits_nowhere_is_said_to() -> None:
    huge = replace(LLAMA_70B, weight_bytes=5_000_000_000_000, stored="fp8")

    assert sizing.problem(workload(huge), "ml.p5.48xlarge", CATALOG).endswith("no instance type has room for it")


def test_gpus_are_those_on_which_the_instances_were_checked() -> None:
    assert {row.get("gpu") for row in CATALOG["instances"].values()} >= set(CATALOG["gpus"])


def test_the_plan_is_in_gib_and_adds_up() -> None:
    plan = sizing.memory_plan("ml.g6e.12xlarge", asdict(known("Qwen/Qwen3-32B")), CATALOG)

    assert plan
    assert plan["gpus"] == 4
    assert plan["all_weights"] == pytest.approx(61.02, abs=0.01)
    assert plan["used"] == pytest.approx(plan["weights"] + plan["overhead"] + plan["free"])
    assert plan["requests"] == plan["tokens"] // 8192


def test_a_model_of_unknown_size_is_put_on_all_gpus_of_a_middling_instance() -> None:
    answers = {**asdict(known("Qwen/Qwen3-4B")), "model": None}

    assert sizing.default_instance(answers, CATALOG) == "ml.g6e.xlarge"
    assert sizing.instance_problem("ml.g6.xlarge", answers, CATALOG) == ""
    assert sizing.gpus_used(CATALOG["instances"]["ml.g6.12xlarge"], answers) == 4
    assert sizing.memory_plan("ml.g6.xlarge", answers, CATALOG) is None
    assert sizing.startup_seconds(answers) == 2400


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("Qwen/Qwen3-4B", 600),
        ("Qwen/Qwen3-32B", 1200),
        ("meta-llama/Llama-3.3-70B-Instruct", 2400),
        ("deepseek-ai/DeepSeek-R1", 3600),
    ],
)
def test_a_bigger_model_may_take_longer_to_start(name: str, seconds: int) -> None:
    assert sizing.startup_seconds(asdict(known(name))) == seconds
