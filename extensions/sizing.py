"""Works out whether a generative model fits on an instance: its weights, and the cache of the tokens it works on.

What a GPU has to hold, and how much of it an engine takes, follows vLLM's defaults and what was measured with it;
docs/sizing.md shows the sum for some models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment
from jinja2.ext import Extension

GIB = 1024**3

USED = 0.92  # of a GPU's memory, by vLLM's default
OVERHEAD = 2.5 * GIB  # on each GPU: CUDA itself, activations and captured graphs
ROOM = 1.2  # an instance that is recommended has room for the weights and a fifth more
DEGREES = (1, 2, 4, 8)
CACHE_BYTES = 2  # of each number in the cache, which is kept in 16 bits
# How long the container may take until it answers, in seconds, by the weights in bytes: our judgement from what AWS's
# samples allow, with the download from the Hub and the capture of graphs.
STARTUP_SECONDS = {20e9: 600, 70e9: 1200, 160e9: 2400}
LONGEST_STARTUP = 3600  # that SageMaker allows
UNKNOWN_STARTUP = 2400  # for a model whose size is not known: what most of the samples allow
UNQUANTIZED = ("bf16", "fp32")

UNKNOWN = "ml.g6e.xlarge"  # for a model whose size is not known: it holds most models of up to 14 billion parameters

Row = Mapping[str, Any]
Catalog = Mapping[str, Mapping[str, Row]]


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
    latent: int = 0  # numbers that a layer keeps of a token, in place of keys and values
    window_layers: int = 0  # those that keep the last `window` tokens only
    window: int = 0
    stored: str = "bf16"
    gated: bool = False

    def bytes_on_gpus(self, quantization: str) -> float:
        """The weights as an engine keeps them, in bytes: 32-bit weights are kept in 16 bits."""
        stored = self.weight_bytes / 2 if self.stored == "fp32" else self.weight_bytes
        return stored / 2 if quantization == "fp8" else stored

    def cache_bytes_of_a_token(self) -> int:
        """What the layers that keep every token keep of one, in bytes, on all GPUs together."""
        return CACHE_BYTES * self.layers * (self.latent or 2 * self.kv_heads * self.head_dim)

    def cache_bytes_of_windows(self, context: int) -> int:
        """What the other layers keep of a request, in bytes."""
        return CACHE_BYTES * self.window_layers * 2 * self.kv_heads * self.head_dim * min(self.window, context)

    def copies(self, degree: int) -> float:
        """How often the cache is there when the model is split over so many GPUs: heads are not divided."""
        return degree if self.latent else max(1.0, degree / self.kv_heads)

    def degrees(self, gpus: int) -> list[int]:
        """Over how many of these GPUs the model can be split."""
        return [
            degree
            for degree in DEGREES
            if degree <= gpus
            and self.heads % degree == 0
            and (self.latent or self.kv_heads % degree == 0 or degree % self.kv_heads == 0)
        ]


@dataclass(frozen=True)
class Workload:
    """A model, and how it is to be served."""

    model: Model
    quantization: str  # a row of quantizations.yml
    context: int  # tokens
    tensor_parallel: str  # a number of GPUs, or auto
    cuda: str  # of the engine's image
    converts: bool  # whether the engine can convert the weights to 8 bits

    def degree(self, gpus: int) -> int | None:
        """Over how many of these GPUs the model is split; None where it can't be split as was asked."""
        possible = self.model.degrees(gpus)
        if self.tensor_parallel == "auto":
            return possible[-1]
        return int(self.tensor_parallel) if int(self.tensor_parallel) in possible else None


@dataclass(frozen=True)
class Fit:
    """What each GPU holds, in bytes, and how many tokens the cache of all has room for."""

    degree: int
    memory: float
    weights: float
    free: float  # for the cache, negative where not even the weights fit
    tokens: int


def fit(workload: Workload, memory: float, degree: int, room: float = 1.0) -> Fit:
    """How a workload fits on `degree` GPUs with so many bytes of memory each; `room` is a factor on the weights."""
    model = workload.model
    weights = model.bytes_on_gpus(workload.quantization) * room / degree
    free = memory * USED - OVERHEAD - weights
    share = model.copies(degree) / degree
    left = free - model.cache_bytes_of_windows(workload.context) * share
    return Fit(degree, memory, weights, free, max(0, int(left / (model.cache_bytes_of_a_token() * share))))


def fit_on(workload: Workload, instance: Row, room: float = 1.0) -> Fit | None:
    """How a workload fits on an instance, a row of instances.yml; None where it can't be split as was asked."""
    degree = workload.degree(instance["gpus"])
    return fit(workload, memory_of_gpu(instance), degree, room) if degree else None


def memory_of_gpu(instance: Row) -> float:
    """The memory of one GPU of an instance, in bytes."""
    return float(instance["gpu_memory_mib"] / instance["gpus"] * 1024**2)


