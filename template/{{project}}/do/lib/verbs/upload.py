"""do/upload: keep the model in model/ in the project's bucket in S3."""

from __future__ import annotations

from lib import cli, config
from lib.cli import ExitCode, say
from lib.local import environment
from lib.model import artifacts

EPILOG = """\
Uploads model/ to the project's bucket, named after its content; SageMaker mounts it at /opt/ml/model. A predictive
model is packed into one file, and the weights of a generative one are uploaded as they are. Files that are already
there are skipped. If the model comes from S3 (MODEL_SOURCE=s3), MODEL_DATA_URL of do/config is set to the new location.

examples:
  do/upload
  do/upload --dry-run     only show what would change"""


def main() -> int:
    arguments = cli.parser("Upload the model to S3.", EPILOG)
    arguments.add_argument("--dry-run", action="store_true", help="only show what would change")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import bucket, model_store, plan
    from lib.aws.client import AwsClient

    artifacts.require(artifacts.MODEL_DIR)
    aws = AwsClient(options.dry_run)
    url = model_store.upload(aws, plan.reconciled(lambda: bucket.ensure(aws)))
    if options.dry_run:
        return ExitCode.OK
    print(url)
    if config.load()["MODEL_SOURCE"] == "s3":
        config.set_value("MODEL_DATA_URL", url)
        say("set MODEL_DATA_URL in do/config; next: do/deploy")
    else:
        say("next: do/register, or serve the model from there:")
        say(f"do/update --keep-version --data model_source=s3 && do/config set MODEL_DATA_URL {url}")
    return ExitCode.OK
