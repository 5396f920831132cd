"""Files that are no model which a framework here serves: what each is, and what to give in its place."""

from __future__ import annotations

import re
from pathlib import Path

HEAD = 512  # bytes that tell what a file is
# What a file begins with, or its name ends with, and what is said of it.
BEGINS = {
    rb"\Z": "is empty",
    rb"version https://git-lfs": "is a pointer of Git LFS, not the model: run git lfs pull",
    rb"PK\x03\x04": "is a zip archive: unpack it, and give the model in it, its folder, or a .tar.gz of that",
    rb".{7}\0\{": "holds weights in safetensors without the network: save it with torch.export.save, or answer "
    "model_kind=generative for a language model",
    rb".{4}TFL3": "is a TensorFlow Lite model: give the .keras file or SavedModel that it was converted from",
    rb".{4}ORTM": "is in ONNX Runtime's own format: give the .onnx file that it was converted from",
    rb"GGUF": "is a language model for llama.cpp: answer model_kind=generative",
    rb"\x89HDF": "is HDF5 without a Keras model, such as weights alone: save it with model.save('model.keras')",
    rb"PAR1": "is a Parquet table, not a model",
    rb"\s*(<\?xml|<PMML)": "is XML, such as PMML: save the model with the library that trained it",
    rb"\s*\{": "is JSON that no framework here writes as its model",
}
ENDS = {
    r"\.(py|ipynb|r|cpp|java)\Z": "is source code: give the file that it saves the model to",
    r"\.(mlmodel|mlpackage)\Z": "is a Core ML model: save it with the library that trained it",
    r"\.(index|meta|ckpt|data-\d+-of-\d+)\Z": "is a checkpoint of weights without a model: save the model itself",
    r"\.(csv|tsv|parquet|xlsx)\Z": "is a table, not a model",
}
UNKNOWN = "is no model that a framework here saves"


def described(path: Path) -> str:
    """What a file is that no reader knows, to follow its name."""
    with path.open("rb") as file:
        begin = file.read(HEAD)
    named = (said for ends, said in ENDS.items() if re.search(ends, path.name, re.IGNORECASE))
    begun = (said for begins, said in BEGINS.items() if re.match(begins, begin, re.DOTALL))
    return next(named, next(begun, UNKNOWN))
