"""Contrastive losses: embeddings of what belongs together are drawn near each other, those of the rest are pushed apart.

Pairs and triplets compare rows (..., D) with each other. The other losses look at a whole batch (N, D), where the value of a row
depends on the other rows: the losses of parts of a batch do not add up to its loss, and the gradient here is that of the *sum*
of the values. Distances are Euclidean, and their slope at 0 is 0. Cosines are taken of the embeddings as they come: they need not
have length 1, but a zero vector has no direction and raises ValueError. Values based on cosines are in nats.

In `info_nce` and `siglip` a row of weight 0 is taken out of the batch, so that no other row meets it. torch.compile and vmap
cannot look at weights, so there a weight raises ValueError: leave such rows out beforehand. Where anchors without a value are
left out, these two work with the sum and the mean, without `weight`.
"""

import math

from ._card import Card, Twin, denies, describes, says
from ._loss import GROUPS, gradient_of, in_range, loss, require, zero_or_one
from ._xp import (
    absolute,
    clip,
    log_softmax,
    mul0,
    namespace,
    one_hot,
    positive_part,
    probability_error,
    sigmoid,
    softplus,
    sqrt,
    step,
    stop_gradient,
    sum_classes,
    unit,
    values_readable,
    where,
    without_autocast,
)


@loss(predictions=2, a=1, b=1, same=0)
def pair_contrastive(a, b, same, *, margin=1.0):
    """Contrastive loss of pairs: ½ d² where the two belong together (`same` = 1), ½ (margin - d)₊² where they do not (0).

    a, b: (..., D); same: (...), 0 or 1. d = ‖a - b‖ is the Euclidean distance; a negative pair at d = 0 has slope 0. Unit: that
    of d². Many libraries do not square. Source: Hadsell, Chopra and LeCun (2006).

    >>> import numpy as np
    >>> a, b = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([[0.3, 0.4], [0.3, 0.4]])
    >>> pair_contrastive(a, b, np.array([1, 0]), reduction="none").tolist()
    [0.125, 0.125]
    """
    in_range(margin=margin, low=0, closed="[")
    zero_or_one(same=same)
    apart = positive_part(margin - _length(a - b))
    return (mul0(same, sum_classes((a - b) ** 2)) + mul0(1 - same, apart**2)) / 2


@gradient_of(pair_contrastive)
def pair_contrastive_gradient(a, b, same, *, margin=1.0):
    difference, same = a - b, same[..., None]
    apart = positive_part(margin - _length(difference))[..., None]
    pull = same * difference - (1 - same) * apart * _direction(difference)
    return pull, -pull


@describes(pair_contrastive)
def _():
    from sympy import Piecewise

    from . import check
    from ._symbols import U, V, d, distance, j, y

    length = distance(U, V)
    near = Piecewise((d - length, length < d), (0, True))
    pull = (y - (1 - y) * Piecewise((near / length, length > 0), (0, True))) * (U[j] - V[j])
    return Card(
        pair_contrastive,
        symbols={"a": U, "b": V, "same": y, "margin": d},
        domain={"a": "embeddings", "b": "embeddings", "same": "{0, 1}", "margin": "[0, inf)"},
        formula=y * length**2 / 2 + (1 - y) * near**2 / 2,
        gradient=pair_contrastive_gradient,
        gradient_formula=(pull, -pull),
        convention="distances squared after the margin; slope 0 at distance 0",
        reference="hadsell2006",
        twins=[
            Twin(
                "torch.nn.functional.hinge_embedding_loss",
                _pair_torch,
                note="half the square of what it returns for the distances",
                reductions=("none",),
            ),
            Twin(
                "pytorch_metric_learning.losses.ContrastiveLoss",
                _pair_pml,
                note="half the squares of its values",
                reductions=("sum",),
                tensors=True,
            ),
        ],
        claims=[
            says(check.unchanged, "verified", when="all embeddings are turned and shifted alike", change=check.move),
            says(check.unchanged, "verified", when="the two embeddings trade places", change=lambda rng, a, b, y: (b, a, y)),
            says(
                check.identity,
                "proved",
                expression=(1 - y) * d**2 / 2,
                name="margin²/2 for a negative pair whose embeddings have collapsed to one point, and 0 for a positive one",
                where={U: V},
            ),
            says(check.keeps_the_centre, "verified"),
            says(check.idle, "verified", when="negative pairs further apart than the margin", idle=_far_apart),
            denies(check.convex, "proved", name="the embeddings", witness=_NEGATIVE),
        ],
        terms=1.0,  # at a distance close to the margin: the unit of the squared margin
        chapter="18_contrastive",
    )


