"""The model server: the inference engine's own server, started and watched by `serve`."""
