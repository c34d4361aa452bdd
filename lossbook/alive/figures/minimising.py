"""What is found by minimising: a model that must be wrong, a way down a valley."""

import numpy as np

from ... import card
from .._figure import Figure, Mark, Panel, Slider, Value, curve
from ._parts import INK, circle, pairs, point


def two_modes():
    """A truth with two peaks and a model with one: the divergence in both directions."""
    grid, shares = (-10, 10, 401), (0.55, 0.45)
    means = np.linspace(-6, 6, 61).round(1).tolist()
    peaks = ["list", ["list", shares[0], ["mul", -0.5, "d"]], ["list", shares[1], ["mul", 0.5, "d"]]]

    def bell(share, place, width):
        """One peak of a density at x."""
        distance = ["mul", ["add", "x", ["mul", -1, place]], ["pow", width, -1]]
        return ["mul", share / np.sqrt(2 * np.pi), ["pow", width, -1], ["exp", ["mul", -0.5, ["pow", distance, 2]]]]

    def density(x, mean, width):
        nll = card("gaussian_nll").function
        return np.exp(-nll(np.full_like(x, mean), np.full_like(x, 2 * np.log(width)), x, reduction="none"))

    def truth(x, v):
        return sum(share * density(x, sign * v.d / 2, 1) for share, sign in zip(shares, (-1, 1)))

    def directions(v, means):
        kl = card("kl_divergence").function
        x = np.linspace(*grid)
        q = truth(x, v) / truth(x, v).sum()
        rows = []
        for mean in means:
            p = density(x, mean, v.width) / density(x, mean, v.width).sum()
            rows.append([kl(q[None], p[None]), kl(p[None], q[None])])
        return np.array(rows, float)

    def along(column):
        return ["each", ["list", ["at", "means", "i"], ["at", ["at", "all", "i"], column]], "i", 61]

    values = (
        Value("peaks", peaks, lambda v: [[shares[0], -v.d / 2], [shares[1], v.d / 2]]),
        curve("q_curve", ["add", *(bell(share, place, 1) for _, share, place in peaks[1:])], truth, (-6, 6)),
        curve("p_curve", bell(1, "mean", "width"), lambda x, v: density(x, v.mean, v.width), (-6, 6)),
        Value("all", ["two_directions", "peaks", "means", "width", ["list", *grid]], lambda v: directions(v, v.means)),
        Value("here", ["two_directions", "peaks", ["list", "mean"], "width", ["list", *grid]], lambda v: directions(v, [v.mean])),
        Value("forward", ["at", ["at", "here", 1], 1], lambda v: v.here[0, 0]),
        Value("reverse", ["at", ["at", "here", 1], 2], lambda v: v.here[0, 1]),
        Value("forward_curve", along(1), lambda v: pairs(v.means, v.all[:, 0])),
        Value("reverse_curve", along(2), lambda v: pairs(v.means, v.all[:, 1])),
        point("forward_dot", "mean", "forward"),
        point("reverse_dot", "mean", "reverse"),
    )
    return Figure(
        alt="""Above, the density q of a truth with two peaks and that of a model p with one; below, the divergences of the two
        in both directions against the mean of the model. Sliders set its mean and its width and the distance of the
        peaks. With a narrow model and distant peaks the reverse divergence has two valleys, one at each peak, and the
        forward one a single valley between.""",
        says="Model at {mean:1} with width {width:1}: forward KL(q‖p) = {forward:3}, reverse KL(p‖q) = {reverse:3}.",
        sliders=(
            Slider("mean", "mean of the model", (-6, 6), 0.1, 2.5),
            Slider("width", "width of the model", (0.5, 4), 0.1, 1.0),
            Slider("d", "distance of the peaks", (0, 8), 0.1, 5.0),
        ),
        values=values,
        rows=(
            (
                Panel(
                    (-6, 6),
                    (0, 0.6),
                    (Mark("line", "q_curve", INK, "truth q"), Mark("line", "p_curve", 0, "model p", dash=1)),
                    title="density",
                    height=110,
                ),
            ),
            (
                Panel(
                    (-6, 6),
                    (0, 8),
                    (
                        Mark("line", "forward_curve", 1, "forward"),
                        Mark("line", "reverse_curve", 2, "reverse", dash=1),
                        Mark("dots", "forward_dot", 1, size=5.5),
                        Mark("dots", "reverse_dot", 2, size=5.5),
                    ),
                    title="divergence",
                    xlabel="mean of the model",
                    height=140,
                ),
            ),
        ),
        data={"means": means},
    )