@loss(predictions=3, anchor=1, positive=1, negative=1)
def triplet(anchor, positive, negative, *, margin=1.0, squared=False):
    """Triplet loss (d(a, p) - d(a, n) + margin)₊: the negative shall be further from the anchor than the positive, by a margin.

    anchor, positive, negative: (..., D). d is the Euclidean distance, or its square with `squared` (as in the paper); where two
    embeddings coincide their distance has slope 0. No eps is added: torch adds 1e-6 to each entry of the differences, optax to
    the sum of squares. The mean is over all triplets, also those that cost nothing.
    Source: Schroff, Kalenichenko and Philbin (2015).

    >>> import numpy as np
    >>> float(triplet(np.array([0.0, 0.0]), np.array([3.0, 4.0]), np.array([5.5, 0.0]), margin=1.0))
    0.5
    """
    in_range(margin=margin, low=0, closed="[")
    return positive_part(margin + _excess(anchor, positive, negative, squared))


@gradient_of(triplet)
def triplet_gradient(anchor, positive, negative, *, margin=1.0, squared=False):
    active = step(margin + _excess(anchor, positive, negative, squared))[..., None]
    near, far = anchor - positive, anchor - negative
    if squared:
        return active * 2 * (negative - positive), -active * 2 * near, active * 2 * far
    near, far = _direction(near), _direction(far)
    return active * (near - far), -active * near, active * far


@describes(triplet)
def _():
    from sympy import Piecewise

    from . import check
    from ._symbols import U, U_minus, U_plus, d, distance, j, squares

    def slope(length, other):
        return Piecewise(((1 + squares) * length ** (squares - 1), length > 0), (0, True)) * (U[j] - other[j])

    near, far = distance(U, U_plus), distance(U, U_minus)
    to_near, to_far = slope(near, U_plus), slope(far, U_minus)
    excess = d + near ** (1 + squares) - far ** (1 + squares)
    active = Piecewise((1, excess > 0), (0, True))
    return Card(
        triplet,
        symbols={"anchor": U, "positive": U_plus, "negative": U_minus, "margin": d, "squared": squares},
        domain={
            **dict.fromkeys(["anchor", "positive", "negative"], "embeddings"),
            "margin": "[0, inf)",
            "squared": "{True, False}",
        },
        formula=Piecewise((excess, excess > 0), (0, True)),
        gradient=triplet_gradient,
        gradient_formula=(active * (to_near - to_far), -active * to_near, active * to_far),
        convention="mean over all triplets; slope 0 at distance 0 and at the kink",
        reference="schroff2015",
        twins=[
            Twin(
                "torch.nn.functional.triplet_margin_loss",
                _triplet_torch,
                note="with the anchor moved by -1e-6: it adds eps = 1e-6 to each entry of the differences",
                at={"margin": 0.5, "squared": False},
            ),
            Twin(
                "optax.losses.triplet_margin_loss",
                _triplet_optax,
                note="with eps = 0; by default it takes the root of d² + 1e-6",
                reductions=("none",),
                at={"margin": 0.5, "squared": False},
            ),
            Twin(
                "pytorch_metric_learning.losses.TripletMarginLoss",
                _triplet_pml,
                note="with its mean over all triplets and embeddings as they are; by default it averages those above 0",
                reductions=("mean",),
                at={"margin": 0.5, "squared": False},
                tensors=True,
            ),
        ],
        claims=[
            says(check.unchanged, "verified", when="all embeddings are turned and shifted alike", change=check.move),
            says(check.collapsed, "verified", value="margin"),
            says(check.keeps_the_centre, "verified"),
            says(check.idle, "verified", when="triplets with d(a, n) > d(a, p) + margin", idle=_settled),
            says(
                check.lipschitz,
                "searched",
                bound="sqrt(6)",
                wrt=None,
                of=" in the three embeddings together",
                params={"squared": False},
            ),
            denies(check.convex, "proved", name="the embeddings", witness=_FOLDED),
            denies(check.mean_of_those_that_cost, "verified", witness=_ONE_OF_FOUR),
        ],
        terms=1.0,  # two distances and the margin: the unit of the margin
        chapter="18_contrastive",
    )


@loss(embeddings=1, labels=GROUPS, coupled=True, counted=lambda embeddings, labels: _has_triplets(labels))
def batch_hard_triplet(embeddings, labels, *, margin=1.0, squared=False):
    """Triplet loss of each anchor with the furthest row of its own group and the nearest row of the other groups.

    embeddings: (N, D); labels: (N,) integers, the groups. One value per anchor that has a triplet: who is alone in its group,
    or has no other group beside it, is left out of "none" and of the mean (nan if nobody is left). `weight` has one entry per
    value and multiplies it alone: weight 0 does not take a row out of the batch. Of rows equally far the first one counts.
    It needs memory for N² D numbers. `squared` as in `triplet`. Source: Schroff, Kalenichenko and Philbin (2015).

    >>> import numpy as np
    >>> x, labels = np.array([[0.0], [1.0], [1.5]]), np.array([0, 0, 1])  # the last one is alone
    >>> batch_hard_triplet(x, labels, reduction="none").tolist()
    [0.5, 1.5]
    """
    in_range(margin=margin, low=0, closed="[")
    positive, negative = _hardest(embeddings, labels)
    return positive_part(margin + _excess(embeddings, embeddings[positive], embeddings[negative], squared))


