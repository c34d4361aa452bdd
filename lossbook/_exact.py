"""Formulas evaluated in high precision, random points of a domain, and the equality of two formulas.

`exact` is the oracle of the tests: it computes a formula as it is written, in as many digits as the answer needs.
`equal` decides whether two formulas agree: by a symbolic proof where a short one exists, and always at random points.
"""

import itertools
from functools import lru_cache, reduce

import mpmath
import numpy as np
import sympy as sp
from mpmath import mpf
from sympy.core.relational import Relational
from sympy.functions.elementary.miscellaneous import MinMaxBase
from sympy.tensor.indexed import Indexed

from . import _symbols as book
from ._result import Result

FLOOR = 400  # values below 1e-400 count as zero: float64 ends at 5e-324
MOST_DIGITS = 40_000
UNEVALUATED = (sp.Derivative, sp.Integral, sp.Limit, sp.Subs)


# --- evaluation ---------------------------------------------------------------------------------------------------------


def _rebuild(expression, change):
    """Apply `change` to every node, from the leaves up."""
    if not expression.args or isinstance(expression, Indexed):
        return expression
    parts = [_rebuild(part, change) for part in expression.args]
    return change(expression if parts == list(expression.args) else expression.func(*parts))


def evaluate(expression):
    """The same expression with its derivatives, integrals and limits carried out."""
    return _evaluated(expression) if expression.has(*UNEVALUATED) else expression


@lru_cache(maxsize=512)  # an integral can take seconds, and a step of a derivation is the start of the next
def _evaluated(expression):
    return _rebuild(expression, lambda e: e.doit(deep=False) if isinstance(e, UNEVALUATED) else e)


def spell_out(expression):
    """The same expression without abbreviations: derivatives carried out, sigmoid & co. in terms of exp and log."""
    expression = evaluate(sp.sympify(expression))
    return expression.rewrite(book.DEFINITIONS, sp.exp) if expression.has(*book.DEFINITIONS) else expression


def shapes(expression):
    """For each IndexedBase the bounds of its indices, (K,) or (n,) or (n, K): told by the sums, else by the index's letter."""
    bounds = {}
    for total in expression.atoms(sp.Sum, sp.Product):
        for index, _, upper in total.limits:
            for entry in total.function.atoms(Indexed) if upper in (book.K, book.K - 1, book.n) or upper.is_Integer else ():
                found = {(entry.base, axis): upper for axis, position in enumerate(entry.indices) if position == index}
                bounds = found | bounds if upper == book.K - 1 else bounds | found  # all K entries, if any sum takes them all
    for entry in sorted(expression.atoms(Indexed), key=str):
        for axis, position in enumerate(entry.indices):
            if not position.is_Integer:
                bounds.setdefault((entry.base, axis), book.n if position in (book.i, book.m) else book.K)
    for entry in expression.atoms(Indexed):  # only Z[1], ..., Z[3]: then three entries it is
        for axis, position in enumerate(entry.indices):
            bound = bounds.setdefault((entry.base, axis), position)
            bounds[entry.base, axis] = max(bound, position) if bound.is_Integer and position.is_Integer else bound
    axes = {base: sum(other == base for other, _ in bounds) for base, _ in bounds}
    return {base: tuple(bounds[base, axis] for axis in range(axes[base])) for base in sorted(axes, key=str)}


def unroll(expression):
    """Write sums and products with numeric limits out term by term."""
    if not expression.has(sp.Sum, sp.Product):
        return expression
    if isinstance(expression, (sp.Sum, sp.Product)):
        *inner, (index, lower, upper) = expression.limits
        body = expression.func(expression.function, *inner) if inner else expression.function
        terms = [unroll(body.subs(index, value)) for value in range(int(lower), int(upper) + 1)]
        return sp.Add(*terms) if isinstance(expression, sp.Sum) else sp.Mul(*terms)
    return expression.func(*map(unroll, expression.args))


