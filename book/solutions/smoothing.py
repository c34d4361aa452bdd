def smoothing_1(eps, classes):
    """ε'/K = ε/(K - 1) on each wrong class; the label then agrees, too."""
    return eps * classes / (classes - 1)


def smoothing_2(p, eps):
    """p = (1 - ε) q + ε/K, solved for q."""
    return (p - eps / p.shape[-1]) / (1 - eps)


def smoothing_3():
    """The targets are 1 - ε + ε σ(z) and ε (1 - σ(z)); the gap is the logarithm of their ratio."""
    return "log((1 - epsilon + epsilon * sigmoid(z)) / (epsilon * (1 - sigmoid(z))))"


def smoothing_4():
    """Sure of the second class: the right order pulls with nearly √2, the exchanged one with a multiple of e^-15."""
    return [0.0, 15.0, 0.0]
