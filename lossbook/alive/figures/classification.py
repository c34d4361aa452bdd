"""Classification: margins, the softmax, focusing, smoothing, temperature, wrong labels."""

import numpy as np

from ... import card
from .._figure import Figure, Mark, Panel, Slider, Value, curve
from ._parts import INK, constant, formula, losses_and_slopes, pairs, point, softmax

ROOT = 3**0.5 / 2
EDGE = [[0, 0], [1, 0], [0.5, ROOT], [0, 0]]


def _flat(p):
    """Three probabilities as a point of the triangle: class 1 at the top, 2 and 3 below."""
    return ["add", ["mul", 0.5, p[0]], p[2]], ["mul", ROOT, p[0]]


def _flat_truth(p):
    p = np.asarray(p, float)
    return p[..., 0] / 2 + p[..., 2], ROOT * p[..., 0]


def _ce_gradient(z, label):
    z = np.atleast_2d(z)
    return card("softmax_cross_entropy").gradient(z, np.full(len(z), int(label) - 1), label_smoothing=0.0)


def simplex():
    """Three logits, the softmax, the loss, and where a step of gradient descent takes the probabilities."""
    logits = ["list", "z1", "z2", "z3"]
    target = ["each", ["if", ["eq", "k", "label"], 1, 0], "k", 3]
    names = {"logits": "z", "labels": "q", "label_smoothing": 0, "K": 3}
    grid = [[a / 10, b / 10, (10 - a - b) / 10] for a in range(1, 9, 2) for b in range(1, 10 - a, 2)]

    def step(z, gradient):
        return [["softmax", ["list", *(["add", z[k], ["mul", -1, gradient[k]]] for k in range(3))], k + 1] for k in range(3)]

    here = [["softmax", "z", k] for k in (1, 2, 3)]
    slope = [["at", "gradient", k] for k in (1, 2, 3)]
    gradient = [formula("softmax_cross_entropy", names | {"j": k}, "gradient") for k in (1, 2, 3)]
    cell = [["at", ["at", "grid", "i"], k] for k in (1, 2, 3)]
    # The logarithms of probabilities are logits; a seventh of the step against the gradient, drawn as it is.
    there = ["let", "z", ["list", *(["log", p] for p in cell)], ["list", *gradient]]
    end = [["add", cell[k], ["mul", -1 / 7, ["at", "pull", k + 1]]] for k in range(3)]

    def z(v):
        return np.array([v.z1, v.z2, v.z3], float)

    def field(v):
        p = np.array(v.grid, float)
        end = p - _ce_gradient(np.log(p), v.label) / 7
        return pairs(*_flat_truth(p), *_flat_truth(end))

    values = (
        Value("z", logits, z),
        Value("q", target, lambda v: np.eye(3)[int(v.label) - 1]),
        Value("p", ["list", *here], lambda v: softmax(v.z)),
        Value(
            "loss",
            formula("softmax_cross_entropy", names),
            lambda v: card("softmax_cross_entropy").function(v.z[None], np.array([int(v.label) - 1])),
        ),
        Value(
            "gradient",
            ["list", *gradient],
            lambda v: _ce_gradient(v.z, v.label)[0],
        ),
        *(Value(f"p{k}", ["at", "p", k], lambda v, k=k: v.p[k - 1]) for k in (1, 2, 3)),
        *(Value(f"g{k}", ["at", "gradient", k], lambda v, k=k: v.gradient[k - 1]) for k in (1, 2, 3)),
        Value("dot", ["list", ["list", *_flat(here)]], lambda v: pairs(*_flat_truth(v.p))),
        Value(
            "arrow",
            ["list", ["list", *_flat(here), *_flat(step(["z1", "z2", "z3"], slope))]],
            lambda v: pairs(*_flat_truth(v.p), *_flat_truth(softmax(v.z - v.gradient))),
        ),
        Value("field", ["each", ["let", "pull", there, ["list", *_flat(cell), *_flat(end)]], "i", ["size", "grid"]], field),
        Value(
            "p_bars",
            ["each", ["list", ["add", "k", -0.17], ["at", "p", "k"]], "k", 3],
            lambda v: pairs(np.arange(1, 4) - 0.17, v.p),
        ),
        Value(
            "g_bars",
            ["each", ["list", ["add", "k", 0.17], ["at", "gradient", "k"]], "k", 3],
            lambda v: pairs(np.arange(1, 4) + 0.17, v.gradient),
        ),
        *(
            Value(f"corner{k}", ["list", x, y], constant([x, y]))
            for k, (x, y) in enumerate([(0.5, ROOT + 0.04), (0, -0.1), (1, -0.1)], start=1)
        ),
        Value("edge", ["list", *(["list", x, y] for x, y in EDGE)], constant(EDGE)),
    )
    triangle = (
        Mark("line", "edge", INK, width=1),
        Mark("arrows", "field", INK, size=5, width=1),
        Mark("dots", "dot", 0, "probabilities", size=6),
        Mark("arrows", "arrow", 1, "one step, rate 1", size=9, width=2.5),
        *(Mark("text", f"corner{k}", text=f"{k}") for k in (1, 2, 3)),
    )
    bars = (Mark("bars", "p_bars", 0, "probability", size=9), Mark("bars", "g_bars", 1, "gradient", size=9, opacity=0.5))
    return Figure(
        alt="""A triangle whose corners are three classes. Small arrows, against the gradient of the cross-entropy, all point
        straight at the corner of the label; a point shows the softmax of three logits, a large arrow where one step of
        gradient descent takes it. Beside it bars of the probabilities and of the gradient, probability minus label.""",
        says="Probabilities {p1:3}, {p2:3}, {p3:3}; label {label}: the loss is {loss:3} and the gradient {g1:3}, {g2:3}, {g3:3}.",
        sliders=(
            *(Slider(f"z{k}", f"logit of class {k}", (-4, 4), 0.1, value) for k, value in ((1, -1.0), (2, 1.5), (3, 0.0))),
            Slider("label", "class of the label", (1, 3), 1, 1),
        ),
        values=values,
        rows=(
            (
                Panel((-0.08, 1.08), (-0.16, 1.0), triangle, height=188, axes=False),
                Panel((0.5, 3.5), (-1, 1), bars, height=200, xticks={1: "1", 2: "2", 3: "3"}),
            ),
        ),
        data={"grid": grid},
    )


