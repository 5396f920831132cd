"""Write what docs/engines/ and docs/sizing.md have from the catalog: `python -m extensions.document_engines`.

For maintainers. It replaces what stands between the marks `generated` and `end` of each page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from extensions.answers import load_questions
from extensions.context import load_catalog
from extensions.engines import image_name, with_features
from extensions.sizing import GIB, Model, Workload, fit_on, memory_of_gpu, priced, recommended, unusable_for

DOCS = Path(__file__).parents[1] / "docs"
CATALOG = load_catalog()
ENGINES = {name: row for name, row in CATALOG["model_servers"].items() if "generative" in row["kinds"]}
GENERATED = re.compile(r"(?<=<!-- generated -->\n).*?(?=<!-- end -->)", flags=re.DOTALL)
CONTEXT = 8192

Row = dict[str, Any]


def main() -> None:
    """Replace the generated part of each page."""
    for page, text in pages().items():
        page.write_text(with_generated(page, text), encoding="utf-8")


def with_generated(page: Path, text: str) -> str:
    """A page with this text between its marks."""
    return GENERATED.sub(lambda _: text, page.read_text(encoding="utf-8"))


def pages() -> dict[Path, str]:
    """The generated part of each page."""
    engines = {DOCS / "engines" / f"{name}.md": about(name, row) for name, row in ENGINES.items()}
    return {**engines, DOCS / "engines" / "index.md": comparison(), DOCS / "sizing.md": sizes()}


def comparison() -> str:
    """The engines side by side."""
    rows = [[f"[{row['title']}]({name}.md)", row["what"], row["why"], row["limits"]] for name, row in ENGINES.items()]
    parts = {"Tasks": tasks(), "Features": features(), "Compatibility": compatibility()}
    sections = "".join(f"\n## {title}\n\n{text}" for title, text in parts.items())
    return table(["Engine", "What it is", "Why", "Limits"], rows) + sections


def tasks() -> str:
    """What each engine can do through POST /invocations, and what was tried with a real model."""
    rows = [
        [
            f"`{name}`",
            row["what"],
            ", ".join(ENGINES[engine]["title"] for engine in row["settings"]),
            ", ".join(ENGINES[engine]["title"] for engine in row["tried"]) or "none: please report how it works",
        ]
        for name, row in CATALOG["tasks"].items()
    ]
    return table(["`task`", "What the model does", "Engines", "Tried here with a real model"], rows)


def features() -> str:
    """Which engines do what an answer sets: the choices of engine_features.yml, and the answers that engines take."""
    rows = [
        [f"`{feature}={choice}`", row["what"], ", ".join(ENGINES[engine]["title"] for engine in row["settings"])]
        for feature, choices in CATALOG["engine_features"].items()
        for choice, row in choices.items()
    ]
    questions = load_questions(DOCS.parent)
    rows += [
        [
            f"`{answer}`",
            questions[answer]["help"].partition("?")[0] + "?",
            ", ".join(row["title"] for row in ENGINES.values() if answer in row["settings"]),
        ]
        for answer in sorted({answer for row in ENGINES.values() for answer in row["settings"]})
    ]
    return table(["Answer", "What it does", "Engines"], rows)


def compatibility() -> str:
    """On which GPUs the image of each engine runs, by CUDA, with the machine image and the families of instances."""
    rows = [
        [
            row["title"],
            row["image"].get("cuda", "none"),
            f"`{row['image']['ami']}`" if "ami" in row["image"] else "none",
            families(row),
        ]
        for row in ENGINES.values()
    ]
    return table(["Engine", "CUDA", "`InferenceAmiVersion`", "Instance families"], rows)


def families(engine: Row) -> str:
    """The families of instances, such as ml.g6e, that an engine runs on."""
    if "cuda" not in engine["image"]:
        return "all without GPUs, with x86-64 or AWS's arm64 processors"
    names = (name for name, row in CATALOG["instances"].items() if not unusable_for(row, None, engine, CATALOG))
    return ", ".join(sorted({f"`{name.rpartition('.')[0]}`" for name in names}))


def about(name: str, row: Row) -> str:
    """What the catalog says of an engine: what it is, its image, and its options that answers set."""
    parts = [row["what"], f"- **Why**: {row['why']}\n- **Limits**: {row['limits']}", "## Image", image(row)]
    parts += ["## Requests", f"`POST /invocations` takes JSON. {row['requests']}"]
    parts += ["## Settings", settings(name, row)]
    return "\n".join(f"{part.rstrip()}\n" for part in parts)


def image(row: Row) -> str:
    """The facts of an engine's image."""
    facts = row["image"]
    version = f"{row['title']} {facts['engine_version']}"
    rows = [["image in us-east-1", f"`{image_name(row, 'us-east-1', CATALOG['regions'])}`"]]
    if "repository_arm64" in facts:
        rows.append(["on Graviton", f"`{image_name(row, 'us-east-1', CATALOG['regions'], 'arm64')}`"])
    if "cuda" not in facts:
        return table(["", ""], [*rows, ["version", f"{version}, for CPUs"]])
    machine = ["`InferenceAmiVersion`", f"`{facts['ami']}`"]
    return table(["", ""], [*rows, ["version", f"{version}, CUDA {facts['cuda']}"], machine])


def settings(name: str, row: Row) -> str:
    """Which of an engine's options each answer sets."""
    rows = [[f"`{answer}`", shown(options)] for answer, options in row["settings"].items()]
    rows += [
        [f"`{feature}={choice}`", shown(options)]
        for feature, choices in CATALOG["engine_features"].items()
        for choice in choices
        if (options := with_features({}, CATALOG["engine_features"], name, "ORGANIZATION/DRAFT", **{feature: choice}))
    ]
    rows += [[f"`profile={profile}`", shown(facts["settings"][name])] for profile, facts in CATALOG["profiles"].items()]
    return table(["Answer", "Options in `serving/engine.yml`"], rows)


def shown(options: Row) -> str:
    """Options with their values; the answer itself is shown as three dots."""
    return ", ".join(f"`{name}: {'...' if value is None else json.dumps(value)}`" for name, value in options.items())


def sizes() -> str:
    """For each model the instances that are recommended, cheapest first, with the tokens that they have room for."""
    return table(
        ["Model", "Weights", "A token", *(f"Choice {place}" for place in (1, 2, 3))],
        [[f"`{name}`", *size(workload_of(name))] for name in CATALOG["models"]],
    )


def workload_of(name: str) -> Workload:
    """A model of the catalog as it is served by default."""
    model = Model(name, **CATALOG["models"][name])
    return Workload(model, "none", CONTEXT, "auto", ENGINES["vllm"], CATALOG["profiles"]["balanced"]["sequences"])


def size(workload: Workload) -> Iterator[str]:
    """The cells of a model: its weights, what the cache keeps of a token, and three instances."""
    yield f"{workload.model.bytes_on_gpus('none') / GIB:.1f} GiB, {workload.model.stored}"
    yield f"{workload.model.cache_bytes_of_a_token() / 1024:.0f} KiB"
    names = list(recommended(workload, CATALOG))[:3]
    for name in names:
        instance = CATALOG["instances"][name]
        fitting = fit_on(workload, instance)
        assert fitting
        gpus = f"{fitting.degree} x {memory_of_gpu(instance) / GIB:.0f} GiB"
        type_, _, price = priced(name, CATALOG).partition(" ")
        yield f"`{type_}` {price} {gpus}: {fitting.tokens:,} tokens".replace("  ", " ")
    yield from [""] * (3 - len(names))


def table(headings: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main()
