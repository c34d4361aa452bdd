"""A gradient against the value it belongs to, where there is no Card: two functions, and points to try them at."""

import numpy as np

from .._result import Result


def slope(value, gradient, *arrays, rtol=1e-6, **params):
    """``gradient(*arrays, **params)`` is the derivative of the element-wise ``value(*arrays, **params)`` in the first array.

    The derivative is taken numerically: symmetric differences with two steps, combined so that their errors of second order
    cancel. An entry also has to be the same whether the others are there or not.

    >>> import numpy as np
    >>> x = np.linspace(-2.0, 2.0, 101)
    >>> slope(lambda x: x**3, lambda x: 3 * x**2, x).ok, slope(lambda x: x**3, lambda x: x**2, x).ok
    (True, False)
    """
    x, *others = arrays
    step = 1e-3 * (1 + abs(x))

    def difference(h):
        return (value(x + h, *others, **params) - value(x - h, *others, **params)) / (2 * h)

    shapes = tuple(np.shape(f(*arrays, **params)) for f in (value, gradient))
    if shapes != (np.shape(x), np.shape(x)):
        shapes = f"the value has shape {shapes[0]}, the gradient {shapes[1]}"
        return Result(False, "searched", message=f"there must be one number per element, shape {np.shape(x)}: {shapes}")
    wanted = np.asarray((4 * difference(step / 2) - difference(step)) / 3, dtype=float)
    found = np.asarray(gradient(*arrays, **params), dtype=float)
    half = len(x) // 2
    for of, function in (("value", value), ("gradient", gradient)):
        alone, among = function(*(a[:half] for a in arrays), **params), function(*arrays, **params)[:half]
        if not np.allclose(alone, among, rtol=1e-12, atol=0, equal_nan=True):
            return Result(False, "searched", half, message=f"the {of} of an element depends on other elements")
    gap = abs(found - wanted) / np.maximum(1, abs(wanted))
    worst = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    if gap[worst] <= rtol:
        return Result(True, "searched", len(gap), float(gap[worst]), message=f"largest gap {gap[worst]:.1g}")
    point = [float(a[worst]) for a in arrays]
    message = f"at {tuple(point)} the gradient is {found[worst]:.6g}, and the value has the slope {wanted[worst]:.6g}"
    return Result(False, "searched", len(gap), float(gap[worst]), point, message)