def _renamed(expression, names):
    """The same expression with other names: SymPy need not look again for what could be simplified."""
    if expression in names or not expression.args:
        return names.get(expression, expression)
    parts = [_renamed(part, names) for part in expression.args]
    if all(new is old for new, old in zip(parts, expression.args)):
        return expression
    known = {"evaluate": False} if isinstance(expression, (sp.Add, sp.Mul, sp.Pow, sp.Function)) else {}
    return expression.func(*parts, **known)


@lru_cache(maxsize=4096)
def _deciding(expression):
    """The letters that decide which terms there are: those in the limits of sums and products and in conditions of branches."""
    expression = spell_out(expression)
    limits = [part for total in expression.atoms(sp.Sum, sp.Product) for _, *limits in total.limits for part in limits]
    conditions = [condition for branches in expression.atoms(sp.Piecewise) for _, condition in branches.args]
    return {book.K, book.n}.union(*(part.free_symbols for part in limits + conditions))


@lru_cache(maxsize=4096)
def _compile(expression, sizes, integers):
    """Compile for given array sizes and lengths: the inputs it takes, the values, and the exponents inside them.

    There is one value for each number that the index with a tuple of numbers takes, or just one. An index that decides nothing
    stays an input: z_j is looked up and δ_jk decided when the values are there.
    """
    expression, integers, sizes = spell_out(expression), dict(integers), dict(sizes)
    running = {symbol: numbers for symbol, numbers in integers.items() if isinstance(numbers, tuple)}
    integers = {symbol: number for symbol, number in integers.items() if symbol not in running}
    lengths = [(b, *axis) for b, bounds in shapes(expression).items() for axis in zip(bounds, sizes.get(b, ()), strict=False)]
    summed = {entry.base for total in expression.atoms(sp.Sum, sp.Product) for entry in total.function.atoms(Indexed)}
    for base, bound, size in sorted(lengths, key=lambda length: (length[0] not in summed, length[1] == book.K - 1, length[2])):
        for symbol in bound.free_symbols:  # K, or K - 1 where one entry less is read than there are classes
            implied = size + symbol - bound
            known = integers.setdefault(symbol, implied)
            step = base not in summed and size == known - 1  # read at j alone: it may have an entry for each step between classes
            if known != implied and not step and not (bound == book.K - 1 and size == known):
                raise ValueError(f"{base} has {size} entries where {bound} = {bound.subs(integers)}")
    expression = expression.subs(integers)
    for symbol, numbers in running.items():
        expression = sp.Tuple(*(expression.subs(symbol, number) for number in numbers))
    expression = unroll(expression if running else sp.Tuple(expression))
    places = sorted(expression.atoms(Indexed, sp.KroneckerDelta), key=str)
    # Dummies make lambdify rename every letter, slowly: they are for a letter that has the name of a function, or of an entry.
    clash = any(callable(getattr(mpmath, s.name, None)) or s.name.startswith("entry_") for s in expression.free_symbols)
    names = {place: (sp.Dummy if clash else sp.Symbol)(f"entry_{number}") for number, place in enumerate(places)}
    expression = _renamed(expression, names)
    scalars = sorted(expression.free_symbols - set(names.values()), key=str)
    arguments = [*names.values(), *scalars]
    exponents = [e.args[0] for e in expression.atoms(sp.exp, sp.cosh, sp.sinh, sp.tanh)]
    exponents += [e.args[0] ** 2 for e in expression.atoms(sp.erf, sp.erfc)]  # their tails are exp(-u²)
    if any(e.free_symbols - set(arguments) for e in exponents):  # they hold an integral's own variable
        raise ValueError(f"SymPy cannot carry out every integral of {expression}: compare a form in which it can")
    shared = not expression.has(sp.Piecewise)  # a branch that is not taken must not be computed: it may divide by zero
    value = sp.lambdify(arguments, list(expression), "mpmath", cse=shared, docstring_limit=0, dummify=clash)
    exponents = sp.lambdify(arguments, exponents, "mpmath", docstring_limit=0, dummify=clash) if exponents else lambda *_: []
    return [_reader(place) for place in places], scalars, value, exponents, len(expression)


