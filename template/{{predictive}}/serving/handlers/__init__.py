"""The default behavior for each framework; `model_handler.py` builds on one of them."""
