"""Which package brings a module that a pickle imports, where their names differ or the module is surely a package's."""

from __future__ import annotations

# Of libraries with models or transformers of scikit-learn's kind. A module that is not here may be the owner's own: a
# package of its name on an index may be anybody's.
PACKAGES = {
    "boruta": "boruta",
    "catboost": "catboost",
    "category_encoders": "category-encoders",
    "dill": "dill",
    "feature_engine": "feature-engine",
    "hdbscan": "hdbscan",
    "imblearn": "imbalanced-learn",
    "interpret": "interpret",
    "lightgbm": "lightgbm",
    "mapie": "mapie",
    "ngboost": "ngboost",
    "nltk": "nltk",
    "optbinning": "optbinning",
    "polars": "polars",
    "pygam": "pygam",
    "pyod": "pyod",
    "pytorch_tabnet": "pytorch-tabnet",
    "sentence_transformers": "sentence-transformers",
    "skl2onnx": "skl2onnx",
    "sklearn_pandas": "sklearn-pandas",
    "skops": "skops",
    "skopt": "scikit-optimize",
    "skorch": "skorch",
    "skrub": "skrub",
    "spacy": "spacy",
    "statsmodels": "statsmodels",
    "tpot": "tpot",
    "umap": "umap-learn",
    "xgboost": "xgboost",
}
