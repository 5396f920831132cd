"""The tables beside the modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

# libyaml reads a table in a tenth of the time; not every build of PyYAML has it
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_table(path: Path) -> Any:
    """What a YAML file holds."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
