"""The contract suite: what every server of this project must do, checked over HTTP.

`suite` runs the checks and `reference` knows the right answers; `health`, `formats`, `refusals`, `concurrency` and
`metadata` hold the checks of these topics. `service` and the checks need the verbs' environment, do/.venv.
"""
