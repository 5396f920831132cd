"""Makes the models in this folder with what is installed: `make.py LIBRARY-VERSION` writes LIBRARY-VERSION.*.

scikit-learn 1.2 and 1.5 can't be installed beside what the other tests use, so their files are kept here. Each line is
to follow `uv run --no-project`:

    --python 3.10 --with scikit-learn==1.2.2 --with 'numpy<2' --with 'pandas<2.3' make.py sklearn-1.2
    --python 3.12 --with scikit-learn==1.5.2 --with 'pandas<3' make.py sklearn-1.5
    --python 3.12 --with scikit-learn==1.9.1 --with pandas make.py sklearn-1.9
    --python 3.11 --with skops==0.16.0 --with scikit-learn==1.9.1 --with pandas make.py skops-0.16
    --python 3.12 --with xgboost-cpu==3.4.1 --with pandas make.py xgboost-3.4
    --python 3.12 --with tensorflow-cpu==2.21.0 make.py tensorflow-2.21
    --python 3.12 --with lightgbm==4.7.0 --with pandas make.py lightgbm-4.7
    --python 3.12 --with skl2onnx==1.20.0 --with pandas make.py skl2onnx-1.20
    --python 3.11 --with mlflow-skinny==3.17.2 --with scikit-learn==1.5.2 --with 'pandas<3' make.py mlflow-3.17
    --python 3.11 --with torch==2.13.0+cpu --find-links https://download.pytorch.org/whl/cpu/torch make.py torch-2.13
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def sklearn(name: str) -> None:
    """A pipeline over a table as pickle and joblib (plain, and packed), and gradient boosting over an array."""
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    table = pd.DataFrame({"age": [1.0, 2, 3, 4], "city": ["Bern", "Basel", "Bern", "Chur"], "height": [1.5, 2, 3, 5]})
    classes = np.array([0, 1, 0, 1])
    columns = ColumnTransformer([("numbers", SimpleImputer(), ["age", "height"]), ("texts", OneHotEncoder(), ["city"])])
    pipeline = make_pipeline(columns, RandomForestClassifier(2, random_state=0)).fit(table, classes)
    (HERE / f"{name}.pkl").write_bytes(pickle.dumps(pipeline))
    joblib.dump(pipeline, HERE / f"{name}.joblib")
    joblib.dump(pipeline, HERE / f"{name}.zlib.joblib", compress=3)
    boosting = HistGradientBoostingClassifier(max_iter=1, min_samples_leaf=1).fit(
        table[["age", "height"]].values, classes
    )
    (HERE / f"{name}.boosting.pkl").write_bytes(pickle.dumps(boosting))


def skops(name: str) -> None:
    """A pipeline over a table."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from skops import io

    table = pd.DataFrame({"age": [1.0, 2, 3, 4], "city": ["Bern", "Basel", "Bern", "Chur"], "height": [1.5, 2, 3, 5]})
    columns = ColumnTransformer([("texts", OneHotEncoder(), ["city"])], remainder="passthrough")
    io.dump(make_pipeline(columns, Ridge()).fit(table, [0, 1, 0, 1]), HERE / f"{name}.skops")


def xgboost(name: str) -> None:
    """A classifier over a table with a category, as JSON and as UBJSON."""
    import pandas as pd
    from xgboost import XGBClassifier

    table = pd.DataFrame({"age": [1.0, 2, 3, 4], "rooms": [1, 2, 3, 4], "city": pd.Categorical(["a", "b", "a", "b"])})
    model = XGBClassifier(n_estimators=2, enable_categorical=True).fit(table, [0, 1, 0, 1])
    for suffix in ("json", "ubj"):
        model.save_model(HERE / f"{name}.{suffix}")


