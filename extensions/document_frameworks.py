"""Write the frameworks into the README's table of what is supported: `make generate`. For maintainers."""

from __future__ import annotations

import re
from pathlib import Path

from extensions.context import load_catalog

README = Path(__file__).parents[1] / "README.md"
ROW = re.compile(r"^\| frameworks \|.*$", re.MULTILINE)


def main() -> None:
    """Replace the row of the frameworks."""
    README.write_text(ROW.sub(lambda _: row(), README.read_text(encoding="utf-8")), encoding="utf-8")


def row() -> str:
    """Every framework with its formats, as a row of the table."""
    frameworks = load_catalog()["frameworks"].values()
    listed = (
        f"{framework['title']} ({', '.join(f'`{name}`' for name in framework['formats'])})" for framework in frameworks
    )
    return f"| frameworks | {', '.join(listed)} |"


if __name__ == "__main__":
    main()
