"""An AWS account for the verbs: moto behind a proxy that checks requests, injects faults and fakes what moto lacks.

The verbs reach it through AWS_ENDPOINT_URL. `account.Account` is what tests use.
"""
