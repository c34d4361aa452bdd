"""The training loop: repeatable, right, and clear about wrong inputs."""

import os
import subprocess
import sys
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from lossbook import data, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * RNG.normal(size=60)


def run(**options):
    model = train.mlp([3, 8, 1], seed=1)
    settings = {"epochs": 30, "lr": 0.02, "batch_size": 16, "validation": (X[:20], Y[:20])} | options
    return model, train.fit(model, F.mse_loss, X, Y, **settings)


def test_two_runs_agree_to_the_last_bit_and_seeds_differ():
    (first, a), (second, b) = run(), run()
    np.testing.assert_array_equal(a.loss, b.loss)
    np.testing.assert_array_equal(a.validation, b.validation)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), second.parameters(), strict=True))
    assert not np.array_equal(run(seed=1)[1].loss, a.loss)


def test_torchs_generator_plays_no_part():
    torch.manual_seed(1)
    before = run()[1].loss
    torch.manual_seed(2)
    np.testing.assert_array_equal(run()[1].loss, before)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs", partial(torch.optim.SGD, momentum=0.9)])
def test_every_optimizer_lowers_the_loss(optimizer):
    _, history = run(optimizer=optimizer, batch_size=None)
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert history.loss.shape == history.validation.shape == (30,)


def test_gradient_descent_on_least_squares_takes_the_steps_of_the_formula():
    model = torch.nn.Sequential(torch.nn.Linear(3, 1, bias=False, dtype=torch.float64), torch.nn.Flatten(0))
    w = np.array([0.3, 0.1, -0.2])
    with torch.no_grad():
        model[0].weight.copy_(torch.from_numpy(w))
    history = train.fit(model, F.mse_loss, X, Y, epochs=5, lr=0.1, optimizer="sgd")
    for value in history.loss:
        residual = X @ w - Y
        assert value == pytest.approx(np.mean(residual**2), rel=1e-12)
        w = w - 0.1 * 2 * X.T @ residual / len(Y)
    np.testing.assert_allclose(model[0].weight.detach().numpy()[0], w, rtol=1e-12)


def test_every_example_is_used_once_an_epoch_and_counts_the_same():
    seen = []

    def loss(output, y):
        seen.extend(y.tolist())
        return (output.sum() * 0 + y.mean()).requires_grad_()

    model = train.mlp([1, 1])
    history = train.fit(model, loss, np.zeros((5, 1)), np.arange(5.0), epochs=3, lr=0.1, batch_size=2)
    assert [sorted(seen[i : i + 5]) for i in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3
    assert seen[:5] != seen[5:10]
    np.testing.assert_allclose(history.loss, 2.0)  # also with a smaller last batch


def test_classification_records_validation_and_metrics():
    digits = data.digits()
    (x, y), held_out = data.split(digits.x / 16, digits.y, seed=0)
    model = train.mlp([64, 10], seed=0)

    def accuracy(logits, labels):
        return (logits.argmax(-1) == labels).double().mean()

    history = train.fit(
        model, F.cross_entropy, x, y, epochs=3, lr=0.01, batch_size=64, validation=held_out, metrics={"accuracy": accuracy}
    )
    logits = model(torch.from_numpy(held_out[0]))
    assert history.metrics["accuracy"][-1] == accuracy(logits, torch.from_numpy(held_out[1])) > 0.8
    assert history.validation[-1] == F.cross_entropy(logits, torch.from_numpy(held_out[1])).item()
    assert repr(history).startswith("History(3 epochs, loss ")


def test_dropout_is_off_when_validating():
    model = torch.nn.Sequential(
        train.mlp([3, 8]), torch.nn.Dropout(0.9), torch.nn.Linear(8, 1, dtype=torch.float64), torch.nn.Flatten(0)
    )
    history = train.fit(model, F.mse_loss, X, Y, epochs=1, lr=0.0, validation=(X, Y))
    assert history.validation[0] == F.mse_loss(model.eval()(torch.from_numpy(X)), torch.from_numpy(Y)).item()


def test_the_history_plots_itself():
    _, history = run()
    fig, axes = history.plot(ylabel="squared error")
    lines = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_array_equal(lines["training"].get_ydata(), history.loss)
    np.testing.assert_array_equal(lines["validation"].get_ydata(), history.validation)
    plt.close(fig)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"optimizer": "adamm"}, ValueError, "adamm"),
        ({"validation": None, "metrics": {"m": F.mse_loss}}, ValueError, "validation"),
        ({"validation": (X, Y[:3])}, ValueError, "same number of rows"),
        ({"lr": 1e200, "optimizer": "sgd"}, FloatingPointError, "smaller learning rate"),
    ],
)
def test_wrong_inputs_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        run(**options)


def test_empty_data_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        train.fit(train.mlp([3, 1]), F.mse_loss, X[:0], Y[:0], epochs=1, lr=0.1)


def test_initialize_draws_weights_within_he_bounds_and_spares_normalization():
    model = train.initialize(
        torch.nn.Sequential(torch.nn.Conv2d(2, 50, 3), torch.nn.BatchNorm2d(50), torch.nn.Linear(24, 40)), seed=3
    )
    for layer, fan_in in ((model[0], 18), (model[2], 24)):
        weight = layer.weight.detach().numpy()
        assert 0.98 < abs(weight).max() / np.sqrt(6 / fan_in) <= 1
        assert not layer.bias.any()
    assert (model[1].weight == 1).all()


def test_threads_come_from_the_environment():
    code = "import torch, lossbook.train; print(torch.get_num_threads())"
    for value in ("1", "2"):
        environment = os.environ | {"LOSSBOOK_THREADS": value}
        assert (
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout == f"{value}\n"
        )