def margins():
    """Hinge, squared hinge, cross-entropy and exponential loss against the margin."""
    probe = Slider("m", "margin", (-2, 4), 0.1, 0.5)
    values, rows = losses_and_slopes(
        {
            "hinge": ("hinge", 1, {}),
            "squared hinge": ("squared_hinge", 1, {}),
            "cross-entropy": ("sigmoid_cross_entropy", 1, {"pos_weight": 1}),
            "exponential": ("exponential", 1, {}),
        },
        probe,
        ylim=(0, 5),
        slopes=(-5, 0.5),
        xlabel="margin",
    )
    return Figure(
        alt="""Hinge, squared hinge, cross-entropy and exponential loss against the margin, their derivatives below, and a
        point on each at the margin that a slider sets. From margin 1 on both hinges and their derivatives are zero; the
        other two never are.""",
        says="At margin {m:1} the losses are {loss_0:3} (hinge), {loss_1:3} (squared hinge), {loss_2:3} (cross-entropy) and "
        "{loss_3:3} (exponential); the derivatives are {slope_0:3}, {slope_1:3}, {slope_2:3} and {slope_3:3}.",
        sliders=(probe,),
        values=values,
        rows=rows,
    )


def focal():
    """The focal loss of a positive against its logit."""
    gamma = Slider("gamma", "focusing γ", (0.1, 5), 0.1, 2.0)
    probe = Slider("z", "logit", (-5, 5), 0.1, 1.0)
    values, rows = losses_and_slopes(
        {
            "cross-entropy": ("sigmoid_cross_entropy", 1, {"pos_weight": 1}),
            "focal": ("sigmoid_focal", 1, {"gamma": "gamma"}),
        },
        probe,
        ylim=(0, 5),
        slopes=(-1.6, 0.2),
        xlabel="logit of a positive",
    )
    ratio = Value("ratio", ["mul", "slope_1", ["pow", "slope_0", -1]], lambda v: v.slope_1 / v.slope_0)
    chance = Value("p", ["sigmoid", "z"], lambda v: 1 / (1 + np.exp(-v.z)))
    return Figure(
        alt="""Cross-entropy and focal loss of a positive against its logit, their derivatives below. Sliders set the focusing
        parameter and the logit. With more focusing the focal loss of a well classified example falls towards zero
        sooner, and for some wrong ones its derivative is the steeper of the two.""",
        says="A positive that the model gives the probability {p:3}: cross-entropy {loss_0:3}, focal {loss_1:3}. "
        "The focal loss pulls {ratio:3} times as hard.",
        sliders=(gamma, probe),
        values=(*values, ratio, chance),
        rows=rows,
    )


