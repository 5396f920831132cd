"""Refresh the catalog's instance types and regions from botocore's own models.

For maintainers: `make catalog`, or `python -m extensions.refresh_catalog`. botocore (it comes with boto3) is imported
here and by nothing that renders a project. It names the instance types and regions, but not the shapes of instances:
rows that are there keep theirs, new types get theirs from `--shapes`, a CSV file with the columns instance, vcpu,
mem_mib, arch, gpu_name, gpu_count, gpu_mem_mib_total, neuron (such as 6xInferentia2) and nvme_gb (empty for types
without a disk of their own).
Nothing is ever removed: what was offered stays valid for the projects that were made with it.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

from extensions.context import CATALOG, load_catalog

Rows = dict[str, dict[str, Any]]


def main(arguments: list[str] | None = None, folder: Path = CATALOG) -> int:
    """Rewrite instances.yml and regions.yml, and say what is left to do by hand. Exit code 1 if anything is."""
    parser = argparse.ArgumentParser(description="Refresh instance types and regions from botocore's own models.")
    parser.add_argument("--shapes", type=Path, help="a CSV file with the shapes of new instance types")
    shapes = read_shapes(parser.parse_args(arguments).shapes)

    catalog = load_catalog(folder)
    names, regions = botocore_instance_types(), botocore_regions()
    instances = {**{name: shapes[name] for name in names if name in shapes}, **catalog["instances"]}
    write_rows(folder / "instances.yml", instances, sort_key=by_family_and_size)
    known = catalog["regions"]
    fresh = {
        name: {**row, "registry_account": known.get(name, row)["registry_account"]} for name, row in regions.items()
    }
    write_rows(
        folder / "regions.yml",
        {**known, **fresh},
        sort_key=lambda name, row: (row["partition"] != "aws", row["partition"], name),
    )

    to_do = [
        *(f"{name}: no shape known - add it with --shapes" for name in sorted(names - set(instances))),
        *(f"{name}: new region - add its registry account" for name in regions if name not in catalog["regions"]),
    ]
    for name in sorted(set(instances) - names):
        print(f"{name}: botocore no longer lists it; kept")
    for line in to_do:
        print(line, file=sys.stderr)
    return 1 if to_do else 0


def botocore_instance_types() -> set[str]:
    """The instance types that SageMaker hosting takes."""
    import botocore.session

    model = botocore.session.get_session().get_service_model("sagemaker")
    return set(model.shape_for("ProductionVariantInstanceType").enum)


def botocore_regions() -> Rows:
    """The regions that have SageMaker, in all partitions; those marked that have no CodeBuild."""
    import botocore.session

    session = botocore.session.get_session()
    partitions = session.get_component("data_loader").load_data("endpoints")["partitions"]
    build = {name for row in partitions for name in session.get_available_regions("codebuild", row["partition"])}
    return {
        name: {
            "title": partition["regions"][name]["description"],
            "partition": partition["partition"],
            "dns_suffix": partition["dnsSuffix"],
            "registry_account": None,
        }
        | ({} if name in build else {"codebuild": False})
        for partition in partitions
        for name in session.get_available_regions("sagemaker", partition["partition"])
    }


def read_shapes(path: Path | None) -> Rows:
    """The shapes in a CSV file, by instance type; a line without a shape is skipped."""
    if path is None:
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {line["instance"]: shape(line) for line in csv.DictReader(file) if line["vcpu"]}


def shape(line: dict[str, str]) -> dict[str, Any]:
    """A row of instances.yml from a line of the CSV file. Memory is in MiB, of all GPUs together for GPUs."""
    row: dict[str, Any] = {
        "architecture": line["arch"].split("/")[-1],  # old types list i386 as well
        "vcpu": int(line["vcpu"]),
        "memory_mib": int(line["mem_mib"]),
    }
    if line["gpu_name"]:
        row |= {
            "gpu": line["gpu_name"],
            "gpus": int(line["gpu_count"]),
            "gpu_memory_mib": int(line["gpu_mem_mib_total"]),
        }
    if match := re.fullmatch(r"(\d+)x(\w+)", line["neuron"]):
        row |= {"neuron": match[2], "neurons": int(match[1])}
    if line["nvme_gb"]:
        row["local_disk"] = True
    return row


def by_family_and_size(name: str, row: dict[str, Any]) -> tuple[str, int, int, str]:
    """Order instance types as people read them: large before xlarge before 2xlarge."""
    return name.split(".")[1], row["vcpu"], row["memory_mib"], name


def write_rows(path: Path, rows: Rows, sort_key: Callable[[str, dict[str, Any]], Any]) -> None:
    """Write one row a line, below the comments that the file begins with."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    comments = [line for line in lines if line.startswith(("#", "\n"))]
    path.write_text("".join([*comments, *rendered(rows, sort_key)]), encoding="utf-8")


def rendered(rows: Rows, sort_key: Callable[[str, dict[str, Any]], Any]) -> Iterable[str]:
    """The rows as YAML, one a line."""
    for name in sorted(rows, key=lambda name: sort_key(name, rows[name])):
        row = yaml.safe_dump(rows[name], default_flow_style=True, sort_keys=False, width=sys.maxsize).strip()
        yield f"{name}: {row}\n"


if __name__ == "__main__":
    sys.exit(main())
