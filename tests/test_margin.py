"""What only the margin losses have: ties, margins, linear programmes, sparse probabilities. And errors for checks of logits."""

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy
import torch
from scipy.optimize import linprog

import lossbook
from lossbook import CARDS, card, check
from lossbook._symbols import K, Z, k, l, softmax, w
from lossbook.fenchel_young import _sparse
from lossbook.margin import TRUTH, _crammer_singer_costs, _weston_watkins_costs

ETA, HALF, PLAIN = check.ETA, sympy.Rational(1, 2), {"pos_weight": 1.0}
SHARES = [float(share) for share in TRUTH.split(",")]
FOCAL, UNSMOOTHED = {"gamma": 2.0}, {"label_smoothing": 0.0}


def hinge(*arrays):
    return CARDS["hinge"].function(*arrays, reduction="none")


def zeros(*arrays, **params):
    return np.zeros(len(arrays[0]))


FAILURES = [
    ("coincides", lambda: check.coincides("sparsemax", other=zeros, name="wrong")),
    ("coincides, a little off", lambda: check.coincides("hinge", other=lambda *a: hinge(*a) + 1e-9, name="wrong")),
    ("at_least, too high", lambda: check.at_least("hinge", reference=lambda z, y: zeros(z) + 0.01, name="wrong")),
    ("at_least, too loose", lambda: check.at_least("hinge", reference=lambda z, y: zeros(z) - 0.01, name="wrong")),
    ("zero_beyond, wider", lambda: check.zero_beyond("sparsemax", margin=0.5)),
    ("zero_beyond, narrower", lambda: check.zero_beyond("sparsemax", margin=1.5)),
    ("unbounded", lambda: check.unbounded("hinge", of="gradient")),
    ("unbounded value", lambda: check.unbounded("savage", of="value")),
    ("best_logit", lambda: check.best_logit("hinge", logit=2 * ETA - 1)),
    ("optimal_at", lambda: check.optimal_at("sigmoid_cross_entropy", eta=1 / (2 + w), probability=HALF)),
    ("invertible", lambda: check.invertible("perceptron")),
    ("misses", lambda: check.misses("sigmoid_focal", miss=0.1, params=FOCAL)),
    ("misses, no single optimum", lambda: check.misses("hinge", miss=0.5)),
    ("improper_between, where it is right", lambda: check.improper_between("sigmoid_focal", low=0.4, high=0.6, params=FOCAL)),
    ("improper_between, proper", lambda: check.improper_between("sigmoid_cross_entropy", low=0.1, high=0.11, params=PLAIN)),
    ("proper_through", lambda: check.proper_through("sparsemax", link=lambda z: np.exp(z) / np.exp(z).sum(), name="softmax")),
    ("least_value", lambda: check.least_value("softmax_cross_entropy", reference=lambda q: 0.0, name="0")),
    ("leads_by", lambda: check.leads_by("softmax_cross_entropy", gap=4, params={"label_smoothing": 0.1})),
    ("optimal_logits", lambda: check.optimal_logits("weston_watkins", q=TRUTH, logits="0, 0, 0", costs=_weston_watkins_costs)),
    (
        "optimal_logits, others too",
        lambda: check.optimal_logits("crammer_singer", q="0.5, 0.3, 0.2", logits="0, 0, 0", costs=_crammer_singer_costs),
    ),
    (
        "optimal_logits, other costs",
        lambda: check.optimal_logits("lee_lin_wahba", q=TRUTH, logits="0, 0, 0", costs=_crammer_singer_costs),
    ),
    ("psi_transform", lambda: check.psi_transform("exponential", psi=sympy.Symbol("theta", real=True) ** 2)),
    ("curves", lambda: curves(lambda: Z[k] ** 2)),
    ("curves, no sign to be seen", lambda: curves(lambda: check.V[k])),
    ("curves, twice too much", lambda: curves(lambda: 2 * (check.V[k] - mean()) ** 2)),
    ("curvature_bound, too small", lambda: check.curvature_bound("sigmoid_cross_entropy", bound=0.2, params=PLAIN)),
    ("curvature_bound, too loose", lambda: check.curvature_bound("softmax_cross_entropy", bound=1, params=UNSMOOTHED)),
    (
        "steeper, factor",
        lambda: check.steeper("sigmoid_focal", other="sigmoid_cross_entropy", factor=1.3, below=0.298, name="", params=FOCAL),
    ),
    (
        "steeper, place",
        lambda: check.steeper("sigmoid_focal", other="sigmoid_cross_entropy", factor=1.2247, below=0.31, name="", params=FOCAL),
    ),
    ("cooled", lambda: check.cooled("sigmoid_cross_entropy", reference=lambda z, y: np.abs(z), name="wrong", params=PLAIN)),
    ("limit_of", lambda: check.limit_of("perceptron", family=lambda t, z, y: np.abs(z) + t, name="wrong")),
    ("expands", lambda: check.expands("poly_cross_entropy", coefficients=(1, "1/2"))),
    ("at_init", lambda: check.at_init("crammer_singer")),
]


