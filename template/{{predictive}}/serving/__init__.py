"""The model server: nginx in front, the web application behind it, one model in every worker process."""
