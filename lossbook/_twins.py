"""Calls of other libraries that several Cards share."""

from importlib import import_module

import numpy as np


def in_jax(name, *arrays, **options):
    """A function of a JAX library, "optax.losses.huber_loss", on NumPy arrays, in float64 (JAX has it only on request)."""
    import jax

    module, function = name.rsplit(".", 1)
    with jax.enable_x64(True):
        return np.asarray(getattr(import_module(module), function)(*map(jax.numpy.asarray, arrays), **options))


def optax(name):
    """A loss of optax as a twin: one value per example."""

    def call(first, second, *, reduction, **params):
        return in_jax(f"optax.losses.{name}", first, second, **params)

    return call
