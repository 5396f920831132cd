"""How much memory models take, where they fit, and what is said where they don't: against worked examples."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from extensions import sizing
from extensions.context import load_catalog
from extensions.models import as_read_by, shape
from extensions.offers import offered
from extensions.sizing import GIB, Model, Workload

CATALOG = load_catalog()
LLAMA_8B = Model("8B", weight_bytes=16_060_000_000, context=131072, heads=32, layers=32, kv_heads=8, head_dim=128)
LLAMA_70B = Model("70B", weight_bytes=141_200_000_000, context=131072, heads=64, layers=80, kv_heads=8, head_dim=128)
LLAMA_70B_AWQ = replace(LLAMA_70B, weight_bytes=39_712_500_000, stored="awq")
QWEN_32B = Model("32B", weight_bytes=65_600_000_000, context=40960, heads=64, layers=64, kv_heads=8, head_dim=128)
DEEPSEEK = Model("R1", weight_bytes=671_000_000_000, context=163840, heads=128, layers=61, mla_rank=576, stored="fp8")
GEMMA = Model(
    "27B", 54_900_000_000, 131072, heads=32, layers=10, kv_heads=16, head_dim=128, window_layers=52, sliding_window=1024
)


def workload(model: Model, **changed: Any) -> Workload:
    """A model as it is served by default."""
    engine = CATALOG["model_servers"][changed.pop("server", "vllm")]
    answers = {"quantization": "none", "context": 8192, "tensor_parallel": "auto", "engine": engine, "sequences": 128}
    return Workload(model, **{**answers, **changed})


def known(name: str, **changed: Any) -> Workload:
    """A model of the catalog as it is served by default."""
    return workload(Model(name, **CATALOG["models"][name]), **changed)


@pytest.mark.parametrize(
    ("model", "kib"), [(LLAMA_8B, 128), (LLAMA_70B, 320), (QWEN_32B, 256), (DEEPSEEK, 68.625), (GEMMA, 80)]
)
def test_a_token_takes_what_the_layers_keep_of_it(model: Model, kib: float) -> None:
    assert model.cache_bytes_of_a_token() == kib * 1024


def test_layers_with_a_window_keep_it_and_the_tokens_of_a_batch() -> None:
    layer = 2 * 2 * 16 * 128

    assert GEMMA.cache_bytes_of_a_request(512, 2048) == layer * 512 * (10 + 60)  # 52 layers in 6 groups of 10
    assert GEMMA.cache_bytes_of_a_request(100_000, 2048) == layer * (10 * 100_000 + 60 * (1023 + 2048))


def test_embeddings_stay_in_16_bits_where_the_rest_is_converted() -> None:
    model = Model("m", **CATALOG["models"]["meta-llama/Llama-3.1-8B-Instruct"])
    kept = 2 * 2 * 128256 * 4096

    assert model.bytes_on_gpus("fp8") == kept + (model.weight_bytes - kept) / 2


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


def test_blocks_of_quantized_weights_are_not_cut() -> None:
    # Qwen3.6-35B-A3B-FP8: a shared expert of 512 in blocks of 128; vLLM refuses to cut it in 8
    model = replace(LLAMA_8B, stored="fp8", parts=512 // 128)

    assert model.degrees(8) == [1, 2, 4]


def test_a_cache_in_8_bits_takes_half() -> None:
    fp8 = workload(LLAMA_8B, cache=CATALOG["engine_features"]["kv_cache_dtype"]["fp8"])
    found = [sizing.fit(each, 80 * GIB, 1).tokens for each in (workload(LLAMA_8B), fp8)]

    assert found[1] == pytest.approx(2 * found[0], abs=2)


@pytest.mark.parametrize(("gpu", "runs"), [("A10G", False), ("A100", False), ("L4", True), ("H100", True)])
def test_a_cache_in_fp8_needs_a_gpu_that_has_fp8(gpu: str, runs: bool) -> None:
    # https://github.com/vllm-project/vllm/issues/7714: on A10G and A100, fp8e4nv is not supported
    fp8 = known("Qwen/Qwen3-4B", cache=CATALOG["engine_features"]["kv_cache_dtype"]["fp8"])
    instance = next(row for row in CATALOG["instances"].values() if row.get("gpu") == gpu)

    assert (sizing.unusable(instance, fp8, CATALOG) == "") == runs


def test_a_draft_model_takes_its_weights_and_its_cache() -> None:
    draft = Model("Qwen/Qwen3-0.6B", **CATALOG["models"]["Qwen/Qwen3-0.6B"])
    plain = known("Qwen/Qwen3-32B")
    with_draft = replace(plain, draft=draft, speculation={"draft": "model", "draft_tokens": 0})
    alone, both = (sizing.fit(each, 140 * GIB, 1) for each in (plain, with_draft))

    assert both.weights - alone.weights == 1503264768  # its files
    # of a token: 64 layers of the model, and 28 of the draft model, with 8 heads of 128 in 16 bits
    assert both.free / both.tokens == pytest.approx((64 + 28) * 2 * 2 * 8 * 128, rel=1e-4)


def test_layers_that_predict_several_tokens_keep_them_too() -> None:
    plain = known("deepseek-ai/DeepSeek-R1")
    mtp = replace(plain, speculation={**CATALOG["engine_features"]["speculative_decoding"]["mtp"], "draft_tokens": 0})
    alone, both = (sizing.fit(each, 140 * GIB, 8).tokens for each in (plain, mtp))

    assert alone / both == pytest.approx((61 + 1) / 61, rel=1e-4)


def test_stages_of_a_pipeline_hold_their_part_of_the_layers() -> None:
    one, two = (known("Qwen/Qwen3-32B", pipeline_parallel=stages) for stages in (1, 2))
    embedding = 2 * 151936 * 5120

    assert two.weights(1, "none") == pytest.approx((one.weights(1, "none") - embedding) / 2 + embedding)
    assert two.cache_of_a_request(2048, 1) == one.cache_of_a_request(2048, 1) / 2


def test_copies_of_a_model_share_the_gpus_of_an_instance() -> None:
    copies = known("Qwen/Qwen3-8B", data_parallel=4)
    plans = [sizing.memory_plan("ml.g6e.12xlarge", asdict(each), CATALOG) for each in (copies, known("Qwen/Qwen3-8B"))]

    assert plans[0]
    assert plans[1]
    assert copies.degree(4) == 1
    assert plans[0]["split"] == "tensor parallelism 1, data parallelism 4"
    assert plans[0]["tokens"] < plans[1]["tokens"]  # each copy has weights of its own
    assert sizing.problem(known("Qwen/Qwen3-8B", data_parallel=8), "ml.g6e.12xlarge", CATALOG) == (
        "pipeline_parallel=1 and data_parallel=8 needs 8 GPUs and ml.g6e.12xlarge has 4: choose less, or more GPUs"
    )


def test_a_draft_model_of_unknown_size_leaves_the_sum_unknown() -> None:
    answers = asdict(known("Qwen/Qwen3-32B", speculation={"draft": "model"}))

    assert sizing.workload_of(answers) is None


@pytest.mark.parametrize(
    ("name", "cheapest"),
    [
        ("Qwen/Qwen3-0.6B", "ml.g6.xlarge"),
        ("Qwen/Qwen3-4B", "ml.g6.xlarge"),
        ("Qwen/Qwen3-8B", "ml.g6.xlarge"),
        ("Qwen/Qwen3-32B", "ml.g7e.2xlarge"),
        ("meta-llama/Llama-3.3-70B-Instruct", "ml.g7e.12xlarge"),
        ("openai/gpt-oss-20b", "ml.g6.xlarge"),
        ("Qwen/Qwen3-235B-A22B", "ml.p4de.24xlarge"),
        ("deepseek-ai/DeepSeek-R1", "ml.p5e.48xlarge"),
    ],
)
def test_the_cheapest_instance_with_room_is_recommended(name: str, cheapest: str) -> None:
    assert next(sizing.recommended(known(name), CATALOG)) == cheapest


@pytest.mark.parametrize("name", CATALOG["models"])
def test_every_model_of_the_catalogue_fits_somewhere(name: str) -> None:
    (first, *_) = sizing.recommended(known(name), CATALOG)

    assert sizing.problem(known(name), first, CATALOG) == ""


@pytest.mark.parametrize("name", CATALOG["models"])
def test_the_whole_context_of_every_model_fits_somewhere(name: str) -> None:
    context = CATALOG["models"][name]["context"]

    assert next(sizing.recommended(known(name, context=context), CATALOG))


def test_a_recommended_instance_has_a_twentieth_more_room_than_the_weights_take() -> None:
    for name in sizing.recommended(known("Qwen/Qwen3-32B"), CATALOG):
        fitting = sizing.fit_on(known("Qwen/Qwen3-32B"), CATALOG["instances"][name])
        assert fitting
        assert fitting.free > 0.05 * fitting.weights


def test_a_longer_context_needs_a_bigger_instance() -> None:
    short, long = known("Qwen/Qwen3-4B"), known("Qwen/Qwen3-4B", context=40960)

    assert next(sizing.recommended(short, CATALOG)) == "ml.g6.xlarge"
    assert next(sizing.recommended(long, CATALOG)) == "ml.g6.xlarge"
    assert next(sizing.recommended(known("Qwen/Qwen3-14B"), CATALOG)) == "ml.g6e.xlarge"
    assert next(sizing.recommended(known("Qwen/Qwen3-32B", context=40960), CATALOG)) == "ml.g7e.2xlarge"


def test_an_image_with_old_cuda_is_not_put_on_new_gpus() -> None:
    found = list(sizing.recommended(known("Qwen/Qwen3-32B", server="djl"), CATALOG))  # its image has CUDA 12.4

    assert found[0] == "ml.g6.12xlarge"
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
    assert sizing.unusable_by_any(CATALOG["instances"][instance], "12.4", CATALOG) == why


@pytest.mark.parametrize(
    ("given", "instance", "line"),
    [
        pytest.param(
            {},
            "ml.g5.2xlarge",
            "Qwen/Qwen3-32B in bf16 needs 61 GiB for its weights; ml.g5.2xlarge has 22 GiB; it fits on ml.g7e.2xlarge "
            "($4.20/h) or ml.g6.12xlarge ($5.75/h), or with quantization fp8 on ml.g6e.xlarge ($2.61/h)",
            id="weights",
        ),
        pytest.param(
            {"server": "tensorrt-llm"},
            "ml.g5.2xlarge",
            "Qwen/Qwen3-32B in bf16 needs 61 GiB for its weights; ml.g5.2xlarge has 22 GiB; it fits on ml.g7e.2xlarge "
            "($4.20/h) or ml.g6.12xlarge ($5.75/h)",
            id="an engine that doesn't convert",
        ),
        pytest.param(
            {"quantization": "fp8", "context": 40960},
            "ml.g6e.xlarge",
            "Qwen/Qwen3-32B in fp8 leaves room for 24061 tokens on ml.g6e.xlarge, fewer than max_model_len=40960; it "
            "fits on ml.g7e.2xlarge ($4.20/h) or ml.g6.12xlarge ($5.75/h)",
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
            "Qwen/Qwen3-32B in bf16 needs 61 GiB for its weights; ml.g6e.12xlarge has 4 x 44 GiB; it fits on "
            "ml.g7e.2xlarge ($4.20/h) or ml.p5.4xlarge ($7.91/h), or with quantization fp8 on ml.g6e.xlarge ($2.61/h)",
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


def test_where_nothing_fits_no_instance_is_blamed() -> None:
    answers = asdict(known("deepseek-ai/DeepSeek-R1", tensor_parallel="2"))

    assert sizing.instance_problem(sizing.default_instance(answers, CATALOG), answers, CATALOG) == (
        "no instance type has room for deepseek-ai/DeepSeek-R1 with 641 GiB of weights, max_model_len=8192, "
        "tensor_parallel=2: choose a smaller model or other answers"
    )


def test_a_gpu_that_is_not_in_the_region_is_not_recommended() -> None:
    paris = offered(CATALOG, "eu-west-3", {})

    assert next(sizing.recommended(known("Qwen/Qwen3-32B"), paris)) == "ml.g6.12xlarge"
    # the table has its date: what the user knows to be there is taken
    assert sizing.instance_problem("ml.g7e.2xlarge", asdict(known("Qwen/Qwen3-32B")), paris) == ""


def test_ones_own_prices_replace_those_of_the_catalog() -> None:
    dear = offered(CATALOG, "us-east-1", {"ml.g6.12xlarge": 4})

    assert next(sizing.recommended(known("Qwen/Qwen3-32B"), dear)) == "ml.g6.12xlarge"


def test_prices_are_of_instance_types() -> None:
    assert set(CATALOG["prices"]) <= set(CATALOG["instances"])
    assert {region for row in CATALOG["gpus"].values() for region in row.get("regions", [])} <= set(CATALOG["regions"])


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


FORMS = {
    "gpt-oss on L4 by TensorRT-LLM": ("openai/gpt-oss-20b", "tensorrt-llm", "ml.g6.xlarge", "mxfp4 weights on L4"),
    "gpt-oss on SM120 by TensorRT-LLM": ("openai/gpt-oss-120b", "tensorrt-llm", "ml.g7e.2xlarge", "mxfp4 weights"),
    "gpt-oss on L4 by vLLM": ("openai/gpt-oss-20b", "vllm", "ml.g6.xlarge", ""),
    "FP8 blocks on A100 by TensorRT-LLM": ("deepseek-ai/DeepSeek-R1", "tensorrt-llm", "ml.p4de.24xlarge", "fp8-blocks"),
    "FP8 blocks on H200 by TensorRT-LLM": ("deepseek-ai/DeepSeek-R1", "tensorrt-llm", "ml.p5e.48xlarge", ""),
    "MXFP4 by DJL, whose image can't read it": ("openai/gpt-oss-20b", "djl", "ml.g6e.xlarge", "DJL Serving"),
}


@pytest.mark.parametrize(("name", "server", "instance", "why"), FORMS.values(), ids=[*FORMS])
def test_an_engine_runs_a_form_of_weights_on_some_gpus(name: str, server: str, instance: str, why: str) -> None:
    said = sizing.instance_problem(instance, asdict(known(name, server=server)), CATALOG)

    assert why in said
    assert bool(why) == bool(said)


@pytest.mark.parametrize(
    ("name", "server"), [("openai/gpt-oss-20b", "tensorrt-llm"), ("openai/gpt-oss-120b", "sglang")]
)
def test_the_default_instance_is_one_that_the_engine_runs_the_model_on(name: str, server: str) -> None:
    answers = asdict(known(name, server=server))

    assert sizing.instance_problem(sizing.default_instance(answers, CATALOG), answers, CATALOG) == ""


def test_an_engine_that_converts_after_loading_needs_room_for_the_weights_as_stored() -> None:
    model, instance = "Qwen/Qwen3-32B", "ml.g6e.xlarge"

    assert sizing.problem(known(model, quantization="fp8"), instance, CATALOG) == ""
    said = sizing.problem(known(model, server="sglang", quantization="fp8"), instance, CATALOG)
    assert said.startswith(
        f"{model} in fp8 needs 61 GiB for its weights while SGLang loads them; ml.g6e.xlarge has 44 GiB"
    )


def test_an_engine_that_splits_by_layers_takes_any_number_of_gpus() -> None:
    odd = replace(LLAMA_8B, heads=25, kv_heads=5)

    assert workload(odd, server="djl").degrees(8) == [1, 2, 4, 8]
    assert sizing.degree_problem("4", asdict(odd), CATALOG["model_servers"]["djl"]) == ""
    assert "choose 1: " in sizing.degree_problem("4", asdict(odd), CATALOG["model_servers"]["vllm"])


def in_gguf(name: str, **changed: Any) -> Workload:
    """A model of the catalog as llama.cpp reads it, for four requests at once."""
    engine = CATALOG["model_servers"]["llama-cpp"]
    shape = as_read_by({"name": name, **CATALOG["models"][name]}, engine)
    assert shape
    return workload(Model(**shape), server="llama-cpp", slots=4, **changed)


def test_an_engine_without_gpus_is_put_on_processors_with_enough_memory() -> None:
    found = list(sizing.recommended(in_gguf("Qwen/Qwen3-4B"), CATALOG))

    assert found == ["ml.c7i.2xlarge", "ml.c8g.2xlarge"]
    assert not [name for name in found if "gpu" in CATALOG["instances"][name]]


@pytest.mark.parametrize(
    ("instance", "line"),
    [
        (
            "ml.c7i.xlarge",
            "Qwen/Qwen3-4B-GGUF in gguf leaves room for 25553 tokens on ml.c7i.xlarge, fewer than max_model_len=8192 "
            "for each of 4 requests; it fits on ml.c7i.2xlarge ($0.43/h) or ml.c8g.2xlarge",
        ),
        (
            "ml.g6.xlarge",
            "llama.cpp runs on its processors, and would leave its L4 idle: choose a type such as ml.c7i.2xlarge",
        ),
        ("ml.c7g.2xlarge", ""),
    ],
)
def test_an_instance_for_an_engine_without_gpus(instance: str, line: str) -> None:
    assert sizing.instance_problem(instance, asdict(in_gguf("Qwen/Qwen3-4B")), CATALOG) == line


def test_a_model_that_is_not_in_gguf_is_not_for_llama_cpp() -> None:
    said = sizing.instance_problem("ml.c7i.8xlarge", asdict(in_gguf("openai/gpt-oss-20b")), CATALOG)

    assert said.startswith("openai/gpt-oss-20b is stored in mxfp4, which llama.cpp doesn't read")


def test_without_the_size_of_a_model_the_processors_have_much_memory() -> None:
    answers = {**asdict(in_gguf("Qwen/Qwen3-4B")), "model": None}

    assert sizing.default_instance(answers, CATALOG) == "ml.c7i.8xlarge"
    assert "would leave" in sizing.instance_problem("ml.g6.xlarge", answers, CATALOG)


def test_an_encoder_keeps_nothing_of_a_request() -> None:
    config = {
        "model_type": "xlm-roberta", "num_hidden_layers": 24, "num_attention_heads": 16, "hidden_size": 1024,
        "intermediate_size": 4096, "vocab_size": 250002, "max_position_embeddings": 8194, "torch_dtype": "float32",
    }  # fmt: skip
    answers = asdict(workload(Model("bge", **shape(config, 2_271_064_456)), context=8194))
    plan = sizing.memory_plan("ml.g6.xlarge", answers, CATALOG)

    assert sizing.default_instance(answers, CATALOG) == "ml.g6.xlarge"
    assert sizing.instance_problem("ml.g6.xlarge", answers, CATALOG) == ""
    assert plan
    assert (plan["token_kib"], plan["requests"]) == (0, 128)
