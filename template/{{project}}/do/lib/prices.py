"""What an hour of an instance costs, and who says so. Standard library only, unless AWS has to be asked.

In this order: the owner (the answer `instance_prices`), AWS's price list, which is kept for a week in the user's cache
folder, and the template's dated copy of it. lib/prices.json has the first and the last.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lib.cli import VerbError, say

if TYPE_CHECKING:
    from lib.aws.client import AwsClient

FILE = Path(__file__).with_name("prices.json")
KEPT_DAYS = 7


class Price(NamedTuple):
    """US dollars an hour of one instance, and where they come from."""

    usd: float
    source: str


def own(instance_type: str) -> Price | None:
    """What the owner says that it costs."""
    usd = _known()["own"].get(instance_type)
    return Price(usd, "your answer instance_prices") if usd else None


def of_hosting(instance_type: str, region: str, connect: Callable[[], AwsClient]) -> Price | None:
    """What hosting on it costs; None if nobody knows. AWS is asked, through `connect`, only if it has to be."""
    return (
        own(instance_type)
        or _cached(instance_type, region)
        or _asked(instance_type, region, connect)
        or _listed(instance_type, region)
    )


def _cached(instance_type: str, region: str) -> Price | None:
    """What AWS's price list said in the last days."""
    try:
        found = json.loads(_cache_file(instance_type, region).read_text(encoding="utf-8"))
        usd, said = float(found["usd"]), date.fromisoformat(found["date"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return _from_aws(usd, said) if 0 <= (_today() - said).days < KEPT_DAYS else None


def _asked(instance_type: str, region: str, connect: Callable[[], AwsClient]) -> Price | None:
    """What AWS's price list says now; None, with a note, if it can't be read."""
    try:
        aws = connect()
        from lib.aws import price_list

        usd = price_list.hosting(aws, instance_type)
    except VerbError as error:
        say(f"note: AWS's price list can't be read here ({error})")
        return None
    if usd is None:
        return None
    _keep(instance_type, region, usd)
    return _from_aws(usd, _today())


def _listed(instance_type: str, region: str) -> Price | None:
    """What the template's copy of AWS's price list says, which is of one region."""
    known = _known()
    row = known["listed"].get(instance_type) if region == known["region"] else None
    return (
        Price(row["usd"], f"the template's copy of AWS's price list of {row['date']}, real-time hosting")
        if row
        else None
    )


def _keep(instance_type: str, region: str, usd: float) -> None:
    """Write it into the cache, unless there is no place for it."""
    file = _cache_file(instance_type, region)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as written:
            json.dump({"usd": usd, "date": _today().isoformat()}, written)
        Path(written.name).replace(file)  # at once, as another verb may read it
    except OSError as error:
        say(f"note: the price can't be kept in {file.parent} ({error.strerror})")


def _cache_file(instance_type: str, region: str) -> Path:
    """https://specifications.freedesktop.org/basedir-spec/latest/"""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return folder / "mcc-template" / "prices" / region / f"{instance_type}.json"


def _from_aws(usd: float, said: date) -> Price:
    return Price(usd, f"AWS's price list of {said.isoformat()}, real-time hosting")


def _today() -> date:
    return datetime.now(timezone.utc).date()


def _known() -> dict[str, Any]:
    return dict(json.loads(FILE.read_text(encoding="utf-8")))
