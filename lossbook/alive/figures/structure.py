"""What is compared as a whole: embeddings, boxes, sequences."""

import numpy as np

from ... import card
from .._figure import Figure, Handle, Mark, Move, Panel, Slider, Value
from ._parts import INK, circle, constant, formula, pairs, softmax

OTHERS = (75, 130, 200, 290)  # degrees


def info_nce():
    """One query, its own key and five others on a circle: who is pushed away, against the temperature."""
    angles = ["list", "positive", "negative", *OTHERS]
    rest = ["pow", ["add", 1, ["mul", -1, "own"]], -1]  # shares are of the push on the negatives alone

    def turned(k):
        return ["mul", ["at", "angles", k], np.pi / 180]

    def place(k, radius):
        return ["list", ["mul", radius, ["cos", turned(k)]], ["mul", radius, ["sin", turned(k)]]]

    def tip(k):
        """Of the arrow that starts at key k, outwards, and is as long as the share of its negative."""
        return [["mul", coordinate, ["add", 1, ["mul", 0.6, ["at", "p", k], rest]]] for coordinate in place(k, 1)[1:]]

    def placed(v, radius=1.0):
        turn = np.radians(np.asarray(v.angles, float))
        return radius * pairs(np.cos(turn), np.sin(turn))

    def loss(v):
        # The other rows of the batch do not matter to this query.
        return card("info_nce").function(
            np.tile([1.0, 0.0], (6, 1)), placed(v), temperature=v.tau, symmetric=False, reduction="none"
        )[0]

    def shares(v):
        z = placed(v)[None, :, 0] / v.tau
        return card("softmax_cross_entropy").gradient(z, np.array([0]), label_smoothing=0.0)[0] + np.eye(6)[0]

    names = {"logits": "z", "labels": ["list", 1, 0, 0, 0, 0, 0], "label_smoothing": 0, "K": 6}
    values = (
        Value("angles", angles, lambda v: [v.positive, v.negative, *OTHERS]),
        Value("z", ["each", ["mul", ["cos", turned("k")], ["pow", "tau", -1]], "k", 6], lambda v: placed(v)[:, 0] / v.tau),
        Value("loss", formula("softmax_cross_entropy", names), loss),
        Value("p", ["each", ["softmax", "z", "k"], "k", 6], shares),
        Value("own", ["at", "p", 1], lambda v: v.p[0]),
        Value("hard", ["mul", ["at", "p", 2], rest], lambda v: v.p[1] / (1 - v.p[0])),
        Value("circle", ["locus", ["cos", "t"], ["sin", "t"], "t", 0, 2 * np.pi, 73], constant(circle(73))),
        Value("query", ["list", ["list", 0, 0, 1, 0]], constant([[0, 0, 1, 0]])),
        Value("key", ["list", place(1, 1)], lambda v: placed(v)[:1]),
        Value("others", ["list", *(place(k, 1) for k in range(2, 7))], lambda v: placed(v)[1:]),
        Value(
            "pushes",
            ["list", *(["list", *place(k, 1)[1:], *tip(k)] for k in range(2, 7))],
            lambda v: np.hstack([placed(v)[1:], placed(v)[1:] * (1 + 0.6 * v.p[1:, None] / (1 - v.p[0]))]),
        ),
        Value(
            "bars",
            ["each", ["list", "k", ["mul", ["at", "p", ["add", "k", 1]], rest]], "k", 5],
            lambda v: pairs(np.arange(1, 6), v.p[1:] / (1 - v.p[0])),
        ),
        *(Value(f"name{k}", place(k, 0.7), lambda v, k=k: placed(v, 0.7)[k - 1]) for k in range(1, 7)),
    )
    marks = (
        Mark("line", "circle", INK, width=1),
        Mark("arrows", "query", 0, "query", size=8),
        Mark("dots", "key", 0, "its key", size=6),
        Mark("dots", "others", 1, "others", size=5),
        Mark("arrows", "pushes", 1, size=7),
        *(Mark("text", f"name{k}", text=str(k - 1)) for k in range(2, 7)),
    )
    return Figure(
        alt="""A query and six keys on a circle: its own key, which two sliders move together with the nearest other one, and
        five others, each with an arrow as long as its share of the push; bars beside it show the shares. At a low
        temperature almost all of the push goes to the nearest, at a high one it is shared.""",
        says="At temperature {tau:2} the loss is {loss:3} and the query finds its key with probability {own:3}. "
        "Negative 1 takes {hard:3} of the push.",
        sliders=(
            Slider("tau", "temperature τ", (0.05, 1), 0.01, 0.2),
            Slider("positive", "angle of its key", (0, 90), 1, 25, "°"),
            Slider("negative", "angle of negative 1", (5, 120), 1, 45, "°"),
        ),
        values=values,
        rows=(
            (
                Panel((-1.75, 1.75), (-1.75, 1.75), marks, height=192, axes=False),
                Panel(
                    (0.4, 5.6),
                    (0, 1),
                    (Mark("bars", "bars", 1, size=10),),
                    title="share of the push",
                    xlabel="negative",
                    height=160,
                    xticks={k: str(k) for k in range(1, 6)},
                ),
            ),
        ),
    )