@gradient_of(batch_hard_triplet)
def batch_hard_triplet_gradient(embeddings, labels, *, margin=1.0, squared=False):
    """Of the sum: each row as an anchor, as a furthest positive and as a nearest negative."""
    positive, negative = _hardest(embeddings, labels)
    rows = [embeddings, embeddings[positive], embeddings[negative]]
    counted = _has_triplets(labels)[:, None]
    own, *others = [where(counted, g, 0.0) for g in triplet_gradient(*rows, margin=margin, squared=squared)]
    places = [one_hot(index, embeddings.shape[0], embeddings.dtype) for index in (positive, negative)]
    return own + sum(place.T @ g for place, g in zip(places, others))


@describes(batch_hard_triplet)
def _():
    from . import check
    from ._symbols import Groups, U, d, squares

    return Card(
        batch_hard_triplet,
        symbols={"embeddings": U, "labels": Groups, "margin": d, "squared": squares},
        domain={"embeddings": "embeddings", "labels": "groups", "margin": "[0, inf)", "squared": "{True, False}"},
        oracle=_batch_hard_oracle,
        gradient=batch_hard_triplet_gradient,
        convention="one value per anchor that has a triplet; slope 0 at distance 0 and at the kink; of equals the first",
        reference="schroff2015",
        twins=[
            Twin(
                "pytorch_metric_learning.losses.TripletMarginLoss",
                _batch_hard_pml,
                note="of its BatchHardMiner, with its mean over all triplets and embeddings as they are",
                reductions=("mean",),
                at={"margin": 0.5, "squared": False},
                tensors=True,
            )
        ],
        claims=[
            says(check.hardest_of_all, "enumerated"),
            says(check.unchanged, "verified", when="all embeddings are turned and shifted alike", change=check.move),
            says(check.moves_with_the_rows, "verified"),
            says(check.collapsed, "verified", value="margin"),
            says(check.keeps_the_centre, "verified"),
            denies(check.sums_over_parts, "verified", witness=[[[0.0], [1.0], [1.5], [2.5]], [0, 0, 1, 1]]),
        ],
        terms=1.0,
        chapter="18_contrastive",
    )


@loss(predictions=2, query=1, key=1, coupled=True)
def info_nce(query, key, *, temperature=0.07, symmetric=False):
    """InfoNCE: the cross-entropy of finding, for each query, its own key among the N keys of the batch, by their cosines.

    query, key: (N, D); row i of `key` is the positive of row i, the other keys are its negatives. Logits are cosines divided by
    `temperature` > 0 (a number or 0-d array, which may be learned). `symmetric` averages the two directions, query to key and
    key to query, as CLIP does. log N minus the expected loss is a lower bound of the mutual information, and at most log N.
    Source: van den Oord, Li and Vinyals (2018); Sohn (2016); Radford et al. (2021).

    >>> import numpy as np
    >>> float(info_nce(np.eye(3), np.eye(3), temperature=1.0).round(6))  # log(1 + 2/e)
    0.551445
    """
    _have_directions(query=query, key=key)
    logits = _cosines(query, key) / _positive_number(temperature=temperature)
    found = -_diagonal(_log_softmax(logits))
    return (found - _diagonal(_log_softmax(logits.T))) / 2 if symmetric else found


@gradient_of(info_nce)
def info_nce_gradient(query, key, *, temperature=0.07, symmetric=False):
    """Of the sum: (softmax - one-hot) / temperature for each cosine, then through the cosines."""
    logits, own = _cosines(query, key) / temperature, one_hot(_rows(query), query.shape[0], query.dtype)
    error = probability_error(_log_softmax(logits), own)
    if symmetric:
        error = (error + probability_error(_log_softmax(logits.T), own).T) / 2
    return _through_cosines(error / temperature, query, key)


@describes(info_nce)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import U, V, tau

    return Card(
        info_nce,
        symbols={"query": U, "key": V, "temperature": tau, "symmetric": Symbol("symmetric")},
        domain={
            **dict.fromkeys(["query", "key"], "embeddings without 0"),
            "temperature": "(0, inf)",
            "symmetric": "{True, False}",
        },
        oracle=_info_nce_oracle,
        gradient=info_nce_gradient,
        link="softmax over the keys of the batch",
        convention="cosines; the positive is part of the denominator",
        reference="oord2018",
        twins=[Twin("torch.nn.functional.cross_entropy", _info_nce_torch, note="of the cosines, with labels 0, ..., N - 1")],
        claims=[
            says(
                check.coincides,
                "verified",
                name="the softmax cross-entropy of cosine / temperature, with label i in row i",
                other=_classify_rows,
                where=lambda rng: rng.standard_normal((2, 20, 3)),
                params={"temperature": 0.07},
            ),
            says(check.bounds_information, "enumerated"),
            denies(
                check.bounds_information,
                "enumerated",
                denominator=", with the positive left out of the denominator,",
                witness=[[0.49, 0.01], [0.01, 0.49]],
            ),
            says(check.best_critic, "enumerated", critic="log p(y | x) - log p(y)"),
            denies(check.best_critic, "enumerated", critic="log p(y | x)", witness=[[0.3, 0.1], [0.5, 0.1]]),
            says(check.tightens, "enumerated"),
            says(check.focuses, "verified"),
            says(check.collapsed, "verified", value="log(n)"),
            says(check.scale_invariant, "verified"),
            says(check.gradient_is_perpendicular, "verified"),
            says(check.moves_with_the_rows, "verified"),
            denies(check.sums_over_parts, "verified", witness=[_TWO, _TWO]),
        ],
        chapter="18_contrastive",
    )


