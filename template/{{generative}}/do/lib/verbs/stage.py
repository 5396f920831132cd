"""do/stage: copy the model from the Hugging Face Hub to the project's bucket in S3."""

from __future__ import annotations

from lib import cli, config
from lib.cli import ExitCode, say
from lib.local import environment

EPILOG = """\
The endpoint then starts without the Hub: no token, no rate limit, and it works with NETWORK_ISOLATION=true. Files are
copied as they are, through memory, and their checksums are compared with the Hub's; SageMaker mounts them at
/opt/ml/model. The copy is named after the commit. After an interruption, run the command again: it resumes.

The variable HF_TOKEN has your token if the model is gated (or run `hf auth login`), and HF_ENDPOINT the address of a
mirror. If the model comes from S3 (MODEL_SOURCE=s3), MODEL_DATA_URL of do/config is set to the copy.

examples:
  do/stage
  do/stage --revision v1.0
  do/stage --include '*Q8_0*.gguf'    other files than the command chooses
  do/stage --dry-run                  only show what would be copied"""


def main() -> int:
    arguments = cli.parser("Copy the model from the Hugging Face Hub to S3.", EPILOG)
    arguments.add_argument("--model-id", metavar="ORG/MODEL", help="default: MODEL_ID of do/config")
    arguments.add_argument("--revision", help="a branch, a tag or a commit; default: MODEL_REVISION, or main")
    arguments.add_argument(
        "--include", action="append", default=[], metavar="PATTERN", help="only files that fit; can be repeated"
    )
    arguments.add_argument("--dry-run", action="store_true", help="only show what would be copied")
    options = cli.parse(arguments)
    environment.enter_verbs()
    from lib.aws import bucket, plan, staging
    from lib.aws.client import AwsClient
    from lib.model.hub import Hub

    values = config.load()
    hub = Hub(options.model_id or values["MODEL_ID"], options.revision or values.get("MODEL_REVISION", ""))
    files = staging.chosen(hub.files(), options.include)
    aws = AwsClient(options.dry_run)
    url = staging.copy(aws, hub, files, plan.reconciled(lambda: bucket.ensure(aws)))
    if options.dry_run:
        return ExitCode.OK
    print(url)
    if values["MODEL_SOURCE"] == "s3":
        config.set_value("MODEL_DATA_URL", url)
        say("set MODEL_DATA_URL in do/config; next: do/deploy")
    else:
        say("next, serve the model from there:")
        say(f"do/update --keep-version --data model_source=s3 && do/config set MODEL_DATA_URL {url}")
    return ExitCode.OK
