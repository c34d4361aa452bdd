"""What an input of a loss is: guessed from its name, dtype, shape and values; or the other way round, drawn at random."""

import math
import re
from dataclasses import dataclass

import numpy as np

from .._points import DOMAINS
from .arrays import parameters

ROLES = {
    "logits": "scores of classes",
    "logit": "scores of yes against no",
    "log_probability": "logarithms of probabilities that sum to 1",
    "distribution": "probabilities that sum to 1",
    "probability": "numbers in [0, 1]",
    "positive": "positive numbers",
    "negative": "negative numbers",
    "boxes": "boxes x1, y1, x2, y2",
    "real": "real numbers",
    "labels": "class indices or other integers",
    "binary": "zeros and ones",
    "sign": "signs -1 and 1",
    "mask": "a mask: which elements count",
    "weight": "weights of elements",
}
TARGET = {"target", "targets", "label", "labels", "truth", "true", "gt", "y"}
MASK, WEIGHT = {"mask", "masks", "valid", "ignore", "ignored", "padding", "pad"}, {"weight", "weights"}
EMBEDDING = {
    "embedding",
    "embeddings",
    "feature",
    "features",
    "anchor",
    "anchors",
    "z",
    "z1",
    "z2",
    "query",
    "key",
    "image",
    "text",
}


@dataclass(frozen=True)
class Input:
    """What is known of an input: its name, its role, whether the model predicts it, which axis counts the examples (None: it is
    the same for all examples), and which axis counts the classes."""

    name: str
    role: str
    predicted: bool
    axis: int | None = None
    classes: int | None = None

    def words(self):
        return words_of(self.name)

    def is_target(self):
        return bool(self.words() & TARGET) and not self.predicted and self.role not in ("mask", "weight")

    def describe(self, array):
        said = f"{self.name} {tuple(array.shape)}: {ROLES[self.role]}"
        said += f" (classes on axis {self.classes})" if self.classes is not None else ""
        said += ", predicted" if self.predicted else ""
        return said + ("" if self.axis is not None else ", not one per example")


def words_of(name):
    return set(re.split(r"[_\W]+", name.lower()))


def names_of(loss, count):
    """The names of the first arguments: of `forward`, or of the function; "input 0" where there are none."""
    known = parameters(getattr(loss, "forward", loss)).values()
    named = [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[i] if i < len(named) else f"input {i}" for i in range(count)]


def guess(names, arrays, wrt):
    """An `Input` for each array. The first of `wrt` decides how many examples there are, together with the last other input."""
    first = wrt[0]
    examples, targets = _examples(arrays, first), [i for i in range(len(arrays)) if i not in wrt]
    found = []
    for i, (name, array) in enumerate(zip(names, arrays)):
        words = words_of(name)
        others = [arrays[j] for j in targets if j != i]
        if i in wrt:
            role, classes = _prediction(words, array, others, [a for j, a in enumerate(arrays) if j != i])
        else:
            role, classes = _other(words, array, arrays[first], third=targets.index(i) > 0)
        axis = None
        if examples is not None and examples in array.shape:
            axis = 0 if array.shape[0] == examples else array.shape.index(examples)
        found.append(Input(name, role, i in wrt, axis, classes))
    return found


def _examples(arrays, first):
    """How many examples there are: the length of the first axis that the prediction shares with the other inputs.

    Where time comes first, as in (T, N, K), the targets say it.
    """
    shape = arrays[first].shape
    leading = [a.shape[0] for i, a in enumerate(arrays) if i != first and a.ndim]
    if not shape:
        return None
    if not leading or shape[0] in leading:
        return shape[0]
    return next((length for length in leading if length in shape), None)


def _prediction(words, array, targets, others):
    """(role, axis of the classes) of what the model predicts."""
    labels = next((t for t in targets if t.dtype.kind in "iu" and _class_axis(array, t) is not None), None)
    axis = None if labels is None or words & EMBEDDING else _class_axis(array, labels)
    same = [t for t in targets if t.shape == array.shape]
    if axis is None and array.ndim > 1 and not words & EMBEDDING and any(is_distribution(t) for t in same):
        axis = array.ndim - 1
    if axis is None and is_distribution(array):
        axis = array.ndim - 1
    if axis is None and array.dtype.kind == "f" and (array <= 0).all() and is_distribution(np.exp(array)):
        axis = array.ndim - 1
    if axis is not None:
        if is_distribution(array, axis):
            return "distribution", axis
        return ("log_probability" if is_distribution(np.exp(array), axis) else "logits"), axis
    around = [array, *(t for t in same if t.dtype.kind == "f")]
    if any(_among(t, (-1, 1)) for t in same) and array.size > 3 and (array > 0).all():
        return "positive", None  # a distance, which should be small where the sign is 1
    if any(_among(t, (0, 1)) or _among(t, (-1, 1)) for t in same) and not words & EMBEDDING:
        return ("probability" if _within_unit(array) else "logit"), None
    if array.ndim > 1 and array.shape[-1] == 4 and all(_is_boxes(a) for a in [array, *same]):
        return "boxes", None
    if array.size and all(_within_unit(a) for a in around):
        return "probability", None
    if array.size and all((a > 0).all() for a in around):
        return "positive", None
    return ("negative" if array.size and (array < 0).all() else "real"), None


