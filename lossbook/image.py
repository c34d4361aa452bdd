"""Images: losses that look at neighbouring pixels. Images are (N, C, H, W), channels before height and width.

``reduction="none"`` has the shape (N,), one value for each image; a single image (C, H, W) has one value, too.
"""

from ._card import Card, Twin, denies, describes, says
from ._loss import gradient_of, in_range, loss
from ._xp import absolute, exp, namespace, sign


@loss(image=3)
def total_variation(image):
    """Anisotropic total variation Σ |x_{i+1,j} - x_{i,j}| + Σ |x_{i,j+1} - x_{i,j}| over rows i, columns j and all channels; ≥ 0.

    (N, C, H, W) -> (N,), in the unit of the image, with no target: a term to add to another loss. It is a sum, so it grows with
    the number of pixels. Where neighbours are equal the slope is 0. The original sums √(∂²_i + ∂²_j), the isotropic form, which
    lies between 1/√2 and 1 times this one. Source: Rudin, Osher and Fatemi (1992).

    >>> import numpy as np
    >>> total_variation(np.array([[[[0.0, 1.0], [0.0, 3.0]]]]), reduction="none").tolist()
    [6.0]
    """
    xp = namespace(image)
    down, right = (absolute(step) for step in _steps(image))
    return xp.sum(down, axis=(-3, -2, -1)) + xp.sum(right, axis=(-3, -2, -1))


@gradient_of(total_variation)
def total_variation_gradient(image):
    down, right = (sign(step) for step in _steps(image))
    return _arrivals_less_departures(down, -2) + _arrivals_less_departures(right, -1)


@describes(total_variation)
def _():
    from . import check
    from ._symbols import X

    return Card(
        total_variation,
        symbols={"image": X},
        domain={"image": "R^(C x H x W)"},
        oracle=_total_variation_oracle,
        gradient=total_variation_gradient,
        convention="anisotropic; summed over pixels and channels; slope 0 between equal neighbours",
        reference="rudin1992",
        twins=[
            Twin(
                "kornia.losses.total_variation",
                _kornia_variation,
                note="summed over the channels",
                reductions=("none",),
                tensors=True,
            )
        ],
        claims=[
            says(check.convex, "searched", name="the image"),
            says(check.scales_with_units, "verified"),
            says(check.isotropic_bounds, "searched"),
            says(check.unchanged, "verified", when="a constant is added to the image", change=_brighter),
            says(check.unchanged, "verified", when="the image is negated", change=lambda rng, image: [-image]),
            says(check.unchanged, "verified", when="the image is flipped", change=lambda rng, image: [image[..., ::-1]]),
        ],
    )


@loss(symmetric=True, image=3, target=3)
def ssim(image, target, *, data_range=1.0, window=11, sigma=1.5):
    """1 - SSIM, the mean over channels and places of 1 - (2 μ_x μ_y + C₁)(2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂)).

    Means, variances and the covariance of `image` x and `target` y (N, C, H, W) are taken under a Gaussian of `sigma` pixels on a
    `window` (odd) of pixels, wherever it fits into the image, and divide by n, not n - 1. C₁ = (0.01 R)², C₂ = (0.03 R)² with
    R = `data_range`, the largest minus the smallest value that a pixel can have: 1 here, 255 for bytes. Values beyond it are not
    refused. Symmetric, in [0, 2): the target receives gradient, too. kornia returns half of this. Source: Wang, Bovik, Sheikh and
    Simoncelli (2004).

    >>> import numpy as np
    >>> ssim(np.zeros((1, 1, 11, 11)), np.ones((1, 1, 11, 11)), reduction="none").round(6).tolist()
    [0.9999]
    """
    luminance, structure, *_ = _compare(image, target, data_range, _gaussian(image, window, sigma))
    return _mean(luminance + structure * (1 - luminance))


@gradient_of(ssim)
def ssim_gradient(image, target, *, data_range=1.0, window=11, sigma=1.5):
    weights = _gaussian(image, window, sigma)
    luminance, structure, (mean, mean_difference), (of_means, of_variances) = _compare(image, target, data_range, weights)
    pull, turn = 2 * (1 - structure) / of_means, (1 - luminance) / of_variances
    by_difference = _moments_slope(image - target, weights, pull * mean_difference, turn)
    by_image = _moments_slope(image, weights, pull * luminance * mean, turn * structure)
    return (by_difference - by_image) / _count(luminance)


