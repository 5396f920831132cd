"""Links to the AWS console."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

from lib.aws.client import AwsClient
from lib.aws.tables import read_table

TABLE = Path(__file__).with_name("console.yml")


def link(aws: AwsClient, kind: str, name: str) -> str:
    """The page of something of this kind; empty if there is none, or in a partition whose console isn't known."""
    table = read_table(TABLE)
    host, page = table["hosts"].get(aws.identity.partition), table["pages"].get(kind)
    if not host or not page:
        return ""
    quoted = urllib.parse.quote(name, safe="").replace("%", "$25")  # as the console's own links have it
    return f"https://{host}/{page}".format(region=aws.region, name=name, quoted=quoted)
