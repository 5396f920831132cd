"""Works out whether a generative model fits on an instance: its weights, and the KV cache of the requests in flight.

What a GPU has to hold follows vLLM's defaults and public logs of it; tests/catalog/test_public_logs.py compares. Where
logs differ, the sum takes the larger one: a wrong "it fits" costs its user an hour. docs/sizing.md shows some models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

GIB = 1024**3

SHOWN = 0.984  # of a GPU's nominal memory, CUDA shows this much: 22.0 of 22.35 GiB on an L4, 79.2 of 80 on an H100
GPU_MEMORY_UTILIZATION = 0.92  # of that, engines use this much, by vLLM's default
# What each GPU holds beside weights and KV cache, in bytes, fitted to the public logs.
CUDA = 1.9 * GIB  # CUDA itself, the allocator's waste, and captured graphs
COLLECTIVES = 0.6 * GIB  # buffers of NCCL, where the model is split
EXPERTS = 1.9 * GIB  # buffers of fused mixture-of-experts kernels
BYTES_OF_A_LOGIT = 20  # while tokens are sampled: the logit, sorted logits and their indices, and probabilities
BYTES_OF_AN_ACTIVATION = 2
REPACKED = {"mxfp4": 1.085}  # weights that kernels pad: 64.4 to 66.0 GiB of gpt-oss-120b in logs, 60.8 in its files
LOADING = 1.0 * GIB  # CUDA itself, while weights are loaded
HEADROOM = 1.05  # an instance that is recommended has room for the weights and this much more
TENSOR_PARALLEL_SIZES = (1, 2, 4, 8)
CACHE_BYTES = 2  # of each number in the KV cache, where it is kept in 16 bits
BYTES_OF_A_DRAFT = 8  # while draft tokens are verified, for each entry of the vocabulary: a logit and a probability
# Tokens that an engine computes at once where its profile doesn't say: vLLM's defaults for big GPUs and for others.
BIG_GPU = 70 * GIB
BATCH_TOKENS = {True: 8192, False: 2048}
# How long the container may take until it answers, in seconds, by the weights in bytes: our judgement from what AWS's
# samples allow, with the download from the Hub and the capture of graphs.
STARTUP_SECONDS = {20e9: 600, 70e9: 1200, 160e9: 2400}
LONGEST_STARTUP = 3600  # that SageMaker allows
UNKNOWN_STARTUP = 2400  # for a model whose size is not known: what most of the samples allow
UNQUANTIZED = ("bf16", "fp32")
# Without GPUs: llama.cpp's buffers for a micro-batch of its default size, in 32 bits, beside the system and nginx.
MICRO_BATCH = 512
BYTES_OF_A_BUFFER = 4
SYSTEM = 1.0 * GIB
CPU_MEMORY_UTILIZATION = 0.9  # of the memory; the rest is the kernel's, and SageMaker's agents'
NEW_ENOUGH = 6  # the generation of instances (c6i, m7g) from which on processors have fast vector units
FEW_PROCESSORS = 4
BLOCKS = "-blocks"  # the ending of a form whose scales belong to blocks of weights

DEFAULT_CPU_INSTANCE = "ml.c7i.8xlarge"  # the same, without GPUs: it has 64 GiB
DEFAULT_INSTANCE = (
    "ml.g6e.xlarge"  # for a model whose size is not known: it holds most models of up to 14 billion parameters
)

Row = Mapping[str, Any]
Catalog = Mapping[str, Mapping[str, Any]]


class Sizing(Extension):
    """Adds the filters below; they take a computed answer, `workload`, and the catalog."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        for filter_ in (default_instance, instance_problem, degree_problem, gpus_used, memory_plan, startup_seconds):
            environment.filters[filter_.__name__] = filter_


