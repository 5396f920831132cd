"""`make bench`: the generated servers against the plain way to serve the same model, measured in one run."""
