"""What do/benchmark does: it puts load on a server, and says how fast it answers.

`loads` says when requests are due, `http_target` sends them to a server and `endpoint_target` to the endpoint.
`measuring` repeats that for each load, `figures` makes numbers of what was seen, and `results` keeps them; `table`,
`page` and `comparing` show them. What is sent, and what makes an answer right, is in `workloads`, which each kind of
project has of its own.
"""
