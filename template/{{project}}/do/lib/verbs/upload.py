"""do/upload: pack the model in model/ and keep it in the project's bucket in S3."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lib import cli, config
from lib.cli import ExitCode, say
from lib.image import images
from lib.local import environment
from lib.model import artifacts

EPILOG = """\
Packs what is in model/ so that SageMaker unpacks it to /opt/ml/model, and puts it into the project's bucket, named
after its content: what is there already isn't sent again. Where the model comes from S3 (MODEL_SOURCE=s3),
MODEL_DATA_URL of do/config is set to it.

examples:
  do/upload
  do/upload --dry-run     only show what would be changed"""


def main() -> int:
    arguments = cli.parser("Keep the model in S3.", EPILOG)
    arguments.add_argument("--dry-run", action="store_true", help="only show what would be changed")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import archive, bucket
    from lib.aws.client import AwsClient

    artifacts.require(artifacts.MODEL_DIR)
    aws = AwsClient(options.dry_run)
    name = bucket.ensure(aws)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tar.gz"
        archive.write(file)
        say(f"the model is {images.megabytes(file.stat().st_size)} when packed")
        url = archive.upload(aws, file, name)
    if options.dry_run:
        return ExitCode.OK
    print(url)
    if config.load()["MODEL_SOURCE"] == "s3":
        config.set_value("MODEL_DATA_URL", url)
        say("MODEL_DATA_URL of do/config is set to it; next: do/deploy")
    else:
        say("next: do/register, or have it served from there: ")
        say(f"copier update --trust --vcs-ref=:current: --data model_source=s3 --data model_data_url={url}")
    return ExitCode.OK