@describes(ssim)
def _():
    from . import check
    from ._symbols import R, X, Y, n, sigma

    plain = {"data_range": 1.0, "window": 3, "sigma": 1.5}

    return Card(
        ssim,
        symbols={"image": X, "target": Y, "data_range": R, "window": n, "sigma": sigma},
        domain={
            "image": "[0, 1]^(C x H x W)",
            "target": "[0, 1]^(C x H x W)",
            "data_range": "(0, inf)",
            "window": "the sides of a window",
            "sigma": "(0, inf)",
        },
        oracle=_ssim_oracle,
        gradient=ssim_gradient,
        convention="windows inside the image; variances divide by n; K1 = 0.01, K2 = 0.03; the loss is 1 - SSIM, not half of it",
        reference="wang2004",
        twins=[
            Twin("kornia.losses.ssim_loss", _kornia_ssim, 2, "`padding='valid'`, sigma = 1.5", ("none",), WHOLE, tensors=True),
            Twin(
                "skimage.metrics.structural_similarity",
                _skimage_ssim,
                note="1 - SSIM; `gaussian_weights=True`, `use_sample_covariance=False`; sigma decides its window",
                reductions=("none",),
                at={"data_range": 1.0, "window": 3, "sigma": 0.4},
            ),
        ],
        claims=[
            says(check.zero_where_same, "verified"),
            says(check.symmetric, "verified"),
            says(
                check.coincides,
                "verified",
                name="its value for the images times 255 and data_range = 255",
                other=lambda x, y: ssim(255 * x, 255 * y, **(plain | {"data_range": 255.0}), reduction="none"),
                where=lambda rng: list(rng.random((2, 50, 2, 5, 6))),
                params=plain,
            ),
            says(
                check.unchanged, "verified", when="both images are flipped", change=lambda rng, x, y: [x[..., ::-1], y[..., ::-1]]
            ),
            denies(check.never_above, "proved", bound=1, witness=CHECKERED),
            denies(check.triangle_inequality, "proved", witness=TRIANGLE),
            denies(check.convex, "proved", name="the image", witness=CHORD),
        ],
    )


def _steps(image):
    """From each pixel to the one below and to the one on the right."""
    return image[..., 1:, :] - image[..., :-1, :], image[..., 1:] - image[..., :-1]


def _arrivals_less_departures(steps, axis):
    """What each pixel gets if a step is counted at its end and against its start."""
    return _padded(steps, 1, 0, axis) - _padded(steps, 0, 1, axis)


def _padded(x, before, after, axis):
    """With zeros before and after along one axis."""
    xp = namespace(x)

    def zeros(count):
        shape = list(x.shape)
        shape[axis] = count
        return xp.zeros(shape, dtype=x.dtype, device=x.device)

    return xp.concat([zeros(before), x, zeros(after)], axis=axis)


def _mean(x):
    return namespace(x).mean(x, axis=(-3, -2, -1))


def _count(x):
    return x.shape[-3] * x.shape[-2] * x.shape[-1]


def _gaussian(image, window, sigma):
    """The weights of a window along one axis: they sum to 1, and their products are those of the whole window."""
    if window % 2 != 1 or window < 1:
        raise ValueError(f"window must be an odd number of pixels, got {window}")
    if window > min(image.shape[-2:]):
        raise ValueError(f"window must fit into the image: it has {window} pixels, the image {tuple(image.shape[-2:])}")
    in_range(sigma=sigma, low=0)
    xp, window = namespace(image), int(window)
    places = xp.arange(window, dtype=image.dtype, device=image.device) - (window - 1) / 2
    weights = exp(-((places / sigma) ** 2) / 2)
    return weights / xp.sum(weights)


def _compare(image, target, data_range, weights):
    """What the means and what the variances take from 1, at each place; the means and the denominators of both.

    With d = x - y, 1 - 2μxμy/(μx² + μy²) is μd²/(μx² + μy²), and the same with variances: nothing cancels between like images.
    """
    in_range(data_range=data_range, low=0)
    difference = image - target
    (mean, variance), (mean_target, variance_target), (mean_difference, variance_difference) = (
        _moments(x, weights) for x in (image, target, difference)
    )
    of_means = mean**2 + mean_target**2 + (0.01 * data_range) ** 2
    of_variances = variance + variance_target + (0.03 * data_range) ** 2
    luminance, structure = mean_difference**2 / of_means, variance_difference / of_variances
    return luminance, structure, (mean, mean_difference), (of_means, of_variances)


def _moments(x, weights):
    """Mean and variance under the window at each place, along one axis and then along the other.

    The variance is the mean of the variances of the lines plus the variance of their means: a sum of squares, where E x² - (E x)²
    would leave rounding errors larger than C₂.
    """
    xp, mean, variance = namespace(x), x, None
    for _ in range(2):
        shifted = _shifted(mean, weights)
        mean = _total(weights, shifted)
        between = _total(weights, [(part - mean) ** 2 for part in shifted])
        variance = between if variance is None else _slide(variance, weights) + between
        mean, variance = xp.matrix_transpose(mean), xp.matrix_transpose(variance)
    return mean, variance