@loss(predictions=2, z1=1, z2=1, coupled=True, rows=2)
def nt_xent(z1, z2, *, temperature=0.5):
    """NT-Xent (SimCLR): the cross-entropy of finding, for each of 2N views, the other view of its example among 2N - 1.

    z1, z2: (N, D), two views of N examples. Logits are cosines divided by `temperature` > 0 (a number or 0-d array, which may be
    learned); a view is not compared with itself. ``reduction="none"`` and `weight` have 2N entries, those of z1 first; a weight
    multiplies a value, and does not take the view out of the batch.
    Source: Chen, Kornblith, Norouzi and Hinton (2020).

    >>> import numpy as np
    >>> float(nt_xent(np.eye(2), np.eye(2), temperature=1.0).round(6))  # log(1 + 2/e)
    0.551445
    """
    _have_directions(z1=z1, z2=z2)
    return _contrast(*_two_views(z1, z2), temperature)


@gradient_of(nt_xent)
def nt_xent_gradient(z1, z2, *, temperature=0.5):
    gradient = _contrast_gradient(*_two_views(z1, z2), temperature)
    return gradient[: z1.shape[0]], gradient[z1.shape[0] :]


@describes(nt_xent)
def _():
    from . import check
    from ._symbols import U, V, tau

    return Card(
        nt_xent,
        symbols={"z1": U, "z2": V, "temperature": tau},
        domain={**dict.fromkeys(["z1", "z2"], "embeddings without 0"), "temperature": "(0, inf)"},
        oracle=_nt_xent_oracle,
        gradient=nt_xent_gradient,
        link="softmax over the other views of the batch",
        convention="2N values; cosines; a view is left out of its own denominator",
        reference="chen2020",
        twins=[
            Twin("optax.ntxent", _nt_xent_optax, reductions=("mean",)),
            Twin("pytorch_metric_learning.losses.NTXentLoss", _nt_xent_pml, reductions=("mean",), tensors=True),
        ],
        claims=[
            says(check.collapsed, "verified", value="log(2*n - 1)"),
            says(check.alignment_and_uniformity, "verified"),
            says(check.scale_invariant, "verified"),
            says(check.gradient_is_perpendicular, "verified"),
            says(check.moves_with_the_rows, "verified"),
            denies(check.sums_over_parts, "verified", witness=[_TWO, _TWO]),
        ],
        chapter="18_contrastive",
    )


@loss(embeddings=1, labels=GROUPS, coupled=True, counted=lambda embeddings, labels: _has_positives(labels))
def supervised_contrastive(embeddings, labels, *, temperature=0.1):
    """Supervised contrastive loss: for each anchor the mean, over the other rows of its group, of the cross-entropy of finding
    that row among all others.

    embeddings: (N, D); labels: (N,) integers, the groups. Logits are cosines divided by `temperature` > 0 (a number or 0-d
    array, which may be learned). One value per anchor that is not alone in its group; the others are left out of "none" and of
    the mean (nan if nobody is left), but stay in the denominators. `weight` has one entry per value and multiplies it alone.
    It is L_out of the paper; with P positives the least value is log P, not 0. Source: Khosla et al. (2020).

    >>> import numpy as np
    >>> x, labels = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), np.array([7, 7, 8])  # the last one is alone
    >>> supervised_contrastive(x, labels, temperature=1.0, reduction="none").round(6).tolist()  # log(1 + 1/e)
    [0.313262, 0.313262]
    """
    _have_directions(embeddings=embeddings)
    return _contrast(embeddings, labels, temperature)


@gradient_of(supervised_contrastive)
def supervised_contrastive_gradient(embeddings, labels, *, temperature=0.1):
    return _contrast_gradient(embeddings, labels, temperature)


