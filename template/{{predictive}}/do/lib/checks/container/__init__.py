"""The conformance checks: what only a container can show of a server that SageMaker is to run.

`suite` runs the checks and `subject` starts the containers for them; `starting`, `contents`, `load`, `failures`, `logs`
and `stopping` hold the checks of these topics. All but `subject` need the verbs' environment, do/.venv.
"""
