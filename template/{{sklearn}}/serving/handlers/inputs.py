"""What a fitted scikit-learn model reads: numbers, typed columns, texts or records; and what each column holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from sklearn.base import is_classifier, is_outlier_detector
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from serving.tables import BOOLEAN, DATE, NUMBER, TEXT

Inputs = Literal["numbers", "values", "texts", "records", "objects"]

# Where the type of a value matters: these look at categories, at missing values or at text, or call the owner's code.
# Everything else in scikit-learn turns its input into numbers first.
TYPED = (
    "sklearn.compose",
    "sklearn.feature_extraction",
    "sklearn.impute",
    "sklearn.preprocessing._encoders",
    "sklearn.preprocessing._function_transformer",
    "sklearn.preprocessing._target_encoder",
)
TREES = ("sklearn.tree", "sklearn.ensemble._forest", "sklearn.ensemble._hist_gradient_boosting", "sklearn.ensemble._gb")
INNER = ("best_estimator_", "estimator_", "regressor_", "classifier_")  # the fitted part of estimators around others


def inputs_of(model: Any) -> Inputs:
    """What the model reads. `values`: its columns can have types of their own. `objects`: rows of the owner's kind."""
    first = first_step(model)
    if isinstance(first, CountVectorizer | HashingVectorizer) and _splits_itself(first):
        return "objects"
    if isinstance(first, CountVectorizer | HashingVectorizer) or _tagged(first, "string"):
        return "texts"
    if isinstance(first, DictVectorizer) or _tagged(first, "dict"):
        return "records"
    if getattr(model, "n_features_in_", None) is None or any(_is_typed(part) for part in _parts(model)):
        return "values"
    return "numbers"


def is_fitted(model: Any) -> bool:
    """Whether it was trained; true for what is not scikit-learn's, whose attributes tell nothing."""
    last = model.steps[-1][1] if _is_pipeline(model) and model.steps else model
    module = type(last).__module__
    if not module.startswith("sklearn.") or module.startswith("sklearn.frozen"):
        return True
    try:
        check_is_fitted(last)
    except NotFittedError:
        return False
    except Exception:  # an estimator of an older version may lack what this one looks for
        return True
    return True


def first_step(model: Any) -> Any:
    """What gets the rows first: the first step of a pipeline, however deep it is wrapped."""
    if inside := _inside(model):
        return first_step(inside[0])
    steps = [step for _, step in model.steps if step not in (None, "passthrough")] if _is_pipeline(model) else []
    while len(steps) > 1 and _passes_anything_on(steps[0]):
        del steps[0]
    return first_step(steps[0]) if steps else model


def _inside(part: Any) -> list[Any]:
    """The fitted estimators that get the very rows that `part` gets."""
    if type(part).__module__.startswith("sklearn.frozen"):
        return [part.estimator]
    for name in INNER:
        if hasattr(part, name):
            return [getattr(part, name)]
    if isinstance(part, FeatureUnion):
        return [transformer for _, transformer in part.transformer_list if hasattr(transformer, "fit")]
    calibrated = [one.estimator for one in getattr(part, "calibrated_classifiers_", [])]
    several = [] if hasattr(part, "estimators_features_") else getattr(part, "estimators_", [])  # bagging: some columns
    return calibrated or (several if isinstance(several, list) else [])


def _splits_itself(vectorizer: Any) -> bool:
    """Whether the owner's code makes the words of a row, which need not be a text: it may be a list of words."""
    without_text = not vectorizer.lowercase or callable(vectorizer.preprocessor)
    return callable(vectorizer.analyzer) or (callable(vectorizer.tokenizer) and without_text)


def _passes_anything_on(step: Any) -> bool:
    """Whether it is a function over texts or tables alike, which tells nothing of its input."""
    return isinstance(step, FunctionTransformer) and not hasattr(step, "feature_names_in_")


def column_names(model: Any) -> tuple[str, ...]:
    """The names of the columns as scikit-learn or CatBoost keeps them; none if the model was trained on an array."""
    if hasattr(model, "feature_names_in_"):
        return tuple(map(str, model.feature_names_in_))
    names = tuple(getattr(model, "feature_names_", ()))
    numbered = tuple(map(str, range(len(names))))  # how CatBoost calls the columns of an array
    return () if names == numbered else names


def inner_names(model: Any) -> tuple[str, ...]:
    """The columns of the estimators in one of the owner's own class, if all of them have the same; else none."""
    parts = vars(model).values() if hasattr(model, "__dict__") else ()
    found = {names for part in parts if (names := column_names(part))}
    return found.pop() if len(found) == 1 else ()


def xgboost_categories(model: Any) -> tuple[str, ...]:
    """The columns that one of XGBoost's classes takes as categories of pandas only."""
    first = first_step(model)
    types = (first.get_booster().feature_types if hasattr(first, "get_booster") else None) or []
    return tuple(name for name, of_column in zip(column_names(model), types, strict=False) if of_column == "c")


def has_gaps_of_none(model: Any) -> bool:
    """Whether it was trained with None, and not NaN, for values that are missing."""
    return any(getattr(part, "missing_values", math.nan) is None for part in _parts(model))