def mean():
    return sympy.Sum(softmax(Z, l) * check.V[l], (l, 1, K))


def curves(term):
    expression = sympy.Sum(softmax(Z, k) * term(), (k, 1, K))
    return check.curves("softmax_cross_entropy", expression=expression, name="wrong")


# --- multiclass hinge losses --------------------------------------------------------------------------------------------

RNG = np.random.default_rng(3)
LOGITS, INDICES, SOFT = 2 * RNG.standard_normal((40, 5)), RNG.integers(0, 5, 40), RNG.dirichlet(np.ones(5), 40)
HINGES = ["crammer_singer", "weston_watkins", "lee_lin_wahba"]
MULTICLASS = [*HINGES, "sparsemax"]


def value(name, *arrays, **options):
    return CARDS[name].function(*arrays, reduction="none", **options)


def by_definition(name, z, y):
    rivals = [j for j in range(len(z)) if j != y]
    if name == "crammer_singer":
        return max([0.0, *(1 + z[j] - z[y] for j in rivals)])
    if name == "weston_watkins":
        return sum(max(0.0, 1 + z[j] - z[y]) for j in rivals)
    return sum(max(0.0, z[j] - np.mean(z) + 1 / (len(z) - 1)) for j in rivals)


@pytest.mark.parametrize("name", HINGES)
def test_as_defined_and_linear_in_the_labels(name):
    costs = np.array([[by_definition(name, z, y) for y in range(5)] for z in LOGITS])
    np.testing.assert_allclose(value(name, LOGITS, INDICES), costs[np.arange(40), INDICES], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(value(name, LOGITS, SOFT), (SOFT * costs).sum(-1), rtol=1e-13)


@pytest.mark.parametrize("name", HINGES)
def test_the_gradient_at_a_kink_is_a_subgradient(name):
    """The loss lies above its tangents, also at logits full of ties and at the margin."""
    corners = RNG.integers(-2, 3, (300, 5)).astype(float)
    elsewhere, labels = corners + RNG.standard_normal((300, 5)), RNG.integers(0, 5, 300)
    rise = (CARDS[name].gradient(corners, labels) * (elsewhere - corners)).sum(-1)
    assert np.all(value(name, elsewhere, labels) >= value(name, corners, labels) + rise - 1e-12)


def test_two_classes_are_one_logit():
    pair, y = LOGITS[:, :2], INDICES % 2
    margin = pair[:, 1] - pair[:, 0]
    np.testing.assert_allclose(value("crammer_singer", pair, y), value("hinge", margin, y), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(value("weston_watkins", pair, y), value("hinge", margin, y), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(value("lee_lin_wahba", pair, y), value("hinge", margin / 2, y), rtol=1e-13, atol=1e-15)
    wrong = np.where(y == 1, -margin, margin)  # the binary form: 0, a parabola, a line
    parabola = np.where(wrong <= -1, 0.0, np.where(wrong >= 1, wrong, (1 + wrong) ** 2 / 4))
    np.testing.assert_allclose(value("sparsemax", pair, y), parabola, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", [*MULTICLASS, "fenchel_young"])
def test_one_class_costs_nothing(name):
    options = {"regularizer": 1.5} if name == "fenchel_young" else {}
    assert value(name, np.array([[7.0]]), np.array([0]), **options) == 0
    assert CARDS[name].gradient(np.array([[7.0]]), np.array([0]), **options) == 0


def test_centred_logits():
    """On logits that sum to 0 it is the paper's loss; the gradient does not leave that plane."""
    z = LOGITS - LOGITS.mean(-1, keepdims=True)
    paper = [sum(max(0.0, z_j + 1 / 4) for j, z_j in enumerate(row) if j != y) for row, y in zip(z, INDICES)]
    np.testing.assert_allclose(value("lee_lin_wahba", z, INDICES), paper, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(CARDS["lee_lin_wahba"].gradient(LOGITS, INDICES).sum(-1), 0, atol=1e-14)


@pytest.mark.parametrize("name, least", [("crammer_singer", 1.0), ("weston_watkins", 1.75), ("lee_lin_wahba", 0.9)])
def test_the_linear_programme(name, least):
    """The certificates on the Cards against a solver: the least expected loss, and that the stated logits reach it."""
    terms = []  # weight, and the affine pieces of which the largest counts: (coefficients of z, constant)
    for y, share in enumerate(SHARES):
        rivals, unit = [j for j in range(3) if j != y], np.eye(3)
        if name == "crammer_singer":
            terms.append((share, [(unit[j] - unit[y], float(j != y)) for j in range(3)]))
        if name == "weston_watkins":
            terms += [(share, [(unit[j] - unit[y], 1.0), (np.zeros(3), 0.0)]) for j in rivals]
        if name == "lee_lin_wahba":
            terms += [(share, [(unit[j] - 1 / 3, 0.5), (np.zeros(3), 0.0)]) for j in rivals]
    above = [np.r_[slope, -np.eye(len(terms))[i]] for i, (_, parts) in enumerate(terms) for slope, _ in parts]
    offset = [-constant for _, parts in terms for _, constant in parts]
    cost = [0, 0, 0, *(share for share, _ in terms)]
    found = linprog(cost, A_ub=above, b_ub=offset, bounds=[(None, None)] * len(cost)).fun
    assert found == pytest.approx(least, abs=1e-9)
    (claim,) = [c for c in card(name).claims if c.kind == "optimal_logits"]
    stated = {"crammer_singer": [0.0, 0, 0], "weston_watkins": [1 / 3, 1 / 3, -2 / 3], "lee_lin_wahba": [1, -0.5, -0.5]}[name]
    assert np.array(SHARES) @ value(name, np.tile(stated, (3, 1)), np.arange(3)) == pytest.approx(least, rel=1e-14)
    assert claim.check().grade == "proved"


@pytest.mark.parametrize("name", ["crammer_singer", "weston_watkins", "sparsemax", "fenchel_young"])
def test_infinite_logits(name):
    options = {"regularizer": 1.5} if name == "fenchel_young" else {}
    inf = torch.inf
    logits = torch.tensor([[0.5, -inf, 1.0], [inf, 0.0, 1.0], [-inf, 0.0, 1.0], [0.0, inf, 0.0]], dtype=torch.float64)
    logits.requires_grad_()
    values = value(name, logits, torch.tensor([0, 0, 0, 0]), **options)
    two = value(name, torch.tensor([[0.5, 1.0]], dtype=torch.float64), torch.tensor([0]), **options)
    assert values[0].item() == pytest.approx(two.item(), rel=1e-14)
    assert values.tolist()[1:] == [0, inf, inf]
    (gradient,) = torch.autograd.grad(values[0], logits)
    assert torch.isfinite(gradient[0]).all()
    assert gradient[0, 1] == 0


# --- sparse probabilities -----------------------------------------------------------------------------------------------


def test_sparsemax_is_the_projection():
    """The nearest point of the simplex: z - p is one number where p > 0, and z lies no higher than that number elsewhere."""
    for classes in (1, 2, 10, 1000):
        z = RNG.standard_normal((20, classes))
        p = _sparse(z)
        np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-13)
        tau = np.where(p > 0, z - p, -np.inf).max(-1, keepdims=True)
        np.testing.assert_allclose(p, np.maximum(z - tau, 0), atol=1e-13)
        assert (p == 0).any() or classes <= 2


def test_sparsemax_is_not_linear_in_the_labels():
    mixed = (SOFT * np.stack([value("sparsemax", LOGITS, np.full(40, y)) for y in range(5)], -1)).sum(-1)
    np.testing.assert_allclose(mixed - value("sparsemax", LOGITS, SOFT), (1 - (SOFT**2).sum(-1)) / 2, rtol=1e-12)


@pytest.mark.parametrize("name", ["sparsemax", "fenchel_young"])
def test_nothing_to_learn_where_the_target_is_the_prediction(name):
    for regularizer in ("shannon", 1.3, 1.5, "gini"):
        options = {"regularizer": regularizer} if name == "fenchel_young" else {}
        nothing = np.eye(5)[np.zeros(40, int)]
        p = CARDS[name].gradient(LOGITS, nothing, **options) + nothing
        np.testing.assert_allclose(value(name, LOGITS, p, **options), 0, atol=1e-14)
        np.testing.assert_allclose(CARDS[name].gradient(LOGITS, p, **options), 0, atol=1e-15)


@pytest.mark.parametrize("alpha", [1 + 1e-9, 1.05, 1.25, 4 / 3, 1.75, 1.99, 2 - 1e-9])
def test_any_alpha(alpha):
    """Value and gradient against the definition, the second derivative by autograd against a difference of it."""
    entmax = card("fenchel_young")
    for z, q in zip(LOGITS[:4, :4], [*np.eye(4)[:2], [0.25, 0.5, 0.25, 0.0], [0.125, 0.25, 0.5, 0.125]]):
        q = np.array(q)
        want = entmax.exactly([z, q], {"regularizer": alpha})
        assert float(value("fenchel_young", z, q, regularizer=alpha)) == pytest.approx(float(want), rel=1e-13, abs=1e-14)
        logits = torch.as_tensor(z).requires_grad_()
        loss = lossbook.fenchel_young(logits, torch.as_tensor(q), regularizer=alpha)
        (gradient,) = torch.autograd.grad(loss, logits, create_graph=True)
        (bend,) = torch.autograd.grad(gradient[0], logits)
        np.testing.assert_allclose(gradient.detach(), entmax.gradient(z, q, regularizer=alpha), atol=1e-12)
        with mpmath.workdps(60):
            step = mpmath.mpf(10) ** -12
            moved = ([mpmath.mpf(float(z[0])) + side, *z[1:]] for side in (step, 0, -step))
            above, here, below = (entmax.exactly([row, q], {"regularizer": alpha}, 60) for row in moved)
            assert float((above - below) / (2 * step)) == pytest.approx(gradient[0].item(), abs=1e-11)
            assert float((above - 2 * here + below) / step**2) == pytest.approx(bend[0].item(), rel=1e-6, abs=1e-9)


def test_many_classes():
    z, first = RNG.standard_normal((3, 20_000)), np.zeros((3, 20_000))
    first[:, 0] = 1.0
    for alpha in (1.1, 1.5, 1.9):
        p = CARDS["fenchel_young"].gradient(z, first, regularizer=alpha) + first
        np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-12)
        assert p.min() >= 0


def test_names_and_numbers_agree():
    for name, alpha in (("shannon", 1), ("gini", 2)):
        np.testing.assert_array_equal(*[value("fenchel_young", LOGITS, SOFT, regularizer=r) for r in (name, alpha)])
    entropy = -(SOFT * np.log(SOFT)).sum(-1)
    want = lossbook.softmax_cross_entropy(LOGITS, SOFT, reduction="none") - entropy
    np.testing.assert_allclose(value("fenchel_young", LOGITS, SOFT, regularizer="shannon"), want, rtol=1e-12)


def test_a_regularizer_of_your_own():
    own = (lambda p: (p**2).sum(-1) / 2, _sparse)
    for library in (np.asarray, torch.as_tensor):
        arrays = library(LOGITS), library(SOFT)
        np.testing.assert_allclose(
            value("fenchel_young", *arrays, regularizer=own), value("sparsemax", *arrays), rtol=1e-12, atol=1e-14
        )
    np.testing.assert_array_equal(
        CARDS["fenchel_young"].gradient(LOGITS, SOFT, regularizer=own), CARDS["sparsemax"].gradient(LOGITS, SOFT)
    )
    logits = torch.as_tensor(LOGITS).requires_grad_()
    (slope,) = torch.autograd.grad(
        lossbook.fenchel_young(logits, torch.as_tensor(SOFT), regularizer=own, reduction="sum"), logits
    )
    np.testing.assert_allclose(slope, CARDS["sparsemax"].gradient(LOGITS, SOFT), atol=1e-14)


@pytest.mark.parametrize("wrong", ["entropy", 0.9, 2.1, float("nan"), True, None, (len,), (1, 2), [1.5]])
def test_a_wrong_regularizer_names_the_choices(wrong):
    with pytest.raises(ValueError, match=r"regularizer must be 'shannon', 'gini', a number alpha in \[1, 2\] or a pair"):
        lossbook.fenchel_young(LOGITS, INDICES, regularizer=wrong)


def test_a_false_certificate_is_noticed():
    """Twice the loss has the same minimiser and other costs; the programme must not be believed for it."""
    doubled = replace(card("crammer_singer"), function=lambda *a, **o: 2 * card("crammer_singer").function(*a, **o))
    assert not check.optimal_logits(doubled, q=TRUTH, logits="0, 0, 0", costs=_crammer_singer_costs)