@describes(supervised_contrastive)
def _():
    from . import check
    from ._symbols import Groups, U, tau

    return Card(
        supervised_contrastive,
        symbols={"embeddings": U, "labels": Groups, "temperature": tau},
        domain={"embeddings": "embeddings without 0", "labels": "groups", "temperature": "(0, inf)"},
        oracle=_supervised_oracle,
        gradient=supervised_contrastive_gradient,
        link="softmax over the other rows of the batch",
        convention="L_out: the mean over positives stands outside the logarithm; anchors without positive have no value",
        reference="khosla2020",
        twins=[
            Twin("pytorch_metric_learning.losses.SupConLoss", _supervised_pml, reductions=("mean",), tensors=True),
        ],
        claims=[
            says(
                check.coincides,
                "verified",
                name="NT-Xent where each group is the two views of one example",
                other=lambda embeddings, labels: nt_xent(*embeddings.reshape(2, 10, 3), reduction="none"),
                where=lambda rng: (rng.standard_normal((20, 3)), list(range(10)) * 2),
                params={"temperature": 0.5},
            ),
            says(check.above_l_in, "searched"),
            says(check.above_log_positives, "searched"),
            says(check.collapsed, "verified", value="log(n - 1)"),
            says(check.scale_invariant, "verified"),
            says(check.gradient_is_perpendicular, "verified"),
            says(check.moves_with_the_rows, "verified"),
            denies(check.sums_over_parts, "verified", witness=[_TWO * 2, [0, 1, 0, 1]]),
        ],
        chapter="18_contrastive",
    )


@loss(predictions=2, image=1, text=1, coupled=True)
def siglip(image, text, *, temperature, bias):
    """SigLIP: Σ_j log(1 + e^(-y_ij (temperature · cos(image_i, text_j) + bias))), y_ij = 1 for the own text and -1 for others.

    image, text: (N, D); row i of `text` belongs to row i of `image`. Each pair of the batch is a binary question, no softmax. One
    value per image, the sum over the texts; the mean is the 1/N Σ_ij of the paper. `temperature` > 0 *multiplies* the cosines;
    it and `bias` are numbers or 0-d arrays, and may be learned: the paper starts them at 10 and -10.
    Source: Zhai, Mustafa, Kolesnikov and Beyer (2023).

    >>> import numpy as np
    >>> siglip(np.eye(2), np.eye(2), temperature=10.0, bias=-10.0, reduction="none").round(6).tolist()  # log 2 + log(1 + e^-10)
    [0.693193, 0.693193]
    """
    _have_directions(image=image, text=text)
    right = _sides(image)
    return sum_classes(softplus(-right * _pair_logits(image, text, temperature, bias)))


@gradient_of(siglip)
def siglip_gradient(image, text, *, temperature, bias):
    """Of the sum: -y σ(-y · logit) temperature for each cosine, then through the cosines."""
    right = _sides(image)
    pull = -right * sigmoid(-right * _pair_logits(image, text, temperature, bias))
    return _through_cosines(temperature * pull, image, text)


@describes(siglip)
def _():
    from sympy import Symbol

    from . import check
    from ._symbols import U, V, tau

    return Card(
        siglip,
        symbols={"image": U, "text": V, "temperature": tau, "bias": Symbol("b", real=True)},
        domain={**dict.fromkeys(["image", "text"], "embeddings without 0"), "temperature": "(0, inf)", "bias": "R"},
        oracle=_siglip_oracle,
        gradient=siglip_gradient,
        link="sigmoid of each pair",
        convention="cosines times the temperature; sum over the texts, mean over the images",
        reference="zhai2023",
        twins=[
            Twin(
                "torch.nn.functional.binary_cross_entropy_with_logits",
                _siglip_torch,
                note="of temperature · cosine + bias, with targets 1 on the diagonal, summed over the texts",
                reductions=("none", "sum"),
            )
        ],
        claims=[
            says(
                check.coincides,
                "verified",
                name="the sum, over the texts in any chunks, of the binary cross-entropy of each pair: no pair sees another one",
                other=_pair_by_pair,
                where=lambda rng: rng.standard_normal((2, 20, 3)),
                params={"temperature": 10.0, "bias": -10.0},
            ),
            says(
                check.collapsed,
                "verified",
                value="log(1 + exp(-temperature - bias)) + (n - 1)*log(1 + exp(temperature + bias))",
            ),
            says(check.best_bias, "verified"),
            says(check.share_of_negatives, "verified", bias=0, share="(n - 1)/n"),
            says(check.scale_invariant, "verified"),
            says(check.gradient_is_perpendicular, "verified"),
            says(check.moves_with_the_rows, "verified"),
            denies(check.sums_over_parts, "verified", witness=[_TWO, _TWO]),
        ],
        chapter="18_contrastive",
    )


# --- distances ------------------------------------------------------------------------------------------------------------


def _length(x):
    """The Euclidean length of each row. The largest entry is divided out so that no square overflows; at 0 the slope is 0."""
    largest = stop_gradient(namespace(x).max(absolute(x), axis=-1))
    scale = where((largest > 0) & (largest < math.inf), largest, 1.0)
    total = sum_classes((x / scale[..., None]) ** 2)
    return where(total == 0, 0.0, scale * sqrt(where(total == 0, 1.0, total)))


