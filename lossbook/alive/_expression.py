"""A SymPy expression as nested lists, which `alive.js` computes: x + 1 becomes ["add", "x", 1].

What the script does not know is refused here, where the figure is made, not on the reader's page.
"""

import sympy

from .. import _symbols

FUNCTIONS = {
    sympy.Add: "add",
    sympy.Mul: "mul",
    sympy.Pow: "pow",
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.cos: "cos",
    sympy.sin: "sin",
    sympy.Abs: "abs",
    sympy.sign: "sign",
    sympy.Max: "max",
    sympy.Min: "min",
    sympy.Lt: "lt",
    sympy.Le: "le",
    sympy.Gt: "gt",
    sympy.Ge: "ge",
    sympy.Eq: "eq",
    _symbols.sigmoid: "sigmoid",
    _symbols.softplus: "softplus",
    _symbols.logsumexp: "logsumexp",
    _symbols.softmax: "softmax",
}


def printed(expression, names):
    """The expression as nested lists. `names` says what stands for each symbol: the name of a value, a number, or nested lists.

    >>> from lossbook._symbols import tau, r
    >>> printed(tau * sympy.Max(0, r), {tau: "tau", _symbols.y_hat: "x", _symbols.y: 0})
    ['mul', 'tau', ['max', 0, 'x']]
    """
    expression = sympy.sympify(expression)
    known = {symbol: target for symbol, target in names.items() if isinstance(target, int | float)}
    return _print(expression.subs(known), {symbol: target for symbol, target in names.items() if symbol not in known})


def _print(expression, names):
    if expression.is_Number or expression.is_NumberSymbol:
        return int(expression) if expression.is_Integer else float(expression)
    if expression in names:
        return names[expression]
    if isinstance(expression, sympy.Indexed):
        return ["at", *(_print(part, names) for part in (expression.base, *expression.indices))]
    if isinstance(expression, sympy.Piecewise):
        return _branches(expression.args, names)
    if isinstance(expression, sympy.Sum):
        return _sum(expression, names)
    if expression.func in FUNCTIONS:
        return [FUNCTIONS[expression.func], *(_print(part, names) for part in expression.args)]
    if expression.is_Symbol or isinstance(expression, sympy.IndexedBase):
        raise ValueError(f"nothing stands for {expression} in the figure: name it in {sorted(map(str, names))}")
    raise ValueError(
        f"alive.js cannot compute {expression.func.__name__} (in {expression}): it knows {sorted(FUNCTIONS.values())}"
    )


def _branches(branches, names):
    (value, condition), *rest = branches
    if condition == True:  # noqa: E712, a SymPy truth
        return _print(value, names)
    if not rest:
        raise ValueError(f"a formula by cases needs a last case that always holds; it ends in {condition}")
    return ["if", _print(condition, names), _print(value, names), _branches(rest, names)]


def _sum(expression, names):
    (index, low, high), *more = expression.limits
    if more or low != 1:
        raise ValueError(f"a sum runs over one index from 1, got {expression.limits}")
    return ["sum", _print(expression.function, {**names, index: str(index)}), str(index), _print(high, names)]