def smoothing():
    """The smoothed cross-entropy against how far the logit of the true class is ahead of the others."""

    def at(gap, part="formula"):
        names = {"logits": "z", "labels": "q", "label_smoothing": "epsilon", "K": "K"}
        body = formula("softmax_cross_entropy", names | ({"j": 1} if part == "gradient" else {}), part)
        return ["let", "z", ["each", ["if", ["eq", "k", 1], gap, 0], "k", "K"], body]

    def logits(gap, v):
        gap = np.atleast_1d(np.asarray(gap, float))
        return np.concatenate([gap[:, None], np.zeros((len(gap), int(v.K) - 1))], axis=1), np.zeros(len(gap), int)

    def value(gap, v):
        return card("softmax_cross_entropy").function(*logits(gap, v), label_smoothing=v.epsilon, reduction="none")

    def slope(gap, v):
        return card("softmax_cross_entropy").gradient(*logits(gap, v), label_smoothing=v.epsilon)[:, 0]

    def best(v):
        from scipy.optimize import brentq

        return brentq(lambda gap: slope(gap, v)[0], 0, 40, xtol=1e-13)

    rest = ["mul", "epsilon", ["pow", "K", -1]]
    values = (
        Value("best", ["log", ["mul", ["add", 1, ["mul", -1, "epsilon"], rest], ["pow", rest, -1]]], best),
        Value("q", ["each", ["if", ["eq", "k", 1], 1, 0], "k", "K"], lambda v: np.eye(int(v.K))[0]),
        curve("curve", at("x"), value, (-2, 12), points=85),
        curve("slope_curve", at("x", "gradient"), slope, (-2, 12), points=85),
        Value("loss", at("gap"), lambda v: value(v.gap, v)[0]),
        Value("slope", at("gap", "gradient"), lambda v: slope(v.gap, v)[0]),
        Value("least", at("best"), lambda v: value(v.best, v)[0]),
        Value(
            "p",
            ["sigmoid", ["add", "best", ["mul", -1, ["log", ["add", "K", -1]]]]],
            lambda v: softmax(logits(v.best, v)[0])[0, 0],
        ),
        point("dot", "gap", "loss"),
        point("slope_dot", "gap", "slope"),
        point("best_dot", "best", "least"),
        Value("zero_dot", ["list", ["list", "best", 0]], lambda v: [[v.best, 0]]),
    )
    return Figure(
        alt="""The smoothed cross-entropy against the gap, how far the logit of the true class is ahead of the others, and its
        derivative below. Sliders set the smoothing, the number of classes and the gap. Beyond the best gap the loss
        rises again, and the more smoothing, the nearer that gap is.""",
        says="With ε = {epsilon:2} and {K} classes the best gap is {best:2}: a probability of {p:3}. "
        "At a gap of {gap:1} the loss is {loss:3} and its derivative {slope:3}.",
        sliders=(
            Slider("epsilon", "smoothing ε", (0.01, 0.6), 0.01, 0.1),
            Slider("K", "classes", (2, 20), 1, 10),
            Slider("gap", "gap", (-2, 12), 0.1, 8.0),
        ),
        values=values,
        rows=(
            (
                Panel(
                    (-2, 12),
                    (0, 5),
                    (
                        Mark("line", "curve", 0, "smoothed cross-entropy"),
                        Mark("dots", "best_dot", 1, "least"),
                        Mark("dots", "dot", 0, size=5.5),
                    ),
                    height=160,
                ),
            ),
            (
                Panel(
                    (-2, 12),
                    (-1, 0.6),
                    (Mark("line", "slope_curve", 0), Mark("dots", "zero_dot", 1), Mark("dots", "slope_dot", 0, size=5.5)),
                    title="its derivative",
                    xlabel="gap: logit of the true class − the others",
                    height=110,
                ),
            ),
        ),
    )