def recommended(workload: Workload, catalog: Catalog) -> Iterator[str]:
    """For each kind of GPU the smallest instance with room for the workload, the smallest first."""
    seen = set()
    for name in sorted(catalog["instances"], key=lambda name: by_size(name, catalog)):
        instance = catalog["instances"][name]
        gpu = instance.get("gpu", "")
        if gpu in seen or unusable(instance, workload.cuda, catalog) or "memory" in catalog["gpus"][gpu]:
            continue
        fitting = fit_on(workload, instance, ROOM)
        if fitting and fitting.tokens >= workload.context:
            seen.add(gpu)
            yield name


def by_size(name: str, catalog: Catalog) -> tuple[Any, ...]:
    """Few GPUs before many, G instances before the dearer P, little memory before much, new GPUs before old."""
    instance = catalog["instances"][name]
    capability = catalog["gpus"].get(instance.get("gpu", ""), {}).get("compute_capability", "0")
    family = name.removeprefix("ml.")[0]
    return instance.get("gpus", 0), family, instance.get("gpu_memory_mib", 0), -float(capability), instance["vcpu"]


def unusable(instance: Row, cuda: str, catalog: Catalog) -> str:
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
        degree = workload.tensor_parallel
        return (
            f"tensor_parallel={degree} needs {degree} GPUs and {name} has {instance['gpus']}: take auto, or more GPUs"
        )
    if fitting.tokens >= workload.context:
        return ""
    form = workload.model.stored if workload.quantization == "none" else workload.quantization
    lack = f"{workload.model.name} in {form} "
    if fitting.free > 0:
        lack += f"leaves room for {fitting.tokens} tokens on {name}, fewer than max_model_len={workload.context}"
    else:
        count = f"{instance['gpus']} x " if instance["gpus"] > 1 else ""
        weights = workload.model.bytes_on_gpus(workload.quantization)
        lack += f"needs {weights / GIB:.0f} GiB for its weights; {name} has {count}{fitting.memory / GIB:.0f} GiB"
    return f"{lack}; {alternatives(workload, catalog)}"


def alternatives(workload: Workload, catalog: Catalog) -> str:
    """Where a workload fits, and the smallest instance that it would fit on in 8 bits, in words."""
    names = list(recommended(workload, catalog))[:2]
    text = f"it fits on {' or '.join(names)}" if names else "no instance type has room for it"
    if workload.quantization == "none" and workload.model.stored in UNQUANTIZED and workload.converts:
        smallest = next(recommended(replace(workload, quantization="fp8"), catalog), "")
        if smallest and smallest not in names:
            text += f", or with quantization fp8 on {smallest}"
    return text


def workload_of(answers: Row) -> Workload | None:
    """The workload in the computed answer; None where the size of its model is not known."""
    return Workload(**{**answers, "model": Model(**answers["model"])}) if answers["model"] else None


def default_instance(answers: Row, catalog: Catalog) -> str:
    """The smallest instance with room for a workload; one to begin with where its size is not known."""
    workload = workload_of(answers)
    return next(recommended(workload, catalog), UNKNOWN) if workload else UNKNOWN


def instance_problem(name: str, answers: Row, catalog: Catalog) -> str:
    """What is wrong with an instance type for a workload, in one line; empty where it is right."""
    workload = workload_of(answers)
    if why := unusable(catalog["instances"][name], answers["cuda"], catalog):
        return f"{why}: choose a type such as {default_instance(answers, catalog)}"
    return problem(workload, name, catalog) if workload else ""


def degree_problem(degree: str, model: Row | None) -> str:
    """Why a model can't be split over so many GPUs; empty where it can, or where its size is not known."""
    possible = Model(**model).degrees(max(DEGREES)) if model and degree != "auto" else DEGREES
    if degree == "auto" or int(degree) in possible:
        return ""
    return f"the attention heads of {model['name']} can be split over {' or '.join(map(str, possible))} GPUs"  # type: ignore[index]


def gpus_used(instance: Row, answers: Row) -> int:
    """Over how many GPUs of an instance the model is split; over all where its size is not known."""
    workload = workload_of(answers)
    gpus = instance.get("gpus", 1)
    if answers["tensor_parallel"] != "auto":
        return int(answers["tensor_parallel"])
    return (workload.degree(gpus) or 1) if workload else gpus


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
    return {
        "gpus": fitting.degree,
        "memory": fitting.memory / GIB,
        "used": fitting.memory * USED / GIB,
        "overhead": OVERHEAD / GIB,
        "weights": fitting.weights / GIB,
        "all_weights": fitting.weights * fitting.degree / GIB,
        "free": fitting.free / GIB,
        "token_kib": workload.model.cache_bytes_of_a_token() / 1024,
        "tokens": fitting.tokens,
        "context": workload.context,
        "requests": fitting.tokens // workload.context,
    }
