"""The server, started here without a container, keeps its contract (the checks are in do/lib/checks/http)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What the contract suite saw at a server of its own."""
    command = [sys.executable, str(ROOT / "do" / "test"), "--serve", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.parametrize("topic", ["health", "formats", "refusals", "concurrency", "metadata"])
def test_every_check_of_the_contract_holds(report: dict[str, Any], topic: str) -> None:
    checks = [check for check in report["checks"] if check["topic"] == topic]
    failed = [check for check in checks if check["outcome"] == "FAIL"]

    assert any(check["outcome"] == "ok" for check in checks)
    assert failed == []