def _direction(x):
    """Each row divided by its length, and 0 where that is 0."""
    length = _length(x)[..., None]
    return x / where(length == 0, 1.0, length)


def _excess(anchor, positive, negative, squared):
    """d(a, p) - d(a, n), as (n - p) · ((a - p) + (a - n)) / (d(a, p) + d(a, n)): nothing cancels where p and n are close."""
    near, far, between = anchor - positive, anchor - negative, negative - positive
    if squared:
        close = absolute(between) < absolute(near + far) / 3  # elsewhere the product would cost digits of the gradient
        return sum_classes(where(close, between * (near + far), near**2 - far**2))
    total = (_length(near) + _length(far))[..., None]
    return sum_classes(between * ((near + far) / where(total == 0, 1.0, total)))


# --- groups ---------------------------------------------------------------------------------------------------------------


def _rows(x):
    """0, 1, ..., N - 1."""
    return namespace(x).arange(x.shape[0], device=x.device)


def _together(ids):
    """Which rows have the same id: (N, N)."""
    return ids[:, None] == ids[None, :]


def _positives(labels):
    """Which other rows are of the group of each row: (N, N)."""
    return _together(labels) & ~_together(_rows(labels))


def _has_positives(labels):
    return _sizes(labels) > 1


def _has_triplets(labels):
    return _has_positives(labels) & (_sizes(labels) < labels.shape[0])


def _sizes(labels):
    """How many rows the group of each row has."""
    xp = namespace(labels)
    if values_readable(labels):  # without N² numbers
        return xp.unique_counts(labels).counts[xp.unique_inverse(labels).inverse_indices]
    return xp.sum(xp.astype(_together(labels), xp.int64), axis=-1)


def _hardest(embeddings, labels):
    """For each row the furthest of its group, itself if it is alone, and the nearest of the others; nan is both."""
    if embeddings.shape[0] == 0:
        return _rows(embeddings), _rows(embeddings)
    xp, x, together = namespace(embeddings), stop_gradient(embeddings), _together(labels)
    distance = _length(x[:, None, :] - x[None, :, :])
    furthest = xp.argmax(where(together, distance, -math.inf), axis=-1)
    nearest = xp.argmin(where(together, math.inf, distance), axis=-1)
    return furthest, nearest


# --- cosines --------------------------------------------------------------------------------------------------------------


def _positive_number(**params):
    in_range(low=0, **params)
    return _one_number(**params)


def _one_number(**params):
    """One number for all pairs: an array of more would be spread over the columns."""
    ((name, value),) = params.items()
    if not isinstance(value, int | float) and getattr(value, "shape", ()) != ():
        raise ValueError(f"{name} must be a number or a 0-d array, the same for all pairs, got shape {tuple(value.shape)}")
    return value


def _have_directions(**arrays):
    for name, array in arrays.items():
        largest = namespace(array).max(absolute(array), axis=-1)
        require(largest, largest != 0, f"the largest entry of {name} must not be 0: a zero vector has no direction")


def _cosines(x, y):
    """The cosines of all pairs of a row of x and a row of y: (N, N)."""
    with without_autocast(x):
        return unit(x) @ unit(y).T


def _log_softmax(logits):
    """log softmax of each row; a batch without rows has none."""
    return log_softmax(logits) if logits.shape[0] else logits


def _through_cosines(slope, x, y):
    """The gradients with respect to the rows of x and of y, from those with respect to their cosines."""
    return _turn(slope @ unit(y), x), _turn(slope.T @ unit(x), y)


def _turn(pull, x):
    """What is left of the pull on a direction at right angles to it, divided by the length: a gradient through x / ‖x‖."""
    u = unit(x)
    return (pull - sum_classes(pull * u)[..., None] * u) / sum_classes(x * u)[..., None]


def _diagonal(x):
    return x[_rows(x), _rows(x)]


def _two_views(z1, z2):
    """Both views as one batch, and of which example each is."""
    xp = namespace(z1)
    return xp.concat([z1, z2]), xp.concat([_rows(z1), _rows(z2)])


def _log_shares(embeddings, temperature):
    """log softmax of the cosines of each row with the others, -inf for the row itself."""
    logits = _cosines(embeddings, embeddings) / _positive_number(temperature=temperature)
    return _log_softmax(where(_together(_rows(embeddings)), -math.inf, logits))


def _contrast(embeddings, labels, temperature):
    """For each row the mean of -log softmax over its positives."""
    positive, log_shares = _positives(labels), _log_shares(embeddings, temperature)
    return -sum_classes(where(positive, log_shares, 0.0)) / _count(positive, log_shares)


def _contrast_gradient(embeddings, labels, temperature):
    """Of the sum over the rows that have a positive: softmax - wanted share for each cosine, which belongs to two rows."""
    positive, log_shares = _positives(labels), _log_shares(embeddings, temperature)
    wanted = where(positive, (1 / _count(positive, log_shares))[:, None], 0.0)
    error = where(_has_positives(labels)[:, None], probability_error(log_shares, wanted), 0.0) / temperature
    return _turn((error + error.T) @ unit(embeddings), embeddings)


