"""A test that looks at times has the machine for itself; the others run side by side."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SLEEPERS = """
import os, time
from pathlib import Path
import pytest

def sleep(name):
    began = time.monotonic()
    time.sleep(0.3)
    Path(os.environ["SPANS"], f"{Path(__file__).stem}-{name}").write_text(f"{began} {time.monotonic()}")

@pytest.mark.parametrize("number", range(3))
def test_with_others(number):
    sleep(number)

@pytest.mark.alone
def test_alone():
    sleep("alone")
"""


def test_nothing_runs_beside_a_test_that_is_marked_alone(tmp_path: Path) -> None:
    spans, tests = tmp_path / "spans", tmp_path / "tests" / "some"
    spans.mkdir()
    tests.mkdir(parents=True)
    for name in ("test_one.py", "test_two.py"):
        (tests / name).write_text(SLEEPERS)
    # not as a worker of the run that this test is in
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    options = ["-n2", "--dist=loadgroup", "--import-mode=importlib", "-p", "tests.schedule", "-p", "no:cacheprovider"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tests)],
        cwd=ROOT,
        env={**environment, "SPANS": str(spans)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    times = {file.name: tuple(map(float, file.read_text().split())) for file in spans.iterdir()}
    assert len(times) == 8
    overlapping = {
        frozenset({one, other})
        for one, (begin, end) in times.items()
        for other, (begins, ends) in times.items()
        if one != other and begins < end and begin < ends
    }
    assert overlapping, "the two workers never ran side by side"
    assert [pair for pair in overlapping if any(name.endswith("alone") for name in pair)] == []