@dataclass(frozen=True)
class Model:
    """What of a model decides how much memory it takes; a row of models.yml with its name."""

    name: str
    weight_bytes: int  # of its files
    context: int  # the most tokens that it was made for
    heads: int
    layers: int  # those that keep every token
    kv_heads: int = 1
    head_dim: int = 0
    mla_rank: int = 0  # numbers that a layer keeps of a token, in place of keys and values
    window_layers: int = 0  # those that keep the last `sliding_window` tokens only
    sliding_window: int = 0
    state_bytes: int = 0  # what layers without attention keep of a request, however long it is
    vocab: int = 0
    hidden: int = 0
    intermediate: int = 0  # the width of a feed-forward layer, or of one expert
    experts: int = 0  # those that compute a token; 0 for a dense model
    tied: bool = False  # whether input and output share one embedding
    stored: str = "bf16"
    parts: int = 0  # into how many parts its quantized layers can be cut between blocks; 0 for any number
    gguf_bytes: int = 0  # of its file in GGUF, in 4 bits, in a repository of its own
    encoder: bool = False  # whether it reads a text at once, and keeps nothing of it
    mtp_layers: int = 0  # those among its files that propose the next tokens, and keep every token too
    gated: bool = False

    @property
    def form(self) -> str:
        """The name of the form it is stored in, in an engine's list."""
        return self.stored + (BLOCKS if self.parts else "")

    def bytes_on_gpus(self, quantization: str) -> float:
        """The weights as an engine keeps them, in bytes: 32-bit weights are kept in 16 bits.

        Embeddings and the output layer stay in 16 bits where the rest is converted to 8.
        """
        stored = self.weight_bytes / 2 if self.stored == "fp32" else self.weight_bytes * REPACKED.get(self.stored, 1.0)
        kept = min(stored, 2 * self.vocab * self.hidden * (1 if self.tied else 2))
        return kept + (stored - kept) / 2 if quantization == "fp8" else stored

    def cache_bytes_of_a_token(self, number: float = CACHE_BYTES) -> float:
        """What the layers that keep every token keep of one, in bytes, on all GPUs together."""
        return self.layers * self.cache_bytes_of_a_layer(number)

    def cache_bytes_of_a_layer(self, number: float = CACHE_BYTES) -> float:
        """What one layer keeps of a token, where each number takes so many bytes."""
        return 0 if self.encoder else number * (self.mla_rank or 2 * self.kv_heads * self.head_dim)

    def cache_bytes_of_a_request(self, context: int, batch_tokens: int, number: float = CACHE_BYTES) -> float:
        """What a request of this many tokens takes at most, where each number takes so many bytes.

        Layers with a window hold it and the tokens of a batch. vLLM keeps them in groups as large as that of the layers
        that keep every token, and pads the last group.
        """
        group = self.layers or 1
        padded = -(-self.window_layers // group) * group
        held = min(context, self.sliding_window - 1 + batch_tokens)
        growing = self.layers * context + (padded * held if self.window_layers else 0)
        return growing * self.cache_bytes_of_a_layer(number) + self.state_bytes

    def overhead(self, sequences: int, batch_tokens: int, degree: int, stages: int = 1) -> float:
        """What each GPU holds beside weights and cache, in bytes, for so many sequences and tokens in flight."""
        width = 3 * self.intermediate * max(1, self.experts) / degree + (4 + self.experts) * self.hidden
        fixed = CUDA + (COLLECTIVES if degree * stages > 1 else 0) + (EXPERTS if self.experts else 0)
        return fixed + BYTES_OF_A_LOGIT * sequences * self.vocab + BYTES_OF_AN_ACTIVATION * batch_tokens * width

    def kv_replication(self, degree: int) -> float:
        """How often the cache is there when the model is split over so many GPUs: heads are not divided."""
        return degree if self.mla_rank else max(1.0, degree / self.kv_heads)

    def degrees(self, gpus: int) -> list[int]:
        """Over how many of these GPUs the heads of the model can be split."""
        return [
            degree
            for degree in TENSOR_PARALLEL_SIZES
            if degree <= gpus
            and self.heads % degree == 0
            and self.parts % degree == 0
            and (self.mla_rank or self.kv_heads % degree == 0 or degree % self.kv_heads == 0)
        ]


@dataclass(frozen=True)
class Workload:
    """A model, and how it is to be served."""

    model: Model
    quantization: str  # a row of quantizations.yml
    context: int  # tokens
    tensor_parallel: str  # a number of GPUs, or auto
    engine: Row  # a row of model_servers.yml
    sequences: int  # that are answered at once, by the profile
    batch_tokens: int | None = None  # that are computed at once, where the profile says
    slots: int = 1  # requests for which the whole context is kept from the start
    cache: Row = field(default_factory=dict)  # the row of its kv_cache_dtype in engine_features.yml
    speculation: Row = field(default_factory=dict)  # the row of its speculative_decoding there
    draft: Model | None = None  # that proposes tokens
    pipeline_parallel: int = 1  # stages, each with a part of the layers
    data_parallel: int = 1  # copies of the model

    def degrees(self, gpus: int) -> list[int]:
        """Over how many of these GPUs the engine can split the layers of the model, and those of its draft model."""
        if self.hardware.get("splits") == "layers":
            return [degree for degree in TENSOR_PARALLEL_SIZES if degree <= gpus]
        possible = self.model.degrees(gpus)
        return [degree for degree in possible if degree in self.draft.degrees(gpus)] if self.draft else possible

    def degree(self, gpus: int) -> int | None:
        """Over how many GPUs each layer is split, where there are so many; None where that is not as was asked."""
        possible = self.degrees(gpus // (self.pipeline_parallel * self.data_parallel))
        if self.tensor_parallel == "auto":
            return possible[-1] if possible else None
        return int(self.tensor_parallel) if int(self.tensor_parallel) in possible else None

    @property
    def models(self) -> list[Model]:
        """The model, and its draft model if there is one: both keep their part of every token."""
        return [self.model, self.draft] if self.draft else [self.model]

    @property
    def largest_stage(self) -> float:
        """The share of the layers in the largest stage of the pipeline."""
        layers = (self.model.layers + self.model.window_layers) or 1
        return -(-layers // self.pipeline_parallel) / layers

    def weights_of(self, model: Model) -> float:
        """The weights of the model or of its draft model, in bytes: an engine converts the first alone."""
        return model.bytes_on_gpus("none" if model is self.draft else self.quantization)

    def weights(self, degree: int, quantization: str) -> float:
        """What each GPU holds of the weights in this form, in bytes; the first and last stage hold an embedding."""
        model = self.model
        whole = model.bytes_on_gpus(quantization)
        embedding = min(whole, 2 * model.vocab * model.hidden)
        part = whole if self.pipeline_parallel == 1 else (whole - embedding) * self.largest_stage + embedding
        return (part + (self.draft.bytes_on_gpus("none") if self.draft else 0)) / degree

    def cache_of_a_request(self, batch_tokens: int, degree: int) -> float:
        """What each GPU keeps at most of a request of the whole context, in bytes."""
        whole_layers = self.hardware.get("splits") == "layers"
        number = self.cache.get("bytes", CACHE_BYTES)
        kept = 0.0
        for model in self.models:
            request = model.cache_bytes_of_a_request(self.context, batch_tokens, number)
            kept += request * (1.0 if whole_layers else model.kv_replication(degree)) / degree
        return kept * self.largest_stage + self.cache_of_own_drafts(number, degree)

    def cache_of_own_drafts(self, number: float, degree: int) -> float:
        """What each GPU keeps of a request in the model's own layers that propose tokens, in bytes."""
        if self.speculation.get("draft") != "own":
            return 0.0
        layer = self.model.cache_bytes_of_a_layer(number) * self.model.kv_replication(degree) / degree
        return max(1, self.model.mtp_layers) * layer * self.context

    def overhead(self, batch_tokens: int, degree: int) -> float:
        """What each GPU holds beside weights and cache, in bytes."""
        drafted = self.sequences * self.speculation.get("draft_tokens", 0)
        fixed = self.model.overhead(self.sequences, batch_tokens, degree, self.pipeline_parallel)
        return fixed + BYTES_OF_A_DRAFT * drafted * self.model.vocab

    @property
    def hardware(self) -> Row:
        """What the engine does with GPUs."""
        found: Row = self.engine["hardware"]
        return found

    @property
    def on_cpu(self) -> bool:
        """Whether the engine runs without GPUs."""
        return bool(self.hardware.get("processor") == "cpu")

    @property
    def converts(self) -> bool:
        """Whether the engine can convert the weights to 8 bits."""
        return "fp8" in self.hardware

    def loaded(self, degree: int) -> float:
        """The weights that each GPU has to hold at some time, in bytes: some engines convert them only afterwards."""
        first = "none" if self.hardware.get("fp8") == "after-loading" else self.quantization
        return self.weights(degree, first)

    def unreadable(self) -> str:
        """Why the engine can't read the model's files; empty where it can."""
        if self.model.form in self.hardware["forms"]:
            return ""
        return f"{self.model.name} is stored in {self.model.form}, which {self.engine['title']} doesn't read"


@dataclass(frozen=True)
class Fit:
    """What each GPU holds, in bytes, and how many requests the cache of one copy of the model has room for."""

    degree: int
    memory: float  # that CUDA shows
    weights: float
    overhead: float
    free: float  # for the cache, negative where not even the weights fit
    requests: float  # of the whole context
    tokens: int = field(default=0)


def fit(workload: Workload, memory: float, degree: int, room: float = 1.0, used: float = GPU_MEMORY_UTILIZATION) -> Fit:
    """How a workload fits on GPUs with so many bytes of memory each, as CUDA shows it; a layer is on `degree` of them.

    `room` is a factor on the weights, `used` the share of the memory that the engine takes.
    """
    tokens = workload.batch_tokens or BATCH_TOKENS[memory >= BIG_GPU]
    weights = workload.weights(degree, workload.quantization)
    overhead = workload.overhead(tokens, degree)
    free = memory * used - overhead - weights * room
    free = min(free, memory - LOADING - workload.loaded(degree))
    requests = requests_in(free, workload.cache_of_a_request(tokens, degree), workload.sequences)
    return Fit(degree, memory, weights, overhead, free, requests, int(requests * workload.context))


def requests_in(free: float, request: float, most: int) -> float:
    """How many requests have room in the free bytes; as many as the engine takes where they keep nothing."""
    if not request:
        return float(most) if free > 0 else 0.0
    return max(0.0, free / request)


def fit_in_memory(workload: Workload, memory: float, room: float = 1.0) -> Fit:
    """How a workload fits into the memory of an instance without GPUs."""
    model = workload.model
    width = model.vocab + 3 * model.intermediate + 4 * model.hidden
    overhead = SYSTEM + BYTES_OF_A_BUFFER * MICRO_BATCH * width
    free = memory * CPU_MEMORY_UTILIZATION - overhead - model.weight_bytes * room
    requests = requests_in(free, workload.cache_of_a_request(MICRO_BATCH, 1), workload.slots)
    return Fit(1, memory, model.weight_bytes, overhead, free, requests, int(requests * workload.context))


def fit_on(workload: Workload, instance: Row, room: float = 1.0) -> Fit | None:
    """How a workload fits on an instance, a row of instances.yml; None where it can't be split as was asked."""
    if workload.on_cpu:
        return fit_in_memory(workload, instance["memory_mib"] * 1024**2, room)
    degree = workload.degree(instance["gpus"])
    return fit(workload, memory_of_gpu(instance), degree, room) if degree else None


def memory_of_gpu(instance: Row) -> float:
    """The memory of one GPU of an instance that CUDA shows, in bytes."""
    return float(instance["gpu_memory_mib"] / instance["gpus"] * 1024**2 * SHOWN)


def recommended(workload: Workload, catalog: Catalog) -> Iterator[str]:
    """For each kind of GPU the cheapest instance with room for the workload, the cheapest first."""
    seen = set()
    order = by_memory if workload.on_cpu else by_price
    for name in sorted(catalog["instances"], key=lambda name: order(name, catalog)):
        instance = catalog["instances"][name]
        kind = instance.get("gpu") or instance["architecture"]
        if kind in seen or unusable(instance, workload, catalog) or doubtful(name, catalog):
            continue
        fitting = fit_on(workload, instance, HEADROOM)
        if fitting and fitting.requests >= workload.slots:
            seen.add(kind)
            yield name


def doubtful(name: str, catalog: Catalog) -> bool:
    """Whether an instance is not recommended: its GPU is unmeasured or elsewhere, or its processors are old or few."""
    instance = catalog["instances"][name]
    if gpu := instance.get("gpu"):
        return "memory" in catalog["gpus"][gpu] or "elsewhere" in catalog["gpus"][gpu]
    return generation(name) < NEW_ENOUGH or instance["vcpu"] < FEW_PROCESSORS


def generation(name: str) -> int:
    """The generation of an instance type: 7 of ml.c7i.large."""
    found = re.match(r"ml\.[a-z]+(\d+)", name)
    return int(found[1]) if found else 0


def by_memory(name: str, catalog: Catalog) -> tuple[Any, ...]:
    """Without GPUs: x86 before arm64, little memory before much, many processors before few, new before old."""
    instance = catalog["instances"][name]
    return instance["architecture"] != "x86_64", instance["memory_mib"], -instance["vcpu"], -generation(name), name


def by_price(name: str, catalog: Catalog) -> tuple[Any, ...]:
    """Cheap before dear, and last, by their size, the types whose price is not known."""
    return catalog["prices"].get(name, {}).get("usd", math.inf), *by_size(name, catalog)


def by_size(name: str, catalog: Catalog) -> tuple[Any, ...]:
    """Few GPUs before many, G instances before the dearer P, little memory before much, new GPUs before old."""
    instance = catalog["instances"][name]
    capability = catalog["gpus"].get(instance.get("gpu", ""), {}).get("compute_capability", "0")
    family = name.removeprefix("ml.")[0]
    return instance.get("gpus", 0), family, instance.get("gpu_memory_mib", 0), -float(capability), instance["vcpu"]


def priced(name: str, catalog: Catalog) -> str:
    """An instance type with its price, if that is known."""
    price = catalog["prices"].get(name)
    return f"{name} (${price['usd']:.2f}/h)" if price else name


def unusable(instance: Row, workload: Workload, catalog: Catalog) -> str:
    """Why the engine doesn't run the model on an instance's GPUs, whatever their memory; empty where it does."""
    if workload.on_cpu:
        return unusable_by_cpu(instance, workload.engine) or workload.unreadable()
    if why := unusable_by_any(instance, workload.engine["image"]["cuda"], catalog) or workload.unreadable():
        return why
    gpu, model = instance["gpu"], workload.model
    form = model.form if workload.quantization == "none" else workload.quantization
    runs_on = workload.hardware["forms"].get(form) or {}
    capability = version(catalog["gpus"][gpu]["compute_capability"])
    lowest, highest = (runs_on.get(bound) for bound in ("lowest", "highest"))
    if (lowest and capability < version(lowest)) or (highest and capability > version(highest)):
        title = workload.engine["title"]
        return f"{title} does not run {form} weights on {gpu} (compute capability {capability[0]}.{capability[1]})"
    if (needed := workload.cache.get("lowest")) and capability < version(needed):
        return f"a KV cache in {workload.cache['title']} needs compute capability {needed}, and {gpu} has less"
    return ""


def unusable_by_cpu(instance: Row, engine: Row) -> str:
    """Why an engine that runs on processors is not put on an instance; empty where it is."""
    accelerator = instance.get("gpu") or instance.get("neuron")
    return f"{engine['title']} runs on its processors, and would leave its {accelerator} idle" if accelerator else ""


def unusable_by_any(instance: Row, cuda: str, catalog: Catalog) -> str:
    """Why no engine with this CUDA runs on an instance; empty where it does."""
    gpu = instance.get("gpu")
    if not gpu:
        return "it has no GPU that the inference engines run on"
    if gpu not in catalog["gpus"]:
        return f"it has {gpu} GPUs, which the inference engines no longer run on"
    if instance["architecture"] != "x86_64":
        return f"its processor is {instance['architecture']}, and the engines' images are for x86_64"
    if version(catalog["gpus"][gpu]["cuda"]) > version(cuda):
        return f"its {gpu} GPUs need CUDA {catalog['gpus'][gpu]['cuda']}, and the engine's image has {cuda}"
    return ""


def version(text: str) -> tuple[int, ...]:
    """A version in a form that can be compared."""
    return tuple(map(int, text.split(".")))


def problem(workload: Workload, name: str, catalog: Catalog) -> str:
    """Why a workload doesn't fit on an instance, and where it does, in one line; empty where it fits."""
    instance = catalog["instances"][name]
    fitting = fit_on(workload, instance)
    if not fitting:
        return too_few_gpus(workload, name, instance["gpus"])
    if fitting.requests >= workload.slots:
        return ""
    form = workload.model.stored if workload.quantization == "none" else workload.quantization
    lack = f"{workload.model.name} in {form} "
    if fitting.free > 0:
        lack += f"leaves room for {fitting.tokens} tokens on {name}, fewer than max_model_len={workload.context}"
        lack += f" for each of {workload.slots} requests" if workload.slots > 1 else ""
    else:
        count = f"{instance['gpus']} x " if instance.get("gpus", 1) > 1 else ""
        weights = max(fitting.weights, workload.loaded(fitting.degree)) * fitting.degree
        lack += f"needs {weights / GIB:.0f} GiB for its weights"
        if workload.loaded(fitting.degree) > fitting.weights:
            lack += f" while {workload.engine['title']} loads them"
        lack += f"; {name} has {count}{fitting.memory / GIB:.0f} GiB"
    return f"{lack}; {alternatives(workload, catalog) or 'no instance type has room for it'}"


def too_few_gpus(workload: Workload, name: str, gpus: int) -> str:
    """Says how many GPUs the model can't be split over on an instance."""
    copies = workload.pipeline_parallel * workload.data_parallel
    degree = 1 if workload.tensor_parallel == "auto" else int(workload.tensor_parallel)
    if copies == 1:
        return f"tensor_parallel={degree} needs {degree} GPUs and {name} has {gpus}: take auto, or more GPUs"
    asked = f"pipeline_parallel={workload.pipeline_parallel} and data_parallel={workload.data_parallel}"
    asked += "" if workload.tensor_parallel == "auto" else f" with tensor_parallel={degree}"
    return f"{asked} needs {copies * degree} GPUs and {name} has {gpus}: choose less, or more GPUs"


def alternatives(workload: Workload, catalog: Catalog) -> str:
    """Where a workload fits, and the cheapest instance that it would fit on in 8 bits; empty where nowhere."""
    names = list(recommended(workload, catalog))[:2]
    found = [f"it fits on {' or '.join(priced(name, catalog) for name in names)}"] if names else []
    if workload.quantization == "none" and workload.model.stored in UNQUANTIZED and workload.converts:
        cheapest = next(recommended(replace(workload, quantization="fp8"), catalog), "")
        if cheapest and cheapest not in names:
            found.append(f"{'' if names else 'it fits '}with quantization fp8 on {priced(cheapest, catalog)}")
    return ", or ".join(found)


def nowhere(workload: Workload, catalog: Catalog) -> str:
    """Says that no instance has room for a workload, which is no fault of the instance; empty where one has."""
    if any(fits(workload, row, catalog) for row in catalog["instances"].values()):
        return ""
    weights = workload.model.bytes_on_gpus(workload.quantization)
    split = "" if workload.tensor_parallel == "auto" else f", tensor_parallel={workload.tensor_parallel}"
    return (
        f"no instance type has room for {workload.model.name} with {weights / GIB:.0f} GiB of weights, "
        f"max_model_len={workload.context}{split}: choose a smaller model or other answers"
    )


def fits(workload: Workload, instance: Row, catalog: Catalog) -> bool:
    """Whether the engine runs the model on an instance."""
    fitting = None if unusable(instance, workload, catalog) else fit_on(workload, instance)
    return bool(fitting and fitting.requests >= workload.slots)


def workload_of(answers: Row) -> Workload | None:
    """The workload in the computed answer; None where the size of its model, or of its draft model, is not known."""
    draft = Model(**answers["draft"]) if answers.get("draft") else None
    unknown_draft = answers.get("speculation", {}).get("draft") == "model" and not draft
    if not answers["model"] or unknown_draft:
        return None
    return Workload(**{**answers, "model": Model(**answers["model"]), "draft": draft})


def default_instance(answers: Row, catalog: Catalog) -> str:
    """The cheapest instance with room for a workload; one to begin with where its size is not known."""
    workload = workload_of(answers)
    unknown = DEFAULT_CPU_INSTANCE if answers["engine"]["hardware"].get("processor") == "cpu" else DEFAULT_INSTANCE
    return next(recommended(workload, catalog), unknown) if workload else unknown


def instance_problem(name: str, answers: Row, catalog: Catalog) -> str:
    """What is wrong with an instance type for a workload, in one line; empty where it is right."""
    workload = workload_of(answers)
    if workload and (why := workload.unreadable()):
        return f"{why}: choose another engine, or a model in {', '.join(workload.hardware['forms'])}"
    if workload and (why := nowhere(workload, catalog)):
        return why
    if why := unusable_for(catalog["instances"][name], workload, answers["engine"], catalog):
        return f"{why}: choose a type such as {default_instance(answers, catalog)}"
    return problem(workload, name, catalog) if workload else ""


def unusable_for(instance: Row, workload: Workload | None, engine: Row, catalog: Catalog) -> str:
    """Why an engine doesn't run a model on an instance, whatever the memory; empty where it does."""
    if workload:
        return unusable(instance, workload, catalog)
    if engine["hardware"].get("processor") == "cpu":
        return unusable_by_cpu(instance, engine)
    return unusable_by_any(instance, engine["image"]["cuda"], catalog)


def degree_problem(degree: str, model: Row | None, engine: Row) -> str:
    """Why an engine can't split a model over so many GPUs; empty where it can, or where its size is not known."""
    if degree == "auto" or not model or engine["hardware"].get("splits") == "layers":
        return ""
    possible = Model(**model).degrees(max(TENSOR_PARALLEL_SIZES))
    if int(degree) in possible:
        return ""
    return f"choose {' or '.join(map(str, possible))}: the layers of {model['name']} can't be split over {degree} GPUs"


def gpus_used(instance: Row, answers: Row) -> int:
    """Over how many GPUs of an instance the model is split; over all where its size is not known."""
    workload = workload_of(answers)
    gpus = instance.get("gpus", 1)
    if answers["tensor_parallel"] != "auto":
        return int(answers["tensor_parallel"])
    copies = int(answers.get("pipeline_parallel", 1) * answers.get("data_parallel", 1))
    return (workload.degree(gpus) or 1) if workload else max(1, gpus // copies)


def startup_seconds(answers: Row) -> int:
    """How long the container may take until it answers."""
    workload = workload_of(answers)
    if not workload:
        return UNKNOWN_STARTUP
    size = workload.model.weight_bytes
    return next((seconds for most, seconds in STARTUP_SECONDS.items() if size <= most), LONGEST_STARTUP)


def memory_plan(name: str, answers: Row, catalog: Catalog) -> dict[str, Any] | None:
    """How a workload fits on an instance, in GiB and tokens; None where the size of its model is not known."""
    workload, instance = workload_of(answers), catalog["instances"][name]
    fitting = fit_on(workload, instance) if workload else None
    if not workload or not fitting:
        return None
    number = workload.cache.get("bytes", CACHE_BYTES)
    return {
        "holder": "the instance" if workload.on_cpu else "a GPU",
        "gpus": fitting.degree,
        "split": split(workload, fitting.degree),
        "memory": fitting.memory / GIB,
        "used": fitting.memory * (CPU_MEMORY_UTILIZATION if workload.on_cpu else GPU_MEMORY_UTILIZATION) / GIB,
        "overhead": fitting.overhead / GIB,
        "weights": fitting.weights / GIB,
        "all_weights": sum(map(workload.weights_of, workload.models)) * workload.data_parallel / GIB,
        "free": fitting.free / GIB,
        "token_kib": sum(model.cache_bytes_of_a_token(number) for model in workload.models) / 1024,
        "tokens": fitting.tokens * workload.data_parallel,
        "context": workload.context,
        "requests": int(fitting.requests * workload.data_parallel),
    }


def split(workload: Workload, degree: int) -> str:
    """How the model is split over GPUs, in words; copies and stages only where there are several."""
    parts = [f"tensor parallelism {degree}"]
    parts += [f"pipeline parallelism {workload.pipeline_parallel}"] if workload.pipeline_parallel > 1 else []
    parts += [f"data parallelism {workload.data_parallel}"] if workload.data_parallel > 1 else []
    return ", ".join(parts)
