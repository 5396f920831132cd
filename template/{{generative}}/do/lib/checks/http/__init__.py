"""The contract suite: what every server of this project must do, checked over HTTP.

`suite` runs the checks, `reference` knows what the project's engine offers, and `endpoint` makes the checks through
SageMaker; `health`, `chat`, `completions`, `generation`, `tasks`, `refusals` and `concurrency` hold the checks of these
topics. They need the verbs' environment, do/.venv.
"""
