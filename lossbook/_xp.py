"""The shared numerics: array functions that run on NumPy and torch alike, and the stable forms that every loss is built from.

Each form is written so that its value *and* its derivatives are right everywhere: no overflow at large arguments, no loss of
digits in the tails, and, at a point where two branches meet, the same slope from both. A branch that is not taken must not
spoil the gradient of the one that is, so its input is replaced before the function is applied, never masked after it.
"""

import contextlib
import math
import sys

import array_api_compat
import array_api_compat.numpy as numpy_namespace
import numpy as np

# The modules, once somebody has imported torch: torch.compile would trace every name in `sys.modules`, and each import.
_torch = _torch_namespace = None


def is_torch(x):
    """True for torch tensors, without importing torch for those who do not use it."""
    global _torch
    if _torch is None:
        _torch = sys.modules.get("torch")
    return _torch is not None and isinstance(x, _torch.Tensor)


def namespace(x):
    """The array-API namespace of `x`: the module whose `exp`, `where`, `sum` ... understand it."""
    global _torch_namespace
    if is_torch(x):
        if _torch_namespace is None:
            import array_api_compat.torch as _torch_namespace
        return _torch_namespace
    if isinstance(x, (np.ndarray, np.generic)):
        return numpy_namespace
    return array_api_compat.array_namespace(x)


def is_float(x):
    """Whether the dtype of an array is real floating point."""
    return x.dtype.is_floating_point if is_torch(x) else x.dtype.kind == "f"


def values_readable(x):
    """False while the values of `x` are not there to look at: under torch.compile, vmap and symbolic tracing."""
    if not is_torch(x):
        return True
    import torch

    return not (
        torch.compiler.is_compiling()
        or torch._C._functorch.is_functorch_wrapped_tensor(x)
        or type(x) not in (torch.Tensor, torch.nn.Parameter)  # FakeTensor and other stand-ins
        or x.device.type == "meta"
    )


def without_autocast(x):
    """A context in which torch takes the products of `x` in its own dtype: autocast would take them in half precision."""
    if is_torch(x):
        import torch

        device = x.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
            return torch.autocast(device, enabled=False)
    return contextlib.nullcontext()


# Element-wise functions, so that a loss reads as its formula: exp(x) rather than xp.exp(x).
def exp(x):
    return namespace(x).exp(x)


def expm1(x):
    return namespace(x).expm1(x)


def log(x):
    return namespace(x).log(x)


def log1p(x):
    return namespace(x).log1p(x)


def sqrt(x):
    return namespace(x).sqrt(x)


def sin(x):
    return namespace(x).sin(x)


def cos(x):
    return namespace(x).cos(x)


def sinh(x):
    return namespace(x).sinh(x)


def tanh(x):
    return namespace(x).tanh(x)


def sign(x):
    return namespace(x).sign(x)


def absolute(x):
    return namespace(x).abs(x)


def clip(x, low, high):
    return x.clip(low, high)  # the namespace's clip cannot be traced with a number that changes between calls


def where(condition, x, y):
    if type(x) in (int, float) and type(y) in (int, float):  # torch would make float32 of two Python numbers
        raise TypeError("where() needs an array in at least one branch")
    return namespace(condition).where(condition, x, y)


def sum_classes(x):
    """Sum over the last axis: (..., K) -> (...)."""
    return namespace(x).sum(x, axis=-1)


def gammaln(x):
    """log |Γ(x)|, for targets and parameters."""
    return _special(x).gammaln(x)


def erf(x):
    """2 Φ(√2 x) - 1, to full relative precision near 0."""
    return _special(x).erf(x)


def i0e(x):
    """The Bessel function I₀(x), multiplied by e^-|x| so that it does not overflow."""
    return _special(x).i0e(x)


def stop_gradient(x):
    """x, held constant: autograd does not look inside."""
    return x.detach() if is_torch(x) else x


def normal_cdf(x):
    """Φ(x), to full relative precision in the lower tail."""
    return 0.5 * _special(x).erfc(-x / math.sqrt(2))


