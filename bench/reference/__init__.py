"""The plain way: Flask, gunicorn's sync workers, one predict per request, no nginx. What the predecessor generated."""
