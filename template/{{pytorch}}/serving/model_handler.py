"""Yours: override load, decode, predict or encode where your model differs; updates of the template leave it alone."""

from __future__ import annotations

from serving.handlers.pytorch import PytorchHandler


class ModelHandler(PytorchHandler):
    """Serves the model in `model/` as PyTorch runs it: all of its outputs, by name.

    To serve weights (a state_dict) of a module that you keep in code/network.py, for example:

        inputs = {"measures": ("float32", [8])}  # name, type and shape of one row

        def load(self, model_dir):
            import torch
            from network import Network

            network = Network()
            network.load_state_dict(torch.load(model_dir / "model.pt", weights_only=True))
            return network
    """
