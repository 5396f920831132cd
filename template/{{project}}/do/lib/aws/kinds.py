"""Which deployment target an endpoint configuration is of, and which updates between targets SageMaker makes.

An update must not change how callers ask the endpoint either. The facts are those of deploy_targets.yml in the
template: `mark` is what only configurations of that target have, `updated_from` which others can become one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TARGETS: Mapping[str, dict[str, Any]] = json.loads(Path(__file__).with_name("kinds.json").read_text(encoding="utf-8"))
UNMARKED = "realtime"


def of(config: Mapping[str, Any]) -> str:
    """The deployment target of an endpoint configuration, as CreateEndpointConfig or DescribeEndpointConfig has it."""
    members = {*_filled(config), *_filled(config["ProductionVariants"][0])}
    return next((name for name, row in TARGETS.items() if row["mark"] in members), UNMARKED)


def is_updatable(served: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether an endpoint with one configuration can be updated to the other."""
    before, after = of(served), of(wanted)
    return before == after or before in TARGETS[after]["updated_from"]


def _filled(members: Mapping[str, Any]) -> set[str]:
    return {name for name, value in members.items() if value}