BOX_LOSSES = ("iou_loss", "giou_loss", "diou_loss", "ciou_loss")


def boxes():
    """Two boxes that can be dragged, and four losses of their overlap."""

    def box(x, y, width, height):
        def half(size):
            return ["mul", 0.5, size]

        def minus(size):
            return ["mul", -0.5, size]

        return ["list", ["add", x, minus(width)], ["add", y, minus(height)], ["add", x, half(width)], ["add", y, half(height)]]

    def truth(x, y, width, height):
        return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], float)

    values = (
        Value("pred", box("px", "py", "w", "h"), lambda v: truth(v.px, v.py, v.w, v.h)),
        Value("target", box("tx", "ty", 3, 2), lambda v: truth(v.tx, v.ty, 3, 2)),
        Value(
            "losses",
            ["box_losses", "pred", "target"],
            lambda v: [card(name).function(v.pred[None], v.target[None]) for name in BOX_LOSSES],
        ),
        Value("iou", ["add", 1, ["mul", -1, ["at", "losses", 1]]], lambda v: 1 - v.losses[0]),
        *(Value(name, ["at", "losses", k + 1], lambda v, k=k: v.losses[k]) for k, name in enumerate(BOX_LOSSES)),
        Value("bars", ["each", ["list", "k", ["at", "losses", "k"]], "k", 4], lambda v: pairs(np.arange(1, 5), v.losses)),
        Value("between", ["list", ["list", "px", "py", "tx", "ty"]], lambda v: [[v.px, v.py, v.tx, v.ty]]),
    )
    scene = (
        Mark("box", "target", 2, "target", dash=1),
        Mark("box", "pred", 0, "prediction"),
        Mark("arrows", "between", INK, size=0.1, width=1, dash=2),
    )
    ticks = {1: "IoU", 2: "GIoU", 3: "DIoU", 4: "CIoU"}

    def handle(label, x, y, at):
        moves = tuple(Move(name, along, (0.5, 9.5), 0.1, value, along) for name, along, value in zip((x, y), "xy", at))
        return Handle(label, (x, y), moves)

    return Figure(
        alt="""Two boxes that can be dragged, a prediction and a target, and bars of the IoU, GIoU, DIoU and CIoU loss of the
        pair. Apart, the IoU loss stays at 1 wherever the boxes are, while the other three grow with the distance.""",
        says="IoU {iou:3}. Losses: IoU {iou_loss:3}, GIoU {giou_loss:3}, DIoU {diou_loss:3}, CIoU {ciou_loss:3}.",
        sliders=(
            Slider("w", "width of the prediction", (0.5, 6), 0.1, 2.0),
            Slider("h", "height of the prediction", (0.5, 6), 0.1, 3.0),
        ),
        values=values,
        rows=(
            (
                Panel((0, 10), (0, 10), scene, height=190, xticks={}, yticks={}),
                Panel((0.4, 4.6), (0, 2), (Mark("bars", "bars", 0, size=13),), title="loss", height=190, xticks=ticks),
            ),
        ),
        handles=(handle("prediction", "px", "py", (2.6, 6.4)), handle("target", "tx", "ty", (6.6, 3.6))),
    )


WORD = (1, 2, 2)  # t o o; 0 is the blank
STEPS = 8


def _frames():
    """Logits of a network that has heard `too`, for the blank, t and o at each step."""
    rng = np.random.default_rng(3)
    likely = [0, 1, 1, 2, 2, 0, 2, 0]
    return (np.eye(3)[likely] + 0.3 * rng.standard_normal((STEPS, 3))).round(2).tolist()


