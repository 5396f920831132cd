"""The parts of the server that need no web framework, tested where they lie in the template."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "template/{{predictive}}"))