def _count(positive, like):
    """How many positives each row has, 1 for none so that it can divide."""
    xp = namespace(like)
    return clip(sum_classes(xp.astype(positive, like.dtype)), 1.0, None)


def _sides(x):
    """1 on the diagonal and -1 elsewhere: which pairs belong together."""
    return 2 * one_hot(_rows(x), x.shape[0], x.dtype) - 1


def _pair_logits(image, text, temperature, bias):
    return _positive_number(temperature=temperature) * _cosines(image, text) + _one_number(bias=bias)


# --- for the cards --------------------------------------------------------------------------------------------------------


def _far_apart(a, b, same, margin=1.0):
    return (same == 0) & (sum_classes((a - b) ** 2) > margin**2)


def _settled(anchor, positive, negative, margin=1.0, squared=False):
    near, far = (sum_classes((anchor - other) ** 2) for other in (positive, negative))
    return far > near + margin if squared else sqrt(far) > sqrt(near) + margin


_NEGATIVE = {"between": ({"a": [0.5], "b": [0.0]}, {"a": [-0.5], "b": [0.0]}), "same": 0.0, "params": {"margin": 1.0}}
_FOLDED = {
    "between": [{"anchor": [0.0], "positive": [0.0], "negative": [side]} for side in (1.0, -1.0)],
    "params": {"margin": 2.0, "squared": False},
}
_TWO = [[1.0, 0.0], [0.0, 1.0]]
_ONE_OF_FOUR = [[[0.0]] * 4, [[0.5]] * 4, [[1.0], [9.0], [9.0], [9.0]]]


def _classify_rows(query, key):
    from .classification import softmax_cross_entropy

    return softmax_cross_entropy(unit(query) @ unit(key).T / 0.07, _rows(query), reduction="none")


def _pair_by_pair(image, text):
    """The texts in chunks of three, each pair by itself."""
    from .classification import sigmoid_cross_entropy

    total, n = 0.0, len(text)
    for start in range(0, n, 3):
        logits = 10 * unit(image) @ unit(text[start : start + 3]).T - 10
        own = one_hot(_rows(image), n, image.dtype)[:, start : start + 3]
        total = total + sigmoid_cross_entropy(logits, own, reduction="none").sum(-1)
    return total


def _batch_hard_oracle(embeddings, labels, margin=1.0, squared=False):
    """Sum over the anchors that have both of the largest (d(a, p) - d(a, n) + margin)₊ over all their positives p and negatives
    n, where d is the Euclidean distance (or its square)."""
    import mpmath

    def distance(x, y):
        total = sum((s - t) ** 2 for s, t in zip(x, y))
        return total if squared else mpmath.sqrt(total)

    value, rows = mpmath.mpf(0), range(len(labels))
    for a in rows:
        costs = [
            distance(embeddings[a], embeddings[p]) - distance(embeddings[a], embeddings[n]) + margin
            for p in rows
            for n in rows
            if p != a and labels[p] == labels[a] and labels[n] != labels[a]
        ]
        value += max([0, *costs])
    return value


def _cosine_mp(x, y):
    import mpmath

    def dot(s, t):
        return sum(a * b for a, b in zip(s, t))

    return dot(x, y) / mpmath.sqrt(dot(x, x) * dot(y, y))


def _info_nce_oracle(query, key, temperature=0.07, symmetric=False):
    """Sum over the rows of -log of the share of the own key in Σ e^(cosine / temperature) over all keys; symmetric: the mean of
    that and of the same with queries and keys exchanged."""
    import mpmath

    if symmetric:
        directions = (query, key), (key, query)
        return sum(_info_nce_oracle(*pair, temperature) for pair in directions) / 2
    value = mpmath.mpf(0)
    for i, x in enumerate(query):
        terms = [mpmath.exp(_cosine_mp(x, y) / temperature) for y in key]
        value -= mpmath.log(terms[i] / sum(terms))
    return value


def _nt_xent_oracle(z1, z2, temperature=0.5):
    """Sum over the 2N views of -log of the share of the other view of the same example in Σ e^(cosine / temperature) over all
    views but the one itself."""
    import mpmath

    views, n, value = [*z1, *z2], len(z1), mpmath.mpf(0)
    for i, x in enumerate(views):
        terms = {j: mpmath.exp(_cosine_mp(x, y) / temperature) for j, y in enumerate(views) if j != i}
        value -= mpmath.log(terms[(i + n) % (2 * n)] / sum(terms.values()))
    return value


def _supervised_oracle(embeddings, labels, temperature=0.1):
    """Sum over the anchors of the mean, over the other rows of the group, of -log of the share of that row in
    Σ e^(cosine / temperature) over all rows but the anchor."""
    import mpmath

    value = mpmath.mpf(0)
    for i, x in enumerate(embeddings):
        terms = {j: mpmath.exp(_cosine_mp(x, y) / temperature) for j, y in enumerate(embeddings) if j != i}
        shares = [terms[j] / sum(terms.values()) for j in terms if labels[j] == labels[i]]
        if shares:
            value -= sum(map(mpmath.log, shares)) / len(shares)
    return value


