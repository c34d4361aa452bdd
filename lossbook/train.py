"""A training loop that can be read at one sitting, and gives the same numbers at every run.

Random numbers come from NumPy's Generator alone, because ``torch.randn`` differs between processors. Importing this module
sets torch's number of threads to the environment variable LOSSBOOK_THREADS (1 if it is not set): the models here are small,
and one thread is faster.
"""

import itertools
import math
import os
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

torch.set_num_threads(int(os.environ.get("LOSSBOOK_THREADS", "1")))

OPTIMIZERS = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "lbfgs": lambda parameters, lr: torch.optim.LBFGS(parameters, lr=lr, line_search_fn="strong_wolfe"),
}


@dataclass(frozen=True, repr=False)
class History:
    """What a training run recorded, one value per epoch."""

    loss: np.ndarray  # mean over the training examples, each measured just before the step that used it
    validation: np.ndarray | None = None  # the same loss on the validation data, after the epoch
    metrics: dict[str, np.ndarray] = field(default_factory=dict)  # on the validation data, after the epoch

    def plot(self, *, ylabel="loss", log=False):
        """The training curve, and the validation curve if there is one: ``fig, axes = history.plot()``."""
        from lossbook import plot

        runs = {"training": self.loss} if self.validation is None else {"training": self.loss, "validation": self.validation}
        return plot.curves(runs, ylabel=ylabel, log=log)

    def __repr__(self):
        series = {"loss": self.loss, "validation": self.validation, **self.metrics}
        ends = [f"{name} {run[0]:.3g} → {run[-1]:.3g}" for name, run in series.items() if run is not None]
        return f"History({len(self.loss)} epochs, {', '.join(ends)})"


def fit(model, loss, x, y, *, epochs, lr, optimizer="adam", batch_size=None, seed=0, validation=None, metrics=None):
    """Train ``model`` in place on ``loss(model(x), y)`` and return its `History`.

    ``x`` and ``y`` are arrays or tensors with one row per example; floating-point numbers are converted to the dtype of the
    model. ``optimizer`` is "adam", "sgd", "lbfgs" or a callable ``(parameters, lr=lr)``, such as ``partial(torch.optim.SGD,
    momentum=0.9)``. Without a ``batch_size`` an epoch is one step on all the data; with it, ``seed`` decides the order of the
    examples. ``validation`` is a pair ``(x, y)``; ``metrics`` maps names to functions of ``(output, y)``, evaluated on it.
    Raises FloatingPointError if the loss is not finite.
    """
    x, y = _tensors(model, x, y)
    validation = validation and _tensors(model, *validation)
    if metrics and not validation:
        raise ValueError("metrics are measured on validation data: pass validation=(x, y)")
    if isinstance(optimizer, str) and optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer must be one of {sorted(OPTIMIZERS)} or a callable; got {optimizer!r}")
    step_rule = OPTIMIZERS.get(optimizer, optimizer)(model.parameters(), lr=lr)
    rng = np.random.default_rng(seed)
    batch_size = batch_size or len(x)
    losses, validation_losses, measured = [], [], {name: [] for name in metrics or {}}

    for epoch in tqdm(range(epochs), desc="training", disable=None, leave=False):  # None: only on a terminal
        model.train()
        batches = [slice(None)]  # all data, without a copy
        if batch_size < len(x):
            batches = torch.from_numpy(rng.permutation(len(x))).split(batch_size)
        total = 0.0
        for batch in batches:
            x_batch, y_batch = x[batch], y[batch]

            def closure(x_batch=x_batch, y_batch=y_batch):
                step_rule.zero_grad()
                value = loss(model(x_batch), y_batch)
                value.backward()
                return value

            total += step_rule.step(closure).item() * len(x_batch)
        losses.append(total / len(x))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss is {losses[-1]} in epoch {epoch + 1}: try a smaller learning rate than {lr}")
        if validation:
            model.eval()
            with torch.no_grad():
                output = model(validation[0])
                validation_losses.append(loss(output, validation[1]).item())
                for name, metric in (metrics or {}).items():
                    measured[name].append(float(metric(output, validation[1])))
    recorded = {name: np.array(values) for name, values in measured.items()}
    return History(np.array(losses), np.array(validation_losses) if validation else None, recorded)


def mlp(sizes, *, seed=0, activation=nn.ReLU):
    """A multilayer perceptron in float64, ``mlp([64, 32, 10])``, initialized by NumPy; a last size of 1 gives a vector.

    >>> mlp([2, 3, 1])(torch.zeros(5, 2, dtype=torch.float64)).shape
    torch.Size([5])
    """
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, dtype=torch.float64), activation()]
    return initialize(nn.Sequential(*layers[:-1], *([nn.Flatten(0)] if sizes[-1] == 1 else [])), seed=seed)


def initialize(model, *, seed=0):
    """Draw the weights of linear and convolutional layers from He's uniform distribution, by NumPy; set their biases to 0."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for layer in model.modules():
            weight = getattr(layer, "weight", None)
            if weight is not None and weight.ndim > 1:  # normalization layers keep their ones and zeros
                bound = math.sqrt(6 / weight[0].numel())
                weight.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(weight.shape))))
                if getattr(layer, "bias", None) is not None:
                    layer.bias.zero_()
    return model


def _tensors(model, x, y):
    dtype = next(model.parameters()).dtype
    x, y = (part.to(dtype) if part.is_floating_point() else part for part in (torch.as_tensor(x), torch.as_tensor(y)))
    if len(x) != len(y) or not len(x):
        raise ValueError(f"x and y need the same number of rows, at least one; got {len(x)} and {len(y)}")
    return x, y
