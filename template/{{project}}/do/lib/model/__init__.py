"""The model in model/, and the example request for it."""