def _boaster():
    """Logits of a model that is two and a half times too sure, and what happened."""
    rng = np.random.default_rng(8)
    truth = 1.4 * rng.standard_normal(240)
    outcomes = rng.random(240) < 1 / (1 + np.exp(-truth))
    return (2.5 * truth).round(2).tolist(), outcomes.astype(int).tolist()


def temperature():
    """A reliability diagram and the cross-entropy against the temperature."""
    logits, outcomes = _boaster()

    def mean(temperature):
        scaled = ["mul", ["at", "logits", "i"], ["pow", temperature, -1]]
        one = formula("sigmoid_cross_entropy", {"logit": scaled, "target": ["at", "outcomes", "i"], "pos_weight": 1})
        return ["mul", ["sum", one, "i", 240], 1 / 240]

    def value(temperature, v):
        z, y = np.array(v.logits), np.array(v.outcomes)
        return np.array([card("sigmoid_cross_entropy").function(z / t, y) for t in np.atleast_1d(temperature)])

    def bins(v):
        from ...plot import reliability_bins

        return pairs(*reliability_bins(v.p, v.outcomes))

    def gap(v):
        confidence, frequency, count = np.asarray(v.bins).T
        return (np.abs(confidence - frequency) * count).sum() / 240

    def part(k):
        return ["at", ["at", "bins", "i"], k]

    size = ["add", 2, ["pow", part(3), 0.5]]
    values = (
        Value(
            "p",
            ["each", ["sigmoid", ["mul", ["at", "logits", "i"], ["pow", "T", -1]]], "i", 240],
            lambda v: 1 / (1 + np.exp(-np.array(v.logits) / v.T)),
        ),
        Value("bins", ["reliability", "p", "outcomes", 10], bins),
        Value(
            "gap",
            ["mul", ["sum", ["mul", part(3), ["abs", ["add", part(1), ["mul", -1, part(2)]]]], "i", ["size", "bins"]], 1 / 240],
            gap,
        ),
        Value(
            "bubbles",
            ["each", ["list", part(1), part(2), size], "i", ["size", "bins"]],
            lambda v: pairs(v.bins[:, 0], v.bins[:, 1], 2 + np.sqrt(v.bins[:, 2])),
        ),
        Value("diagonal", ["list", ["list", 0, 0], ["list", 1, 1]], constant([[0, 0], [1, 1]])),
        curve("curve", mean("x"), value, (0.5, 6), points=45),
        Value("loss", mean("T"), lambda v: value(v.T, v)[0]),
        point("dot", "T", "loss"),
    )
    return Figure(
        alt="""A reliability diagram of 240 predictions in ten bins, larger dots for bins with more predictions, and beside it
        the cross-entropy against the temperature by which a slider divides the logits. At temperature 1 the model is
        too sure and the dots lie flatter than the diagonal; near 2.5 they follow it and the cross-entropy is least;
        beyond, it is too modest.""",
        says="Temperature {T:1}: cross-entropy {loss:3}; on average {gap:3} between the stated probability and the frequency.",
        sliders=(Slider("T", "temperature", (0.5, 6), 0.1, 1.0),),
        values=values,
        rows=(
            (
                Panel(
                    (-0.04, 1.04),
                    (-0.04, 1.04),
                    (Mark("line", "diagonal", INK, width=1, dash=2), Mark("bubbles", "bubbles", 0, opacity=0.5)),
                    title="frequency of the event",
                    xlabel="stated probability",
                    height=165,
                ),
                Panel(
                    (0.5, 6),
                    (0.4, 1.0),
                    (Mark("line", "curve", 0), Mark("dots", "dot", 0, size=5.5)),
                    title="cross-entropy",
                    xlabel="temperature",
                    height=165,
                ),
            ),
        ),
        data={"logits": logits, "outcomes": outcomes},
    )


