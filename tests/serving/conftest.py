"""The parts of the server that need no web framework, tested where they lie in the template."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

TEMPLATE = Path(__file__).parents[2] / "template"

sys.path.insert(0, str(TEMPLATE / "{{predictive}}"))

for layer in ("{{project}}", "{{flask}}", "{{fastapi}}"):  # a rendered project has one of the last two
    importlib.import_module("serving").__path__.append(str(TEMPLATE / layer / "serving"))

# what all frameworks of tensors share
importlib.import_module("serving.handlers").__path__.append(str(TEMPLATE / "{{tensors}}/serving/handlers"))