def normal_pdf(x):
    """φ(x) = e^(-x²/2) / √(2π)."""
    return exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def _special(x):
    """torch.special or scipy.special, which name their functions alike."""
    if is_torch(x):
        import torch

        return torch.special
    import scipy.special

    return scipy.special


# Stable forms.
def step(x):
    """1 for x > 0 and 0 for x ≤ 0. NaN stays NaN, which a comparison would hide."""
    return clip(sign(x), 0.0, 1.0)


def positive_part(x):
    """(x)+ = max(x, 0), with slope 0 at the kink. NaN stays NaN."""
    return where(x <= 0, 0.0, x)


def magnitude(x):
    """|x| with slope +1 at 0: smooth functions of x² built on it keep all their derivatives there (abs has slope 0)."""
    return where(x < 0, -x, x)


def softplus(x):
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), correct to rounding and smooth to every order."""
    return where(x < 0, 0.0, x) + log1p(exp(-magnitude(x)))


def sigmoid(x):
    """1 / (1 + e^-x), to full relative precision in both tails."""
    return exp(-softplus(-x))


def log_cosh_of(x):
    """log cosh x. Near 0, ½ log(1 + sinh² x) keeps the digits that |x| + log(1 + e^-2|x|) - log 2 cancels away."""
    small = magnitude(x) < 1
    near = 0.5 * log1p(sinh(where(small, x, 0.0)) ** 2)
    far = where(small, 1.0, magnitude(x))
    return where(small, near, far + log1p(exp(-2 * far)) - math.log(2))


def log1p_square(x):
    """log(1 + x²) without squaring what would overflow."""
    big = magnitude(x) > 1
    large = where(big, magnitude(x), 1.0)
    return where(big, 2 * log(large) + log1p(large**-2), log1p(where(big, 0.0, x) ** 2))


def one_minus_bell(x):
    """1 - exp(-x²/2), by expm1 near 0 and by exp in the tail: each derivative is then as exact as the value."""
    x = clip(x, -40.0, 40.0)  # exp(-40²/2) is 0 in every dtype
    near = magnitude(x) < 1
    return where(near, -expm1(-(where(near, x, 0.0) ** 2) / 2), 1 - exp(-(x**2) / 2))


def unit(x):
    """Each row divided by its Euclidean length; the largest entry is divided out first so that no square overflows."""
    xp = namespace(x)
    x = x / xp.max(xp.abs(x), axis=-1, keepdims=True)
    return x / sqrt(xp.sum(x**2, axis=-1, keepdims=True))


def mul0(factor, x):
    """factor · x with 0 · ±inf = 0: a class that has probability 0 costs nothing, whatever its logit."""
    return factor * where(factor == 0, 1.0, x)


def one_hot(labels, classes, dtype):
    """Labels (...) as indicator rows (..., K)."""
    xp = namespace(labels)
    columns = xp.arange(classes, device=labels.device)
    return xp.astype(labels[..., None] == columns, dtype)


def top(x):
    """Indicator (..., K) of the first largest entry of each row."""
    xp = namespace(x)
    columns = xp.arange(x.shape[-1], device=x.device)
    return xp.argmax(x, axis=-1, keepdims=True) == columns


def log_softmax(logits):
    """log p = z - LSE(z) = (z - max z) - log(1 + Σ others): both terms ≤ 0, so nothing cancels, even for confident logits."""
    is_top = top(logits)
    highest = namespace(logits).sum(where(is_top, logits, 0.0), axis=-1, keepdims=True)
    below = where(is_top & (logits == logits), 0.0, logits - highest)  # exactly 0 at the top, also when it is +inf
    others = namespace(logits).sum(where(is_top, 0.0, exp(below)), axis=-1, keepdims=True)
    return below - log1p(others)


def probability_error(log_p, q):
    """p - q from log p. Where q = 1 it is expm1(log p), which keeps its digits when p is close to 1."""
    return where(q == 1, expm1(log_p), exp(log_p) - q)