def _siglip_oracle(image, text, temperature, bias):
    """Sum over all pairs of -log of the probability that the sigmoid of temperature · cosine + bias gives to the truth: that the
    pair belongs together if i = j, and that it does not otherwise."""
    import mpmath

    value = mpmath.mpf(0)
    for i, x in enumerate(image):
        for j, y in enumerate(text):
            logit = temperature * _cosine_mp(x, y) + bias
            value += mpmath.log(1 + mpmath.exp(-logit if i == j else logit))
    return value


# --- twins ----------------------------------------------------------------------------------------------------------------


def _pair_torch(a, b, same, *, reduction, margin):
    import torch

    distance = torch.linalg.vector_norm(a - b, dim=-1)
    return torch.nn.functional.hinge_embedding_loss(distance, 2 * same - 1, margin=margin, reduction="none") ** 2 / 2


def _as_they_are():
    """The settings in which pytorch_metric_learning neither normalises the embeddings nor drops values of 0."""
    from pytorch_metric_learning import distances, reducers

    return {"distance": distances.LpDistance(normalize_embeddings=False), "reducer": reducers.MeanReducer()}


def _pair_pml(a, b, same, *, reduction, margin):
    import torch
    from pytorch_metric_learning import losses, reducers

    theirs = losses.ContrastiveLoss(0, margin, **(_as_they_are() | {"reducer": reducers.DoNothingReducer()}))
    index, rows = torch.arange(len(a)), torch.cat([a, b])
    pairs = [part for y in (1, 0) for part in (index[same == y], index[same == y] + len(a))]
    found = theirs(rows, indices_tuple=tuple(pairs))
    return sum((part["losses"] ** 2).sum() for part in found.values()) / 2


def _triplet_torch(anchor, positive, negative, *, reduction, margin, squared):
    import torch.nn.functional

    return torch.nn.functional.triplet_margin_loss(anchor - 1e-6, positive, negative, margin=margin, reduction=reduction)


def _triplet_optax(anchor, positive, negative, *, reduction, margin, squared):
    import jax
    import numpy as np
    import optax

    with jax.enable_x64(True):
        arrays = map(jax.numpy.asarray, (anchor, positive, negative))
        return np.asarray(optax.losses.triplet_margin_loss(*arrays, margin=margin, eps=0.0))


def _triplet_pml(anchor, positive, negative, *, reduction, margin, squared):
    import torch
    from pytorch_metric_learning import losses

    index = torch.arange(len(anchor))
    places = tuple(index + len(anchor) * part for part in range(3))
    return losses.TripletMarginLoss(margin, **_as_they_are())(torch.cat([anchor, positive, negative]), indices_tuple=places)


def _batch_hard_pml(embeddings, labels, *, reduction, margin, squared):
    from pytorch_metric_learning import losses, miners

    settings = _as_they_are()
    places = miners.BatchHardMiner(distance=settings["distance"])(embeddings, labels)
    return losses.TripletMarginLoss(margin, **settings)(embeddings, labels, places)


def _info_nce_torch(query, key, *, reduction, temperature, symmetric):
    import torch

    cosines = torch.nn.functional.cosine_similarity(query[:, None], key[None], dim=-1)
    directions = (cosines, cosines.T) if symmetric else (cosines,)
    labels = torch.arange(len(query))
    return sum(torch.nn.functional.cross_entropy(c / temperature, labels, reduction=reduction) for c in directions) / len(
        directions
    )


def _nt_xent_optax(z1, z2, *, reduction, temperature):
    import jax
    import numpy as np
    import optax

    with jax.enable_x64(True):
        rows, labels = jax.numpy.asarray(np.concatenate([z1, z2])), jax.numpy.asarray([*range(len(z1))] * 2)
        return np.asarray(optax.ntxent(rows, labels, temperature=temperature))


def _nt_xent_pml(z1, z2, *, reduction, temperature):
    import torch
    from pytorch_metric_learning import losses

    return losses.NTXentLoss(temperature)(torch.cat([z1, z2]), torch.arange(len(z1)).repeat(2))


def _supervised_pml(embeddings, labels, *, reduction, temperature):
    from pytorch_metric_learning import losses

    return losses.SupConLoss(temperature)(embeddings, labels)


def _siglip_torch(image, text, *, reduction, temperature, bias):
    import torch

    logits = temperature * torch.nn.functional.cosine_similarity(image[:, None], text[None], dim=-1) + bias
    own = torch.eye(len(image), dtype=image.dtype)
    pairs = torch.nn.functional.binary_cross_entropy_with_logits(logits, own, reduction="none")
    return pairs.sum(-1) if reduction == "none" else pairs.sum()
