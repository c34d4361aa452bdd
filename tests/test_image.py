"""What only losses of images have: neighbours, windows, channels, and the conventions of other libraries."""

import numpy as np
import pytest
import torch

import lossbook
from lossbook import CARDS, check

LIBRARIES = {"numpy": np.asarray, "torch": torch.as_tensor}


def test_total_variation_in_loops():
    image, total = np.random.default_rng(80).standard_normal((3, 2, 4, 5)), np.zeros(3)
    for n, c, i, j in np.ndindex(image.shape):
        total[n] += abs(image[n, c, i + 1, j] - image[n, c, i, j]) if i < 3 else 0
        total[n] += abs(image[n, c, i, j + 1] - image[n, c, i, j]) if j < 4 else 0
    np.testing.assert_allclose(lossbook.total_variation(image, reduction="none"), total, rtol=1e-14)


def test_isotropic_and_anisotropic():
    """The isotropic sum is at most the anisotropic one, and that at most √2 times as large."""
    image = np.random.default_rng(81).standard_normal((50, 1, 6, 7))
    down, right = np.zeros(image.shape), np.zeros(image.shape)
    down[..., :-1, :], right[..., :-1] = np.diff(image, axis=-2), np.diff(image, axis=-1)
    isotropic = np.sqrt(down**2 + right**2).sum(axis=(1, 2, 3))
    ours = lossbook.total_variation(image, reduction="none")
    assert np.all(isotropic <= ours)
    assert np.all(ours <= np.sqrt(2) * isotropic)


def test_equal_neighbours_have_no_slope():
    flat = torch.zeros((1, 1, 3, 3), requires_grad=True)
    assert torch.all(torch.autograd.grad(lossbook.total_variation(flat), flat)[0] == 0)
    assert np.all(CARDS["total_variation"].gradient(np.zeros((1, 1, 3, 3))) == 0)
    spike = np.zeros((1, 1, 3, 3))
    spike[..., 1, 1] = 5
    assert CARDS["total_variation"].gradient(spike)[0, 0].tolist() == [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]


def by_moments(x, y, window=11, sigma=1.5, data_range=1.0):
    """As the authors' code: one Gaussian window, 'valid' places, E xy - E x E y; in loops."""
    k = np.arange(window) - window // 2
    w = np.exp(-(k[:, None] ** 2 + k**2) / (2 * sigma**2))
    w, (c1, c2), places = w / w.sum(), ((0.01 * data_range) ** 2, (0.03 * data_range) ** 2), []
    for c, i, j in np.ndindex(x.shape[0], x.shape[1] - window + 1, x.shape[2] - window + 1):
        a, b = x[c, i : i + window, j : j + window], y[c, i : i + window, j : j + window]
        ma, mb = (w * a).sum(), (w * b).sum()
        va, vb, ab = (w * a * a).sum() - ma**2, (w * b * b).sum() - mb**2, (w * a * b).sum() - ma * mb
        places.append((2 * ma * mb + c1) * (2 * ab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return 1 - np.mean(places)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("options", [{}, {"window": 7, "sigma": 0.8, "data_range": 2.0}])
def test_ssim_in_loops(library, options):
    x, y = np.random.default_rng(82).random((2, 2, 3, 13, 16))
    want = [by_moments(*pair, **options) for pair in zip(x, y)]
    np.testing.assert_allclose(lossbook.ssim(*map(LIBRARIES[library], (x, y)), reduction="none", **options), want, rtol=1e-11)


def test_ssim_of_a_real_size_is_that_of_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    x, y = 255 * np.random.default_rng(83).random((2, 1, 1, 20, 24))
    options = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255.0)
    want = 1 - metrics.structural_similarity(x[0, 0], y[0, 0], **options)
    assert lossbook.ssim(x, y, data_range=255.0) == pytest.approx(want, rel=1e-11)


def test_gradient_of_ssim_at_the_default_window():
    x, y = (torch.as_tensor(a).requires_grad_() for a in np.random.default_rng(84).random((2, 2, 2, 12, 14)))
    slopes = torch.autograd.grad(lossbook.ssim(x, y, reduction="sum"), (x, y))
    x, y = x.detach(), y.detach()
    for slope, by_hand in zip(slopes, (CARDS["ssim"].gradient(x, y), CARDS["ssim"].gradient(y, x))):
        torch.testing.assert_close(slope, by_hand, rtol=1e-10, atol=1e-14)


def test_a_flat_image_in_float32_keeps_its_digits():
    """E x² - (E x)² would be off by 1e-7, which is not small beside C2 = 9e-4: here only μ differs."""
    x, y = np.full((1, 1, 12, 12), 0.9, np.float32), np.full((1, 1, 12, 12), 0.8, np.float32)
    want = float(np.float64(x[0, 0, 0, 0]) - y[0, 0, 0, 0]) ** 2 / (0.9**2 + 0.8**2 + 1e-4)
    assert float(lossbook.ssim(x, y)) == pytest.approx(want, rel=1e-6)
    image = 0.9 + 1e-3 * np.random.default_rng(85).standard_normal((1, 1, 12, 12))
    near = image + 1e-4 * np.random.default_rng(86).standard_normal(image.shape)
    image, near = image.astype(np.float32), near.astype(np.float32)
    want = float(lossbook.ssim(image.astype(float), near.astype(float)))
    assert float(lossbook.ssim(image, near)) == pytest.approx(want, rel=1e-5)


def test_windows_that_do_not_fit():
    image = np.zeros((1, 1, 10, 12))
    with pytest.raises(ValueError, match="window must fit into the image: it has 11 pixels"):
        lossbook.ssim(image, image)
    with pytest.raises(ValueError, match="window must be an odd number"):
        lossbook.ssim(image, image, window=4)


def test_the_wrong_data_range():
    """Bytes with the range of 1: the constants vanish beside them, and a flat image is no longer forgiven its noise."""
    rng = np.random.default_rng(87)
    x = 128 + rng.standard_normal((1, 1, 16, 16))
    y = 128 + rng.standard_normal((1, 1, 16, 16))
    assert lossbook.ssim(x, y, data_range=255.0) < 0.1 < 0.5 < lossbook.ssim(x, y)


FAILURES = [("triangle_inequality of images", lambda: check.triangle_inequality("ssim"))]