def _moments_slope(x, weights, of_mean, of_variance):
    """The slope of the sum of `of_mean` · mean + `of_variance` · variance, in reverse: along the second axis, then the first."""
    transpose, last = namespace(x).matrix_transpose, weights.shape[0] - 1
    lines = transpose(_slide(x, weights))
    of_mean, of_variance = transpose(of_mean), transpose(of_variance)
    for source in (lines, x):
        parts, mean = _shifted(source, weights), _slide(source, weights)
        pulls = [of_mean + 2 * of_variance * (part - mean) for part in parts]
        of_mean = transpose(_total(weights, [_padded(pull, k, last - k, -1) for k, pull in enumerate(pulls)]))
        of_variance = transpose(_total(weights, [_padded(of_variance, k, last - k, -1) for k in range(last + 1)]))
    return transpose(of_mean)


def _slide(x, weights):
    return _total(weights, _shifted(x, weights))


def _shifted(x, weights):
    """For each weight of a window along the last axis, the pixels on which it lies, window by window."""
    length = x.shape[-1] - weights.shape[0] + 1
    return [x[..., k : k + length] for k in range(weights.shape[0])]


def _total(weights, parts):
    return sum(weights[k] * part for k, part in enumerate(parts))


# The definitions, pixel by pixel.
def _total_variation_oracle(image):
    """The sum, over all pairs of pixels of a channel that share a side, of the size of their difference."""
    total = 0
    for channel in image:
        pixels = {(i, j): value for i, row in enumerate(channel) for j, value in enumerate(row)}
        for (i, j), value in pixels.items():
            total += sum(abs(value - pixels[near]) for near in ((i + 1, j), (i, j + 1)) if near in pixels)
    return total


def _ssim_oracle(image, target, *, data_range=1.0, window=11, sigma=1.5):
    """1 minus the mean over channels and all windows inside the image of the formula, every moment summed pixel by pixel."""
    from mpmath import exp, mpf

    offsets = [(i, j) for i in range(window) for j in range(window)]
    weights = [exp(-sum((k - mpf(window - 1) / 2) ** 2 for k in offset) / (2 * mpf(sigma) ** 2)) for offset in offsets]
    similarity = [
        _similarity([(x[i + a][j + b], y[i + a][j + b]) for a, b in offsets], weights, mpf(data_range))
        for x, y in zip(image, target)
        for i in range(len(x) - window + 1)
        for j in range(len(x[0]) - window + 1)
    ]
    return 1 - sum(similarity) / len(similarity)


def _similarity(pairs, weights, data_range):
    """SSIM of one window: of pairs of pixels with their weights."""

    def average(values):
        return sum(w * value for w, value in zip(weights, values)) / sum(weights)

    mx, my = (average(side) for side in zip(*pairs))
    vx, vy = average([(x - mx) ** 2 for x, _ in pairs]), average([(y - my) ** 2 for _, y in pairs])
    covariance = average([(x - mx) * (y - my) for x, y in pairs])
    c1, c2 = (data_range / 100) ** 2, (3 * data_range / 100) ** 2
    return (2 * mx * my + c1) * (2 * covariance + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


# Witnesses and twins.
CHECKERED = ([[[0, 1, 0], [1, 0, 1], [0, 1, 0]]], [[[1, 0, 1], [0, 1, 0], [1, 0, 1]]])
TRIANGLE = (
    [[[0.5, 0.25, 0.25], [1.0, 1.0, 1.0], [0.5, 1.0, 0.5]]],
    [[[0.5, 0.75, 0.25], [1.0, 0.75, 1.0], [0.75, 0.25, 0.0]]],
    [[[0.75, 1.0, 1.0], [0.75, 0.5, 0.75], [1.0, 0.0, 0.25]]],
)
CHORD = {
    "between": ([[[0.75, 1.0, 1.0], [0.0, 1.0, 0.75], [1.0, 0.0, 0.0]]], [[[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.0, 0.25, 0.0]]]),
    "target": [[[0.25, 0.25, 0.25], [0.5, 0.0, 0.25], [0.0, 0.75, 0.5]]],
}
WHOLE = {"data_range": 1.0, "window": 3, "sigma": 1.5}


def _brighter(rng, image):
    return [image + rng.uniform(-10, 10, (len(image), 1, 1, 1))]


def _kornia_variation(image, *, reduction):
    from kornia.losses import total_variation

    return total_variation(image, reduction="sum").sum(-1)


def _kornia_ssim(image, target, *, reduction, data_range, window, sigma):
    from kornia.losses import ssim_loss

    pairs = zip(image[:, None], target[:, None])
    return [float(ssim_loss(x, y, window, max_val=data_range, eps=0.0, padding="valid")) for x, y in pairs]


def _skimage_ssim(image, target, *, reduction, data_range, window, sigma):
    from skimage.metrics import structural_similarity

    options = dict(gaussian_weights=True, sigma=sigma, use_sample_covariance=False, channel_axis=0, data_range=data_range)
    return [1 - structural_similarity(x, y, win_size=window, **options) for x, y in zip(image, target)]
