"""Each copy of the template looks at models with its own code, also in one process."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

from extensions.template_parts import ROOT

MODEL = Path(__file__).parent / "models/skl2onnx-1.20.onnx"


def extension(root: Path) -> ModuleType:
    """extensions/inspection.py as Copier loads it: from a file, under one name."""
    spec = importlib.util.spec_from_file_location("extensions_inspection", root / "extensions/inspection.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_copy_that_is_gone_leaves_the_others_working(tmp_path: Path) -> None:
    for part in ("extensions/inspection.py", "template/{{predictive}}/do/lib/inspection"):
        target = tmp_path / "copy" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, target)
    ours = extension(ROOT).inspection()
    extension(tmp_path / "copy").inspection()
    shutil.rmtree(tmp_path / "copy")

    with ours.inspect(MODEL) as model:
        assert model.findings.framework == "onnx"
