"""do/cost without AWS: what is known here needs neither an environment nor a network. tests/aws has the rest."""

from __future__ import annotations

import json
from pathlib import Path

from tests.verbs.conftest import run


def test_a_price_that_is_known_here_needs_no_environment(bare_project: Path) -> None:
    """0.115 x 730 = 83.95."""
    known = bare_project / "do" / "lib" / "prices.json"
    known.write_text(json.dumps(json.loads(known.read_text()) | {"own": {"ml.m5.large": 0.115}}))

    done = run(bare_project, "cost", AWS_REGION="us-east-1")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "ml.m5.large in us-east-1: $0.115 an hour (your answer instance_prices)\n"
        "\n"
        "          instances      an hour        a month\n"
        "at rest           1       $0.115         $83.95\n"
        "at most           1       $0.115         $83.95\n"
        "\n"
        "not included: disks, data transfer, S3, images, logs, builds, discounts and taxes\n"
    )
    assert not (bare_project / "do" / ".venv").exists()