def noisy_labels():
    """The expected loss of a stated probability when some labels are wrong: cross-entropy and the generalised one."""

    def two(p):
        return ["list", ["log", ["mul", p, ["pow", ["add", 1, ["mul", -1, p]], -1]]], 0]

    def names(loss, p, label):
        more = {"label_smoothing": 0} if loss == "softmax_cross_entropy" else {"q": "q"}
        return {"logits": two(p), "labels": ["list", *[int(k == label) for k in (1, 2)]], "K": 2} | more

    def expected(loss, p):
        right, wrong = (formula(loss, names(loss, p, label)) for label in (1, 2))
        return ["add", ["mul", ["add", 1, ["mul", -1, "noise"]], right], ["mul", "noise", wrong]]

    def call(loss, what, p, label, v):
        p = np.atleast_1d(np.asarray(p, float))
        z, labels = pairs(np.log(p / (1 - p)), np.zeros(len(p))), np.full(len(p), label - 1)
        more = {} if loss == "softmax_cross_entropy" else {"q": v.q}
        if what == "gradient":
            return card(loss).gradient(z, labels, **more)[:, 0]
        return card(loss).function(z, labels, reduction="none", **more)

    def truth(loss):
        return lambda p, v: (1 - v.noise) * call(loss, "value", p, 1, v) + v.noise * call(loss, "value", p, 2, v)

    def best(loss):
        def where(v):
            from scipy.optimize import brentq

            def slope(u):
                p = 1 / (1 + np.exp(-u))
                return ((1 - v.noise) * call(loss, "gradient", p, 1, v) + v.noise * call(loss, "gradient", p, 2, v))[0]

            return 1 / (1 + np.exp(-brentq(slope, -1, 34, xtol=1e-14)))

        return where

    def pull(loss):
        return ["mul", -1, formula(loss, names(loss, "x", 1) | {"j": 1}, "gradient")]

    ce, gce = "softmax_cross_entropy", "generalized_cross_entropy"
    odds = ["mul", "noise", ["pow", ["add", 1, ["mul", -1, "noise"]], -1]]
    power = ["pow", ["add", 1, ["mul", -1, "q"]], -1]
    limits = (0.005, 0.995)
    ticks = {k / 5: f"{k / 5:g}" for k in range(6)}
    values = (
        curve("ce_curve", expected(ce, "x"), truth(ce), limits),
        curve("gce_curve", expected(gce, "x"), truth(gce), limits),
        curve("ce_pull", pull(ce), lambda p, v: -call(ce, "gradient", p, 1, v), limits),
        curve("gce_pull", pull(gce), lambda p, v: -call(gce, "gradient", p, 1, v), limits),
        Value("ce_best", ["add", 1, ["mul", -1, "noise"]], best(ce)),
        Value("gce_best", ["pow", ["add", 1, ["pow", odds, power]], -1], best(gce)),
        Value("ce_least", expected(ce, "ce_best"), lambda v: truth(ce)(v.ce_best, v)[0]),
        Value("gce_least", expected(gce, "gce_best"), lambda v: truth(gce)(v.gce_best, v)[0]),
        point("ce_dot", "ce_best", "ce_least"),
        point("gce_dot", "gce_best", "gce_least"),
    )
    return Figure(
        alt="""The expected loss against the probability that a model states for the true class, when a share of the labels is
        wrong: cross-entropy and generalised cross-entropy with a dot at the least value of each; below, how hard an
        example pulls. Cross-entropy is least where the model repeats the noise, the generalised one nearer to certainty
        the larger q is.""",
        says="With a share {noise:2} of wrong labels cross-entropy asks for the probability {ce_best:3}, "
        "the generalised one with q = {q:2} for {gce_best:3}.",
        sliders=(
            Slider("noise", "share ε of wrong labels", (0.05, 0.45), 0.05, 0.3),
            Slider("q", "power q", (0.05, 0.9), 0.05, 0.7),
        ),
        values=values,
        rows=(
            (
                Panel(
                    (0, 1),
                    (0, 3),
                    (
                        Mark("line", "ce_curve", 1, "cross-entropy", dash=1),
                        Mark("line", "gce_curve", 0, "generalised"),
                        Mark("dots", "ce_dot", 1, size=5.5),
                        Mark("dots", "gce_dot", 0, size=5.5),
                    ),
                    title="expected loss",
                    height=150,
                    xticks=ticks,
                ),
            ),
            (
                Panel(
                    (0, 1),
                    (0, 1),
                    (Mark("line", "ce_pull", 1, dash=1), Mark("line", "gce_pull", 0)),
                    title="pull of an example on its logit",
                    xlabel="stated probability of its label",
                    height=110,
                    xticks=ticks,
                ),
            ),
        ),
    )