def _reader(place):
    """A function of the values at a point that looks up what z_j or δ_jk is there."""
    delta = isinstance(place, sp.KroneckerDelta)
    indices, base = (place.args, None) if delta else (place.indices, place.base)
    fixed = [int(index) for index in indices] if all(index.is_Integer for index in indices) else None

    def read(values):
        at = fixed or [_number_of(index, values) for index in indices]
        if delta:
            return int(at[0] == at[1])
        if min(at) < 1:
            raise IndexError(f"{place} at {at}: entries are counted from 1")
        return reduce(_entry, at, values[base])

    return read


def _entry(array, number):
    return array[number - 1]


def _number_of(index, values):
    """The number that an index or a length stands for: `subs` takes a hundred times as long where it is a letter."""
    return int(values.get(index, index) if index.is_Atom else index.subs({s: values[s] for s in index.free_symbols}))


def _shape(array):
    return (len(array), *_shape(array[0])) if hasattr(array, "__len__") else ()


def exact(expression, values, digits=50):
    """The value of a formula at a point, correct to `digits` digits (or to 1e-400), as an mpmath number.

    `values` maps symbols to numbers and every IndexedBase to a sequence, whose length sets K (or n). Floats are taken
    exactly as they are. The working precision covers what exp() can cancel at this point, and the result counts once a
    second evaluation with more digits agrees. Outside the domain of the formula the value is nan. For an index with a
    sequence of numbers the values at each of them are returned as a list: what they share is computed once.
    """
    expression = sp.sympify(expression)
    sizes = tuple((base, _shape(array)) for base, array in values.items() if isinstance(base, sp.IndexedBase))
    deciding = _deciding(expression)
    integers = {s: tuple(v) if hasattr(v, "__len__") else int(v) for s, v in values.items() if s.is_integer}
    integers = tuple((s, v) for s, v in integers.items() if s in deciding or isinstance(v, tuple))
    readers, scalars, function, exponents, count = _compile(expression, sizes, integers)
    arguments = [_number(read(values)) for read in readers] + [_number(values[s]) for s in scalars]
    running = next(((symbol, numbers) for symbol, numbers in integers if isinstance(numbers, tuple)), None)
    magnitudes = [0.31 * abs(mpmath.mag(a)) for a in arguments if a and mpmath.isfinite(a)]
    with mpmath.workdps(15):
        magnitudes += [abs(e) / 2.3 for e in _attempt(exponents, arguments, default=[])]
    needed = 20 + digits + int(min(2 * max(magnitudes, default=0), MOST_DIGITS))
    precision = min(needed, 70 + digits + FLOOR)
    previous = None
    while precision <= 2 * (needed + FLOOR):  # far enough to tell a true zero, too
        with mpmath.workdps(precision):
            found = [_real(value) for value in _attempt(function, arguments, default=[mpmath.nan] * count)]
            if not all(map(mpmath.isfinite, found)):
                if precision >= needed and running is None:
                    return found[0]
                if precision >= needed:  # one undefined entry may have taken the others with it
                    symbol, numbers = running
                    return [exact(expression, values | {symbol: number}, digits) for number in numbers]
                precision = needed  # a pole or a logarithm of zero that only rounding made
                continue
            if previous is not None and all(_close(*pair, digits) for pair in zip(found, previous, strict=True)):
                return found if running else found[0]
        previous, precision = found, precision * 3 // 2
    raise ArithmeticError(f"{expression} does not settle to {digits} digits at {values}")


def _close(value, previous, digits):
    return abs(value - previous) <= max(abs(value) * _tenth(digits), _tenth(FLOOR))


@lru_cache
def _tenth(digits):
    with mpmath.workdps(15):
        return mpf(10) ** -digits


def settle(compute, arrays, digits=50):
    """`compute(numbers)` with mpmath, in more and more digits until `digits` of them stand still (or 400 after the point).

    `arrays` are numbers or nested lists of numbers; floats are taken exactly as they are.
    """
    previous = None
    for precision in (30 + digits, 500, 5_000, MOST_DIGITS):
        with mpmath.workdps(precision):
            value = _real(_attempt(compute, ([_numbers(array) for array in arrays],), default=mpmath.nan))
            if previous is not None and (value == previous or _close(value, previous, digits)):
                return value
        previous = value
    if mpmath.isnan(value):
        return value
    raise ArithmeticError(f"the oracle does not settle to {digits} digits at {arrays}")


