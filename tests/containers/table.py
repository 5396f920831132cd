"""Writes what the tests measured of the images into docs/images.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extensions.context import load_catalog

if TYPE_CHECKING:
    from tests.containers.conftest import Built

CATALOG = load_catalog()
COLUMNS = (
    "image",
    "size, MB",
    "build cold, s",
    "build warm, s",
    "first ping, s",
    "memory at rest, MiB",
    "memory under load, MiB",
)
# what a row needs
MEASURED = {"size", "warm_seconds", "first_ping_seconds", "memory_at_rest", "memory_under_load"}
TEXT = """\
# Images

`make test-all` measured these images on {cpus} CPUs of the machine it last ran on, and wrote this page.

{table}

- **Size** is uncompressed, with the base image (`{base}`, {base_size} MB here) and the sample model.
- **Build cold** is `do/build --no-cache` with only the base image present. The second web application of a framework
  reuses the downloads of packages that it shares with the first one.
- **Build warm** is `do/build` after a change to `serving/model_handler.py`.
- **First ping** is the time from `docker run` to the first status 200 of `/ping`, with a read-only file system and no
  capabilities.
- **Memory** is that of the whole container, nginx and one process per CPU: after the first ping, and the peak under
  single-row requests over 32 connections.
"""


def row(image: Built) -> str:
    """An image's row of the table."""
    title = f"{CATALOG['frameworks'][image.framework]['title']}, {CATALOG['model_servers'][image.server]['title']}"
    measured = image.measured
    cells = (
        title,
        f"{measured['size'] / 1e6:.0f}",
        f"{image.cold_seconds:.0f}",
        f"{measured['warm_seconds']:.0f}",
        f"{measured['first_ping_seconds']:.1f}",
        f"{measured['memory_at_rest'] / 2**20:.0f}",
        f"{measured['memory_under_load'] / 2**20:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def markdown(images: list[Built], cpus: int, base: str, base_size: int) -> str:
    """The whole page."""
    lines = [f"| {' | '.join(COLUMNS)} |", f"| --- |{' ---: |' * (len(COLUMNS) - 1)}"]
    lines += [row(image) for image in sorted(images, key=lambda image: (image.framework, image.server))]
    return TEXT.format(table="\n".join(lines), cpus=cpus, base=base, base_size=round(base_size / 1e6))