def tensorflow(name: str) -> None:
    """A network with a layer of the owner's, as .keras, .h5 and SavedModel."""
    import keras

    @keras.saving.register_keras_serializable(package="mine")
    class Doubled(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs * 2

    model = keras.Sequential([keras.Input((3,), name="row"), keras.layers.Dense(1), Doubled()])
    model.save(HERE / f"{name}.keras")
    model.save(HERE / f"{name}.h5")
    model.export(HERE / name)


def catboost(name: str) -> None:
    """A classifier over a table with a category, as cbm and as JSON."""
    from catboost import CatBoostClassifier, Pool

    pool = Pool([[1.0, "a"], [2.0, "b"], [3.0, "a"], [4.0, "b"]], [0, 1, 0, 1], [1], feature_names=["age", "city"])
    model = CatBoostClassifier(iterations=2, allow_writing_files=False, verbose=False).fit(pool)
    model.save_model(HERE / f"{name}.cbm")
    model.save_model(HERE / f"{name}.json", format="json", pool=pool)


def lightgbm(name: str) -> None:
    """A booster over a table with a category, and one over an array."""
    import numpy as np
    import pandas as pd
    from lightgbm import Dataset, train

    parameters = {"objective": "binary", "min_data_in_leaf": 1, "min_data_in_bin": 1, "verbose": -1}
    table = pd.DataFrame({"age": [1.0, 2, 3, 4] * 5, "city": pd.Categorical(["a", "b", "a", "c"] * 5)})
    classes = np.array([0, 1, 0, 1] * 5)
    train(parameters, Dataset(table, classes), 2).save_model(HERE / f"{name}.txt")
    train(parameters, Dataset(table[["age"]].values, classes), 2).save_model(HERE / f"{name}.matrix.txt")


def skl2onnx(name: str) -> None:
    """A pipeline over a table with a text."""
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = make_column_transformer((OneHotEncoder(), [1]), remainder="passthrough")
    table = pd.DataFrame({"age": [1.0, 2, 3, 4], "city": ["a", "b", "a", "b"]})
    model = make_pipeline(columns, LogisticRegression()).fit(table, [0, 1, 0, 1])
    types = [("age", FloatTensorType([None, 1])), ("city", StringTensorType([None, 1]))]
    (HERE / f"{name}.onnx").write_bytes(to_onnx(model, initial_types=types).SerializeToString())


def torch(name: str) -> None:
    """A network as an exported program, as TorchScript with and without its inputs, as weights, and pickled."""
    import torch

    class Topics(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding(4, 2)

        def forward(self, tokens: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
            return self.table(tokens).sum(1) * weight

    model, rows = Topics().eval(), (torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 1))
    sizes = {"tokens": {0: torch.export.Dim("rows")}, "weight": {0: torch.export.Dim("rows")}}
    torch.export.save(torch.export.export(model, rows, dynamic_shapes=sizes), HERE / f"{name}.pt2")
    told = {"inputs.json": '{"tokens": ["int64", [3]], "weight": ["float32", [1]]}'}
    torch.jit.save(torch.jit.trace(model, rows), HERE / f"{name}.pt", _extra_files=told)
    torch.save(model.state_dict(), HERE / f"{name}.weights.pt")
    torch.save(torch.nn.Linear(2, 1), HERE / f"{name}.module.pt")


def mlflow(name: str) -> None:
    """A regression over a table, with its signature, its requirements and code of its owner."""
    import tempfile

    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    import sklearn
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    table = pd.DataFrame({"age": [1.0, 2, 3, 4], "rooms": [1, 2, 3, 5]})
    model = LinearRegression().fit(table, [0, 1, 0, 1])
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "owners.py").write_text("")
        mlflow.sklearn.save_model(
            model,
            HERE / name,
            signature=infer_signature(table, model.predict(table)),
            serialization_format="cloudpickle",
            pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"numpy=={np.__version__}"],
            code_paths=[f"{folder}/owners.py"],
        )


if __name__ == "__main__":
    libraries = (sklearn, skops, xgboost, tensorflow, catboost, lightgbm, skl2onnx, mlflow, torch)
    {library.__name__: library for library in libraries}[sys.argv[1].partition("-")[0]](sys.argv[1])
