"""What the verbs do in AWS: each request, each name, each error in one way. Needs do/.venv."""