def ctc_lattice():
    """The alignments that read as `too`: through which states they pass, and what the gradient makes of it."""
    states = [0, 1, 0, 2, 0, 2, 0]
    moves = [
        (s, r) for r in range(7) for s in (r, r - 1, r - 2) if s >= 0 and (s > r - 2 or (states[r] and states[r] != states[s]))
    ]
    ways = [[t, s, t + 1, r] for t in range(1, STEPS) for s, r in moves]

    def logits(v):
        shift = np.array([v.blank, 0, 0])
        return v.sharp * np.array(v.frames) + shift

    def arguments(v):
        return np.array(v.logits)[:, None], np.array([WORD])

    lengths = {"logit_lengths": np.array([STEPS]), "label_lengths": np.array([len(WORD)])}

    def visits(v):
        """One alignment after the other."""
        p = softmax(np.array(v.logits))
        table = np.zeros((STEPS, 7))

        def walk(path, chance):
            if len(path) == STEPS:
                if path[-1] >= 5:
                    table[np.arange(STEPS), path] += chance
                return
            for s, r in moves:
                if s == path[-1]:
                    walk([*path, r], chance * p[len(path), states[r]])

        for s in (0, 1):
            walk([s], p[0, states[s]])
        return table / table[0].sum()

    def posterior(v):
        gradient = card("ctc").gradient(*arguments(v), blank=0, **lengths)[:, 0]
        return softmax(np.array(v.logits)) - gradient

    def column(values):
        return pairs(np.arange(1, STEPS + 1), values)

    blanks = ["add", *(["at", ["at", "visits", "t"], s + 1] for s in range(0, 7, 2))]
    values = (
        Value(
            "logits",
            [
                "each",
                [
                    "each",
                    ["add", ["mul", "sharp", ["at", ["at", "frames", "t"], "k"]], ["if", ["eq", "k", 1], "blank", 0]],
                    "k",
                    3,
                ],
                "t",
                STEPS,
            ],
            logits,
        ),
        Value(
            "loss", ["ctc_loss", "logits", ["list", *WORD], 0], lambda v: card("ctc").function(*arguments(v), blank=0, **lengths)
        ),
        Value("visits", ["ctc_visits", "logits", ["list", *WORD], 0], visits),
        Value("chance", ["exp", ["mul", -1, "loss"]], lambda v: np.exp(-v.loss)),
        Value(
            "nodes",
            [
                "list",
                *(
                    ["list", t, s + 1, ["mul", 11, ["pow", ["at", ["at", "visits", t], s + 1], 0.5]]]
                    for t in range(1, STEPS + 1)
                    for s in range(7)
                ),
            ],
            lambda v: np.array([[t + 1, s + 1, 11 * v.visits[t, s] ** 0.5] for t in range(STEPS) for s in range(7)]),
        ),
        Value(
            "ways",
            ["each", ["list", *(["at", ["at", "edges", "i"], k] for k in (1, 2, 3, 4))], "i", ["size", "edges"]],
            constant([[t, s + 1, u, r + 1] for t, s, u, r in ways]),
        ),
        Value(
            "said",
            ["each", ["list", "t", ["softmax", ["at", "logits", "t"], 1]], "t", STEPS],
            lambda v: column(softmax(v.logits)[:, 0]),
        ),
        Value("wanted", ["each", ["list", "t", blanks], "t", STEPS], lambda v: column(posterior(v)[:, 0])),
        Value(
            "push",
            [
                "mul",
                ["sum", ["add", ["at", ["at", "said", "t"], 2], ["mul", -1, ["at", ["at", "wanted", "t"], 2]]], "t", STEPS],
                1,
            ],
            lambda v: card("ctc").gradient(*arguments(v), blank=0, **lengths)[:, 0, 0].sum(),
        ),
    )
    names = {s + 1: "–to"[k] for s, k in enumerate(states)}
    return Figure(
        alt="""A lattice of eight time steps and the seven states blank, t, blank, o, blank, o, blank: lines are the moves that
        are allowed, dots are larger where more of the alignments that read as too pass. Between the two o there is no
        move that leaves out the blank. Below, at each step, the probability that the network states for the blank and
        the one that the alignments ask for.""",
        says="P(too) = {chance:4}, loss {loss:3}. The gradient on the blank's logits adds up to {push:3}.",
        sliders=(
            Slider("blank", "added to the logit of the blank", (-5, 5), 0.1, 0.0),
            Slider("sharp", "sharpness of the logits", (0, 5), 0.1, 2.0),
        ),
        values=values,
        rows=(
            (
                Panel(
                    (0.5, STEPS + 0.5),
                    (7.6, 0.4),
                    (Mark("arrows", "ways", INK, size=0.1, width=0.5), Mark("bubbles", "nodes", 0)),
                    height=180,
                    title="states on the way through the word",
                    xticks={t: str(t) for t in range(1, STEPS + 1)},
                    yticks=names,
                ),
            ),
            (
                Panel(
                    (0.5, STEPS + 0.5),
                    (0, 1),
                    (Mark("line", "said", 0, "stated"), Mark("line", "wanted", 1, "of the alignments", dash=1)),
                    title="probability of a blank",
                    xlabel="time step",
                    height=100,
                    xticks={t: str(t) for t in range(1, STEPS + 1)},
                ),
            ),
        ),
        data={"frames": _frames(), "edges": [[t, s + 1, u, r + 1] for t, s, u, r in ways]},
    )
