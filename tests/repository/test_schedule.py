"""The tests of a file share a worker; a test that looks at times has the machine for itself."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SLEEPERS = """
import os, time
from pathlib import Path
import pytest

def sleep(name):
    began = time.monotonic()
    time.sleep(0.3)
    worker = os.environ["PYTEST_XDIST_WORKER"]
    Path(os.environ["SPANS"], f"{worker} {Path(__file__).stem} {name}").write_text(f"{began} {time.monotonic()}")

@pytest.mark.parametrize("number", range(3))
def test_with_others(number):
    sleep(number)

@pytest.mark.alone
def test_alone():
    sleep("alone")
"""


Times = dict[str, tuple[float, float]]


@pytest.fixture(scope="module")
def times(tmp_path_factory: pytest.TempPathFactory) -> Times:
    """When the tests of two files began and ended, by `worker file test`."""
    folder = tmp_path_factory.mktemp("schedule")
    spans, tests = folder / "spans", folder / "tests" / "some"
    spans.mkdir()
    tests.mkdir(parents=True)
    for name in ("test_one.py", "test_two.py"):
        (tests / name).write_text(SLEEPERS)
    # not as a worker of the run that this test is in
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # importing them takes seconds
    plugins = ["-p", "xdist", "-p", "tests.schedule", "-p", "no:cacheprovider"]
    options = [*plugins, "-n2", "--no-loadscope-reorder", "--import-mode=importlib"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), str(tests)],
        cwd=ROOT,
        env={**environment, "SPANS": str(spans)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    return {file.name: tuple(map(float, file.read_text().split())) for file in spans.iterdir()}  # type: ignore[misc]


def test_the_tests_of_a_file_run_in_one_worker(times: Times) -> None:
    workers = {tuple(name.split()[:2]) for name in times}

    assert sorted(file for _, file in workers) == ["test_one", "test_two"]
    assert {worker for worker, _ in workers} == {"gw0", "gw1"}


def test_nothing_runs_beside_a_test_that_is_marked_alone(times: Times) -> None:
    assert len(times) == 8
    overlapping = {
        frozenset({one, other})
        for one, (begin, end) in times.items()
        for other, (begins, ends) in times.items()
        if one != other and begins < end and begin < ends
    }
    assert overlapping, "the two workers never ran side by side"
    assert [pair for pair in overlapping if any(name.endswith("alone") for name in pair)] == []
