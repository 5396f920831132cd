"""Render the projects of the gallery: a hook of MkDocs, which calls `on_files` before it builds the site.

docs/gallery/gallery.js shows them. Files that projects share are written once.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # MkDocs loads this file alone
    sys.path.insert(0, str(ROOT))

from tests.fast_copier import speed_up  # noqa: E402
from tests.renders.goldens import render  # noqa: E402

DATA = "gallery/projects.js"
COMPILED = ROOT / "build/templates"  # what the next build needn't compile
# what each project answers otherwise than the template's defaults: one decision, so that differences are of it alone
SHOWN: dict[str, dict[str, str]] = {
    "all defaults": {},
    "Flask": {"model_server": "flask"},
    "asynchronous endpoint": {"deploy_target": "async"},
    "language model": {"model_kind": "generative"},
}
SAME = {"project_name": "my-model", "project_id": "abcdefgh"}
SHORTEST_TABLE = 50_000  # characters: longer files are tables, which nobody reads


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """The site's files, and the projects."""
    files.append(File.generated(config, DATA, content=f"const gallery = {data()};\n"))
    return files


@cache  # mkdocs serve builds the site again for each change of a page
def data() -> str:
    """The projects as JSON: for each the digest of each file, and the text of each digest."""
    speed_up(COMPILED)
    files = {title: files_of({**SAME, **answers}) for title, answers in SHOWN.items()}
    projects = {title: {name: digest(text) for name, text in sorted(found.items())} for title, found in files.items()}
    texts = {digest(text): text for found in files.values() for text in found.values()}
    return json.dumps({"projects": projects, "texts": texts})


def files_of(answers: dict[str, str]) -> dict[str, str]:
    """The files of a project with their text, but long tables."""
    with tempfile.TemporaryDirectory() as folder:
        project = render(answers, Path(folder))
        texts = {
            str(path.relative_to(project)): path.read_text(encoding="utf-8")
            for path in project.rglob("*")
            if path.is_file()
        }
    return {name: text if len(text) < SHORTEST_TABLE else shortened(text) for name, text in texts.items()}


def shortened(text: str) -> str:
    """The first lines of a long table."""
    return "".join(text[:2000].splitlines(keepends=True)) + f"\n... {len(text):,} characters in all\n"


def digest(text: str) -> str:
    """What stands for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