START = (-4.0, 1.5)
WALKERS = {"gradient descent": "gradient_descent", "momentum": "heavy_ball", "Adam": "adam"}


def _walk(kind, v):
    """The same walk with torch's optimiser."""
    import torch

    point = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    make = {
        "gradient_descent": lambda: torch.optim.SGD([point], lr=v.rate),
        "heavy_ball": lambda: torch.optim.SGD([point], lr=v.rate, momentum=v.momentum),
        "adam": lambda: torch.optim.Adam([point], lr=v.rate, betas=(v.momentum, 0.999)),
    }
    optimiser, path = make[kind](), [list(START)]
    scale = torch.tensor([1.0, float(v.steep)], dtype=torch.float64)
    for _ in range(int(v.steps)):
        optimiser.zero_grad()
        point.grad = scale * point.detach()
        optimiser.step()
        path.append(point.tolist())
    return np.array(path)


def _height(point, steep):
    """Half the squared error of two predictions, the second one in larger units."""
    return card("squared_error").function(point * np.sqrt([1.0, steep]), np.zeros(2), reduction="sum") / 2


def valley():
    """A quadratic valley and three optimisers that walk down."""
    values = []
    for i, level in enumerate((0.4, 2, 5, 10, 18)):
        radius = (2 * level) ** 0.5
        values.append(
            Value(
                f"level{i}",
                [
                    "locus",
                    ["mul", radius, ["cos", "t"]],
                    ["mul", radius, ["sin", "t"], ["pow", "steep", -0.5]],
                    "t",
                    0,
                    2 * np.pi,
                    73,
                ],
                lambda v, radius=radius: circle(73) * [radius, radius * v.steep**-0.5],
            )
        )
    for i, kind in enumerate(WALKERS.values()):
        arguments = ["list", *START], "steep", "rate", "momentum", "steps"
        end = ["at", kind, ["size", kind]]
        height = ["add", ["mul", 0.5, ["pow", ["at", end, 1], 2]], ["mul", 0.5, "steep", ["pow", ["at", end, 2], 2]]]
        values += [
            Value(kind, [kind, *arguments], lambda v, kind=kind: _walk(kind, v)),
            Value(f"end{i}", ["list", end], lambda v, kind=kind: getattr(v, kind)[-1:]),
            Value(f"loss{i}", height, lambda v, kind=kind: _height(getattr(v, kind)[-1], v.steep)),
        ]
    marks = [Mark("line", f"level{i}", INK, width=0.7) for i in range(5)]
    for i, (label, kind) in enumerate(WALKERS.items()):
        marks += [Mark("line", kind, i, label, width=1.6, dash=i), Mark("dots", f"end{i}", i, size=5)]
    return Figure(
        alt="""Level lines of a quadratic valley and the paths of gradient descent, momentum and Adam from the same start.
        Sliders set the learning rate, the momentum, the condition number and the number of steps; a button runs the
        steps. When the rate exceeds 2 divided by the condition number, gradient descent leaves the valley.""",
        says="After {steps} steps the loss is {loss0:3} (gradient descent), {loss1:3} (momentum), {loss2:3} (Adam).",
        sliders=(
            Slider("steps", "steps", (0, 60), 1, 20, play=True),
            Slider("rate", "learning rate", (0.01, 0.5), 0.01, 0.15),
            Slider("momentum", "momentum β", (0, 0.98), 0.02, 0.8),
            Slider("steep", "condition number κ", (1, 30), 1, 12),
        ),
        values=tuple(values),
        rows=((Panel((-5, 5), (-3, 3), tuple(marks), height=220),),),
    )