def _numbers(array):
    return [_numbers(part) for part in array] if hasattr(array, "__len__") else _number(array)


def _number(value):
    return value if isinstance(value, mpf) else mpf(value.item()) if isinstance(value, np.generic) else mpf(value)


def _attempt(function, arguments, default):
    try:
        return function(*arguments)
    except (ZeroDivisionError, ValueError, OverflowError):
        return default


def _real(value):
    return mpmath.nan if isinstance(value, mpmath.mpc) else mpf(value)


# --- points of a domain -------------------------------------------------------------------------------------------------


def unknowns(*expressions):
    """What the expressions depend on: {scalar: ()}, {vector: (K,)}, and {index: (K,)} for an index that runs to K."""
    expression = sp.Tuple(*map(spell_out, expressions))
    found, entries = shapes(expression), sorted(expression.atoms(Indexed), key=str)
    without_entries = expression.xreplace({entry: sp.Function("entry")(*entry.indices) for entry in entries})
    for s in sorted(without_entries.free_symbols, key=str):
        bounds = [bound for e in entries for position, bound in zip(e.indices, found[e.base], strict=True) if position == s]
        found[s] = () if not s.is_integer else tuple(bounds[:1]) or ((book.n,) if s in (book.i, book.m) else (book.K,))
    return found


def sample(symbols, given=(), rng=None, n=1):
    """`n` random points of the interior of the domain, each a dict for `exact`; the same points for the same seed.

    `symbols` are Symbols and IndexedBases, or the dict that `unknowns` returns. The domain is what the assumptions of the
    symbols and the conditions `given` say; `Eq(Sum(q[k], (k, 1, K)), 1)` puts q on the simplex and `Eq(symbol, ...)` fixes
    a symbol. K and n are 2, 3 or 5. In a fifth of the points, half of the values are very large, very small or at the edge.
    """
    return list(draws(symbols, given, rng, n))


def draws(symbols, given=(), rng=None, n=1):
    """The points of `sample`, each drawn when it is asked for."""
    rng = np.random.default_rng(0) if rng is None else rng
    if not isinstance(symbols, dict):
        symbols = {s: (book.K,) if isinstance(s, sp.IndexedBase) or s.is_integer else () for s in symbols}
    conditions = [part for condition in given for part in sp.And.make_args(sp.sympify(condition))]
    simplex = {c.lhs.function.base for c in conditions if isinstance(c, sp.Eq) and _is_total(c.lhs) and c.rhs == 1}
    fixed = {c.lhs: c.rhs for c in conditions if isinstance(c, sp.Eq) and c.lhs in symbols}
    single = {s: tuple(c for c in conditions if c.free_symbols == {s} and s not in fixed) for s in symbols}
    domains = {s: _domain(s, single[s]) for s in symbols if isinstance(s, sp.Symbol)}
    joint = [c for c in conditions if len(c.free_symbols) > 1 and not isinstance(c, sp.Eq)]
    found = 0
    for _ in range(1000 * n):
        if found == n:
            return
        point = _point(symbols, domains, simplex, rng)
        for s, value in fixed.items():
            point[s] = exact(value, point, digits=80)
        if all(_holds(condition, point) for condition in joint):
            found += 1
            yield point
    raise ValueError(f"no point found that satisfies {', '.join(map(str, given))}")


def _is_total(expression):
    """Whether the expression is a plain sum of all entries of a vector."""
    return isinstance(expression, sp.Sum) and isinstance(expression.function, Indexed)


@lru_cache(maxsize=4096)
def _domain(symbol, conditions=()):
    lower = 0 if symbol.is_nonnegative else -sp.oo
    upper = 0 if symbol.is_nonpositive else sp.oo
    return reduce(sp.Intersection, [c.as_set() for c in conditions], sp.Interval.open(lower, upper))


def _holds(condition, point):
    return condition.func(*(sp.Float(exact(side, point), 50) for side in condition.args)) == True  # noqa: E712


