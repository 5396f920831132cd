"""The software bill of materials: the Python packages in an image, as CycloneDX 1.6."""

from __future__ import annotations

import json
from typing import Any

from lib.cli import ROOT
from lib.image.container_engine import ContainerEngine

FILE = ROOT / "sbom.cdx.json"

# runs in the image; one package can be found twice where two folders of the path hold it
LIST_PACKAGES = """
import json
from importlib.metadata import distributions
print(json.dumps(sorted({
    (found.metadata["Name"], found.version, found.metadata["License-Expression"] or "") for found in distributions()
})))
"""

Package = tuple[str, str, str]  # name, version, license as an SPDX expression where it is known


def packages(engine: ContainerEngine, image: str) -> list[Package]:
    """The Python packages in an image. Raises VerbError where it can't be run here."""
    options = ("--rm", "--network", "none", "--entrypoint", "python3")
    return [tuple(row) for row in json.loads(engine.run("run", *options, image, "-c", LIST_PACKAGES))]


def document(image: str, found: list[Package]) -> dict[str, Any]:
    """The bill; the same image gives the same one."""
    name, _, version = image.partition(":")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name, "version": version}},
        "components": [_component(*package) for package in found],
    }


def write(image: str, found: list[Package]) -> None:
    """Write the bill into the project."""
    FILE.write_text(json.dumps(document(image, found), indent=2) + "\n", encoding="utf-8")


def _component(name: str, version: str, license_expression: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return component | ({"licenses": [{"expression": license_expression}]} if license_expression else {})