def _other(words, array, prediction, *, third):
    """(role, axis of the classes) of an input that the model does not predict; `third`: there is a target before it."""
    zero_one = _among(array, (0, 1))
    if zero_one and (words & MASK or (third and array.dtype.kind == "b" and not words & TARGET)):
        return "mask", None
    if words & WEIGHT and array.dtype.kind != "b" and (array >= 0).all():
        return "weight", None
    if zero_one and (array.dtype.kind != "i" or array.shape == prediction.shape):
        return "binary", None
    if _among(array, (-1, 1)):
        return "sign", None
    if array.dtype.kind in "iub":
        return "labels", None
    if is_distribution(array):
        return "distribution", array.ndim - 1
    if array.ndim > 1 and array.shape[-1] == 4 and _is_boxes(array) and prediction.shape == array.shape:
        return "boxes", None
    if _within_unit(array):
        return "probability", None
    return ("positive" if (array > 0).all() else "real"), None


def _class_axis(prediction, labels):
    """The axis of the classes, if the labels are indices along one: the last axis, or axis 1 of (N, K, ...)."""
    if not labels.size or labels.ndim != prediction.ndim - 1:
        return None
    for axis in (prediction.ndim - 1, 1):
        rest = prediction.shape[:axis] + prediction.shape[axis + 1 :]
        if rest == labels.shape and labels.max() < prediction.shape[axis]:
            return axis
    return None


def is_distribution(array, axis=-1):
    """Whether it holds probabilities that sum to 1 along an axis."""
    if array.dtype.kind != "f" or array.ndim < 2 or not array.size or array.shape[axis] < 2:
        return False
    return bool((array >= 0).all() and np.allclose(array.sum(axis), 1, atol=1e-4))


def _is_boxes(array):
    return bool(array.size and array.dtype.kind == "f" and (array[..., 2:] > array[..., :2]).all())


def _among(array, values):
    return bool(array.size and np.isin(array, values).all())


def _within_unit(array):
    return bool(array.size and array.dtype.kind == "f" and ((array >= 0) & (array <= 1)).all())


# --- drawn ----------------------------------------------------------------------------------------------------------------

SPEC = re.compile(r"(?P<name>[A-Za-z_]\w*)\[(?P<shape>[\d,\s]*)\](?:<(?P<below>\d+)|:(?P<role>\w+))?$")
BY_NAME = {"mask": "mask", "weight": "weight", "weights": "weight", "boxes": "boxes", "distribution": "distribution"}
BY_NAME |= {"probability": "probability", "probabilities": "probability", "prob": "probability", "probs": "probability"}


def draw(spec, rng):
    """(name, array) of an input described as "logits[8,10]", "labels[8]<10" (integers) or "target[8]:binary" (a role)."""
    match = SPEC.match(spec.strip())
    if not match or (match["role"] and match["role"] not in ROLES):
        raise ValueError(
            f'an input is written "logits[8,10]", "labels[8]<10" or "target[8]:ROLE", got {spec!r}; roles: {", ".join(ROLES)}'
        )
    shape = tuple(int(length) for length in match["shape"].split(",") if length.strip())
    if match["below"]:
        return match["name"], rng.integers(0, int(match["below"]), shape)
    return match["name"], _drawn(match["role"] or BY_NAME.get(match["name"], "real"), shape, rng)


def _drawn(role, shape, rng):
    last = {"distribution": "classes", "log_probability": "classes", "boxes": "corners x1, y1, x2, y2"}.get(role)
    if last and (not shape or (role == "boxes" and shape[-1] != 4)):
        raise ValueError(f"the last axis of {role} holds the {last}, got the shape {shape}")
    if role in ("distribution", "log_probability"):
        rows = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        return rows if role == "distribution" else np.log(rows)
    if role == "boxes":
        return DOMAINS["boxes"][0](rng, math.prod(shape[:-1])).reshape(shape)
    ordinary = {
        "probability": lambda: rng.uniform(0.02, 0.98, shape),
        "positive": lambda: rng.gamma(2.0, 1.0, shape) + 0.05,
        "weight": lambda: rng.gamma(2.0, 1.0, shape) + 0.05,
        "negative": lambda: -rng.gamma(2.0, 1.0, shape) - 0.05,
        "binary": lambda: rng.integers(0, 2, shape).astype(float),
        "labels": lambda: rng.integers(0, 2, shape),
        "sign": lambda: rng.choice([-1.0, 1.0], shape),
        "mask": lambda: rng.random(shape) < 0.7,
    }
    return ordinary.get(role, lambda: rng.standard_normal(shape))()