def _point(symbols, domains, simplex, rng):
    size = {book.K: int(rng.choice([2, 3, 5])), book.n: int(rng.choice([2, 3, 5]))}
    length = {s: tuple(_number_of(bound, size) for bound in bounds) for s, bounds in symbols.items()}
    wild = rng.random() < 0.2
    point = {s: value for s, value in size.items() if s in symbols or any(s in bounds for bounds in symbols.values())}
    for s, shape in length.items():
        if s in size:
            continue
        if s in simplex:
            # multiples of 2^-30, so that the entries add up to exactly one
            parts = 1 + rng.multinomial(2**30 - shape[0], rng.dirichlet(np.ones(shape[0])))
            point[s] = [int(part) / 2**30 for part in parts]
        elif isinstance(s, sp.IndexedBase):
            domain = _domain(s[(1,) * len(shape)])
            point[s] = np.reshape([_draw(domain, rng, wild) for _ in range(int(np.prod(shape)))], shape).tolist()
        else:
            point[s] = int(rng.integers(1, shape[0] + 1)) if shape else _draw(domains[s], rng, wild)
    return point


def _draw(domain, rng, wild):
    if isinstance(domain, sp.FiniteSet):
        return float(rng.choice([float(value) for value in sorted(domain)]))
    if not isinstance(domain, sp.Interval):
        raise ValueError(f"cannot draw from {domain}")
    low, high = float(domain.start), float(domain.end)
    rare, side = wild and rng.random() < 0.5, rng.choice([-1, 1])
    if np.isfinite(high - low):
        step = (high - low) * (10 ** rng.uniform(-8, -1) if rare else rng.uniform(0.02, 0.98))
        return float(low + step if side > 0 else high - step)
    size = abs(2 * rng.normal()) if not rare else rng.choice([10 ** rng.uniform(-4, 3), rng.uniform(500, 1000)])
    size = float(size)
    return low + size if np.isfinite(low) else high - size if np.isfinite(high) else float(side * size)


# --- equality -----------------------------------------------------------------------------------------------------------


