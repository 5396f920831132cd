"""The images that the template makes are built, small, quick to build again, and do what SageMaker asks of them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers.conftest import CATALOG, EVERY_IMAGE, REPEATED_IMAGES, Built, expect_ok, results
from tests.exhaustive import exhaustive

MEASURE = Path(__file__).with_name("measure.py")
WARM_SECONDS = 15  # it takes two or three on a quiet machine

every_image = pytest.mark.parametrize(
    ("framework", "server"),
    [pytest.param(*image, marks=[exhaustive] if image in REPEATED_IMAGES else []) for image in EVERY_IMAGE],
)
Build = Callable[[str, str], Built]


@every_image
def test_an_image_conforms_to_the_contract_and_holds_only_what_serves(
    built: Build, framework: str, server: str
) -> None:
    image = built(framework, server)

    done = image.verb("test", "--image", "--json")

    checks = results(done)
    failed = {check["name"]: check["seen"] for check in checks if check["outcome"] == "FAIL"}
    assert not failed, f"{failed}\n{done.stderr}"
    assert done.returncode == 0
    topics = {check["topic"] for check in checks}
    assert {"formats", "refusals", "starting", "contents", "load", "logs", "failures", "stopping"} <= topics


@every_image
def test_an_image_is_small(built: Build, framework: str, server: str) -> None:
    image = built(framework, server)
    image.measured["size"] = image.size()

    assert image.size() <= CATALOG["frameworks"][framework]["largest_image_mb"] * 1e6


@every_image
def test_an_image_answers_soon_and_its_memory_is_measured(built: Build, framework: str, server: str) -> None:
    image = built(framework, server)
    python = str(image.project / "do/.venv/bin/python")

    done = subprocess.run([python, str(MEASURE)], cwd=image.project, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    image.measured |= measured
    assert measured["problems"] == []
    assert 0 < measured["memory_at_rest"] <= measured["memory_under_load"]


@every_image
def test_a_change_of_the_handler_is_built_in_seconds(built: Build, framework: str, server: str) -> None:
    image = built(framework, server)
    handler = image.project / "serving/model_handler.py"
    before = handler.read_text()
    handler.write_text(f"{before}\n# a change of {time.time()}\n")

    began = time.monotonic()
    done = image.verb("build")
    image.measured["warm_seconds"] = time.monotonic() - began

    handler.write_text(before)
    assert expect_ok(done).split()[0] != image.image
    assert image.measured["warm_seconds"] < WARM_SECONDS