def is_row_by_row(model: Any, output: str) -> bool:
    """Whether a row's answer is the same to the last bit in any company, so that requests may be predicted together.

    Trees compare numbers. Linear algebra adds them up in an order that depends on how many rows there are, which shows
    in the last bits of numbers, and not in labels.
    """
    last = model
    for name in INNER:
        last = getattr(last, name, last)
    last = last.steps[-1][1] if _is_pipeline(last) else last
    if type(last).__module__.startswith(TREES):
        return True
    return output == "predict" and _answers_labels(model)


def _answers_labels(model: Any) -> bool:
    try:
        return is_classifier(model) or is_outlier_detector(model) or _is_clusterer(model)
    except Exception:  # what is not scikit-learn's need not have its tags
        return False


def _is_clusterer(model: Any) -> bool:
    try:
        from sklearn.base import is_clusterer
    except ImportError:  # before scikit-learn 1.6
        return getattr(model, "_estimator_type", None) == "clusterer"
    return bool(is_clusterer(model))


def kinds_of(model: Any, columns: int) -> tuple[str | None, ...]:
    """What each column holds, by the categories and statistics that were fitted to it; None where none tells."""
    kinds: list[str | None] = [None] * columns
    _note(model, range(columns), kinds, _fitted_kinds)
    return tuple(kinds)


def categories_of(model: Any, columns: int) -> tuple[tuple[Any, ...], ...]:
    """The categories that the encoder of each column was fitted to; none for other columns."""
    categories: list[tuple[Any, ...]] = [()] * columns
    _note(model, range(columns), categories, _fitted_categories)
    if any(isinstance(part, SimpleImputer) for part in _parts(model)):
        return tuple((*known, None) if known else () for known in categories)
    return tuple(categories)


def _note(part: Any, columns: Sequence[int], notes: list[Any], fitted: Callable[[Any, int], list[Any]]) -> None:
    """Note for each of these columns what `part`, which gets them, was fitted to."""
    if inside := _inside(part):
        for one in inside:
            _note(one, columns, notes, fitted)
    elif _is_pipeline(part):
        for _, step in part.steps:
            _note(step, columns, notes, fitted)
            if step not in (None, "passthrough") and not isinstance(step, SimpleImputer):
                return  # from here on the columns are others
    elif isinstance(part, ColumnTransformer):
        for name, indices in part._transformer_to_input_indices.items():
            _note(part.named_transformers_.get(name), [columns[i] for i in indices], notes, fitted)
    elif getattr(part, "_preprocessor", None) is not None:  # histogram gradient boosting with categories
        _note(part._preprocessor, columns, notes, fitted)
    else:
        for column, found in zip(columns, fitted(part, len(columns)), strict=False):
            notes[column] = found or notes[column]


def _fitted_categories(part: Any, columns: int) -> list[tuple[Any, ...]]:
    if not hasattr(part, "categories_"):
        return []
    listed = [np.asarray(categories).tolist() for categories in part.categories_]
    return [tuple(value if value == value else None for value in values) for values in listed]


def _fitted_kinds(part: Any, columns: int) -> list[str | None]:
    if isinstance(part, CountVectorizer | HashingVectorizer):
        return [TEXT] * columns
    if hasattr(part, "categories_"):
        return [_kind(categories) for categories in part.categories_]
    if isinstance(part, SimpleImputer):
        return [_kind(np.asarray([value])) for value in part.statistics_] if part.strategy != "constant" else []
    if hasattr(part, "get_booster"):  # one of XGBoost's classes
        types = part.get_booster().feature_types or ["float"] * columns
        return [None if of_column == "c" else NUMBER for of_column in types]
    if hasattr(part, "n_features_in_") and not any(_is_typed(inner) for inner in _parts(part)):
        return [NUMBER] * columns
    return []


def _kind(values: np.ndarray) -> str | None:
    if values.dtype.kind == "M":
        return DATE
    if values.dtype.kind in "fiu":
        return NUMBER
    given = [value for value in values if value == value]
    if given and all(isinstance(value, bool | np.bool_) for value in given):
        return BOOLEAN
    return TEXT if any(isinstance(value, str) for value in given) else None


def _parts(model: Any) -> Iterator[Any]:
    """The model and every estimator in it."""
    yield model
    parameters = model.get_params(deep=True).values() if hasattr(model, "get_params") else ()
    for part in (model, *parameters):
        if type(part).__module__.startswith("sklearn.frozen"):  # which hides the parameters of what is in it
            yield from _parts(part.estimator)
        elif part is not model and hasattr(part, "fit"):
            yield part


def _is_typed(part: Any) -> bool:
    module = type(part).__module__
    categories = getattr(part, "_preprocessor", None) is not None
    return categories or module.startswith(TYPED) or not module.startswith("sklearn.")


def _is_pipeline(part: Any) -> bool:
    return isinstance(part, Pipeline)


def _tagged(part: Any, tag: str) -> bool:
    """Whether the estimator says of itself that it reads texts (`string`), records (`dict`) or gaps (`allow_nan`)."""
    try:
        return bool(getattr(_input_tags(part), tag))
    except Exception:
        return False


def takes_missing(model: Any) -> bool:
    """Whether the model handles NaN, by scikit-learn's tags."""
    return _tagged(model, "allow_nan")


def _input_tags(part: Any) -> Any:
    try:
        from sklearn.utils import get_tags
    except ImportError:  # before scikit-learn 1.6
        tags = part._get_tags()
        return SimpleNamespace(**dict.fromkeys(tags["X_types"], True), allow_nan=tags["allow_nan"])
    return get_tags(part).input_tags