def equal(left, right, given=(), points=200, seed=0):
    """Whether two formulas (or matrices of formulas) are equal wherever the conditions `given` hold.

    Both sides are always compared at random points in 50 digits and must agree to 30; a symbolic proof raises the grade
    from "verified" to "proved". The witness of a difference is a point and the two values there.
    """
    left, right = sp.sympify(left), sp.sympify(right)
    if getattr(left, "shape", ()) != getattr(right, "shape", ()):
        return Result(False, "verified", message="the two sides have different shapes")
    pairs = list(zip(left, right, strict=True)) if isinstance(left, sp.MatrixBase) else [(left, right)]
    symbols = unknowns(*(side for pair in pairs for side in pair), *given)
    tried, worst = 0, 0.0
    points = max(min(points, 50), points // len(pairs))
    domain = tuple(symbols.items()), tuple(given), seed, 2 * points if symbols else 1
    for number, point in enumerate(_points_of(domain)):
        try:
            for pair in pairs:
                found = [_value_at(side, domain, number, point) for side in pair]
                gap, size = abs(found[0] - found[1]), max(map(abs, found))
                if not gap <= size * mpf(10) ** -30 and not size <= mpf(10) ** -FLOOR:
                    witness = {"point": {str(s): v for s, v in point.items()}, "left": found[0], "right": found[1]}
                    return Result(False, "verified", tried + 1, float(gap / size), witness, _report(point, found))
                worst = max(worst, float(gap / size) if size else 0.0)
        except IndexError:
            continue  # the formula names a class that this K does not have
        tried += 1
        if tried == points:
            break
    if not tried:
        return Result(False, "verified", message="no point could be tried")
    if all(_proved(a, b, given) for a, b in pairs):
        return Result(True, "proved", tried, worst, message="proved")
    return Result(True, "verified", tried, worst, message=f"verified at {tried} points")


@lru_cache(maxsize=64)
def _drawn(symbols, given, seed, n):
    """The points of a domain that have been drawn, and where the next ones come from."""
    return [], draws(dict(symbols), given, np.random.default_rng(seed), n)


def _points_of(domain):
    """The points of a domain, drawn once for all that is compared in it."""
    drawn, more = _drawn(*domain)
    for number in itertools.count():
        if number == len(drawn):
            try:
                drawn.append(next(more))
            except StopIteration:
                return
            except BaseException:
                _drawn.cache_clear()  # where drawing broke off, it would look as if there were no more to draw
                raise
        yield drawn[number]


@lru_cache(maxsize=64)
def _known(expression, domain):
    """The values of an expression at the points of a domain, so far."""
    return {}


def _value_at(expression, domain, number, point):
    """The value at a point, computed once: a line of a derivation is the right side of one step and the left one of the next."""
    known = _known(expression, domain)
    if number not in known:
        known[number] = exact(expression, point)
    return known[number]


def _report(point, found):
    place = ", ".join(f"{s} = {_short(v)}" for s, v in point.items())
    return f"at {place} the left side is {mpmath.nstr(found[0], 15)} and the right side {mpmath.nstr(found[1], 15)}"


def _short(value):
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return str(value) if isinstance(value, int) else mpmath.nstr(mpf(value), 6)


# --- proof --------------------------------------------------------------------------------------------------------------


def _proved(left, right, given):
    """Whether a short symbolic route leads to left - right = 0.

    Bounded by the size of the expressions, not by time, so that every machine reaches the same grade. Works inside the
    domain: probabilities are taken as positive. Points are compared as well, so a proof never stands alone.
    """
    left, right = evaluate(left), evaluate(right)
    interior = {b: sp.IndexedBase(str(b), positive=True) for b in (left - right).atoms(sp.IndexedBase) if b.is_nonnegative}
    for s in (left - right).free_symbols:
        if isinstance(s, sp.Symbol) and (s.is_nonnegative or any(_implies_positive(c, s) for c in given)):
            interior[s] = sp.Symbol(s.name, positive=True, integer=s.is_integer)
    equalities = [(_tidy(c.lhs.xreplace(interior)), c.rhs.xreplace(interior)) for c in given if isinstance(c, sp.Eq)]
    forms = (left - right, spell_out(left) - spell_out(right))
    return any(_vanishes(_tidy(form.xreplace(interior)), equalities) for form in forms)


def _implies_positive(condition, symbol):
    return (isinstance(condition, (sp.Gt, sp.Ge)) and condition.lhs == symbol and condition.rhs.is_nonnegative) or (
        isinstance(condition, (sp.Lt, sp.Le)) and condition.rhs == symbol and condition.lhs.is_nonnegative
    )


def _tidy(expression):
    """Sums in one canonical form: split into terms, constants in front, deltas summed away, indices renamed."""
    return _rebuild(expression, lambda e: _tidy_sum(e) if isinstance(e, sp.Sum) else e)


def _tidy_sum(total):
    *inner, (index, lower, upper) = total.limits
    body = _tidy_sum(sp.Sum(total.function, *inner)) if inner else total.function
    depth = sum(isinstance(e, sp.Sum) for e in sp.preorder_traversal(body))
    dummy = sp.Symbol(f"_{depth}", integer=True, positive=True)
    result = sp.S.Zero
    for term in sp.Add.make_args(sp.expand(body.subs(index, dummy))):
        constant, varying = term.as_independent(dummy, as_Add=False)
        deltas = [f for f in sp.Mul.make_args(varying) if isinstance(f, sp.KroneckerDelta) and dummy in f.args]
        if deltas:
            (other,) = set(deltas[0].args) - {dummy}
            result += constant * (varying / deltas[0]).subs(dummy, other)
        elif varying == 1:
            result += constant * (upper - lower + 1)
        else:
            result += constant * sp.Sum(varying, (dummy, lower, upper))
    return result


def _vanishes(form, equalities, cases=3):
    form = form.subs(equalities)
    if sp.expand(form) == 0:
        return True
    if sp.count_ops(form) > 300:
        return False
    rational = _in_logarithms(form).subs(equalities)
    if _tidy(sp.expand(sp.fraction(sp.together(rational))[0])) == 0:
        return True
    return cases > 0 and _vanishes_by_cases(form, equalities, cases)


def _in_logarithms(form):
    """Rational in exp(u), with every logarithm split into logarithms of sums: log(1 - 1 / (1 + exp(-u))) = -log(1 + exp(u))."""
    form = sp.expand(form.rewrite((sp.tanh, sp.cosh, sp.sinh), sp.exp), power_base=False, log=False)
    bound = {s for total in form.atoms(sp.Sum, sp.Product) for s in total.variables}
    powers = {}

    def name(e):
        if not isinstance(e, sp.exp) or e.free_symbols & bound:
            return e
        count, exponent = e.args[0].as_coeff_Mul()
        count, exponent = (count, exponent) if count.is_Integer else (sp.S.One, e.args[0])
        return powers.setdefault(exponent, sp.Dummy("E", positive=True)) ** count

    form = _tidy(_rebuild(_rebuild(form, name), _split_logarithm))
    return form.xreplace({sp.log(dummy): exponent for exponent, dummy in powers.items()})


def _split_logarithm(e):
    if isinstance(e, sp.log) and isinstance(e.args[0], sp.Product):
        return sp.Sum(_split_logarithm(sp.log(e.args[0].function)), *e.args[0].limits)
    if not isinstance(e, sp.log):
        return e
    parts, rest = [], []
    for factor in sp.Mul.make_args(sp.factor_terms(sp.together(e.args[0]))):
        base, power = factor.as_base_exp()
        positive = base.is_positive or (isinstance(base, sp.Sum) and base.function.is_positive)
        (parts if positive and power.is_real else rest).append((base, power))
    return sp.Add(*(power * sp.log(base) for base, power in parts), sp.log(sp.Mul(*(base**power for base, power in rest))))


def _vanishes_by_cases(form, equalities, cases):
    """Split on the sign of one quantity that decides an absolute value, a maximum or a branch: +t, -t and 0 with t > 0."""
    kinks = {sp.expand(sign * step.args[0]) for step in form.atoms(sp.Heaviside) for sign in (1, -1)}  # no derivative there
    form = _rebuild(form, _as_branches)
    conditions = {c.lhs - c.rhs for p in form.atoms(sp.Piecewise) for _, cond in p.args for c in cond.atoms(Relational)}
    for quantity in sorted(conditions, key=lambda q: (q.count_ops(), str(q))):
        for s in sorted(quantity.free_symbols, key=str):
            slope = quantity.diff(s)
            if slope.is_number and slope != 0 and not quantity.has(sp.Piecewise):
                t = sp.Dummy("t", positive=True)
                values = (t, -t) if sp.expand(quantity) in kinks else (t, -t, sp.S.Zero)
                parts = (form.subs(s, sp.expand(s + (value - quantity) / slope)) for value in values)
                return all(_vanishes(_decide(part), equalities, cases - 1) for part in parts)
    return False


def _as_branches(e):
    """Absolute values, signs, steps, maxima and minima as Piecewise."""
    if isinstance(e, sp.Abs):
        return sp.Piecewise((e.args[0], e.args[0] >= 0), (-e.args[0], True))
    if isinstance(e, (sp.sign, sp.Heaviside)):
        below, middle = (-1, 0) if isinstance(e, sp.sign) else (0, sp.Rational(1, 2))
        return sp.Piecewise((1, e.args[0] > 0), (below, e.args[0] < 0), (middle, True))
    if isinstance(e, MinMaxBase):
        better = sp.Ge if isinstance(e, sp.Max) else sp.Le
        return reduce(lambda a, b: sp.Piecewise((a, better(a, b)), (b, True)), e.args)
    return e


def _decide(form):
    """Settle the conditions whose sign is now evident."""
    signs = {}
    for condition in form.atoms(Relational):
        gap = sp.factor(sp.expand(condition.lhs - condition.rhs))
        settled = condition.func(gap, 0)
        signs[condition] = settled if settled in (sp.true, sp.false) else condition
    return form.xreplace(signs)
