"""Element-wise losses. A row is one number, and a kernel makes a handful of passes over a tile that is in the cache.

What an op costs decides how a kernel is written. On a CPU a comparison or a `where` costs as much as five to twenty
multiplications, so cases are told apart by clamp, sign and maximum, and one exponential serves value and gradient alike.
"""

import math

import torch

from .. import classification, regression
from .._loss import in_range
from ._engine import fused

LOG2_E = math.log2(math.e)


def _squared_error(pred, target, wanted):
    r = pred - target
    return r * r, r.add_(r)


def _absolute_error(pred, target, wanted):
    r = pred - target
    return r.abs(), r.sign_()


def _huber(pred, target, wanted, delta=1.0):
    """With c = r clipped to ±δ: value c (r - c/2), slope c."""
    in_range(delta=delta, low=0)
    r = pred - target
    c = r.clamp(-delta, delta)
    return r.sub_(c, alpha=0.5).mul_(c), c


def _smooth_l1(pred, target, wanted, beta=1.0):
    in_range(beta=beta, low=0)
    value, slope = _huber(pred, target, wanted, delta=beta)
    return (value, slope) if beta == 1 else (value.div_(beta), slope.div_(beta))


def _log_cosh(pred, target, wanted):
    """With u = e^(-2|r|) - 1 and q = 1 / (2 + u), tanh |r| is -t for t = u q. Up to |r| = 1 the value is -½ log(1 - t²), and
    beyond (|r| - 1) - ½ log(2 q / e)²: nothing cancels, and the argument of the log is the larger one of the two."""
    r = pred - target
    twice = r.abs().mul_(-2)
    t = twice.expm1()
    q = (t + 2).reciprocal_()
    t.mul_(q)
    far = q.mul_(2 / math.e).square_().sub_(1)
    log = torch.maximum((t * t).neg_(), far, out=far).log1p_()
    return twice.add_(2).clamp_max_(0).add_(log).mul_(-0.5), r.sign_().mul_(t).neg_()


def _charbonnier(pred, target, wanted, scale=1.0):
    """s r² / (h + s) and s r / h with h = √(r² + s²)."""
    in_range(scale=scale, low=0)
    r = pred - target
    square = r * r
    h = square.add(scale * scale).sqrt_()
    return square.mul_(scale).div_(h.add(scale)), r.mul_(scale).div_(h)


def _pinball(pred, target, wanted, tau=0.5):
    in_range(tau=tau, low=0, high=1)
    r = pred - target
    return _leaning(r, tau).abs_(), r.sign_().clamp_min_(0).sub_(tau)


def _expectile(pred, target, wanted, tau=0.5):
    in_range(tau=tau, low=0, high=1)
    r = pred - target
    slope = _leaning(r, tau)
    return r.mul_(slope), slope.mul_(2)


def _quantile_huber(pred, target, wanted, tau=0.5, delta=1.0):
    """With c = r/δ clipped to ±1, which leans to one side: value c' (r - δ c/2), slope c'."""
    in_range(tau=tau, low=0, high=1)
    in_range(delta=delta, low=0)
    r = pred - target
    c = (r / delta).clamp_(-1, 1)
    slope = _leaning(c, tau)
    return r.sub_(c.mul_(delta / 2)).mul_(slope), slope


def _leaning(r, tau):
    """(1 - τ) r for r > 0 and τ r below."""
    return (torch.maximum if tau < 0.5 else torch.minimum)(r * (1 - tau), r * tau)


def _sigmoid_cross_entropy(logit, target, wanted, pos_weight=1.0):
    """With e = e^-|z|: value z c + (1 - y + w y) log(1 + e), where c is what the sign of z leaves of the gradient,
    (1 - y) above and -w y below; gradient c ∓ (1 - y + w y) e / (1 + e)."""
    in_range(pos_weight=pos_weight, low=0, closed="[")
    _in_unit_interval(target)
    side = logit.sign()
    e = logit.abs().mul_(-LOG2_E).exp2_()
    above = side.add(1).mul_(0.5)
    log, tail = e.log1p(), e.div_(e.add(1)).mul_(side)
    if pos_weight == 1:
        c = above.sub_(target)
    else:
        c = torch.lerp(target * -pos_weight, 1 - target, above)
        both = target.mul(pos_weight - 1).add_(1)
        log, tail = log.mul_(both), tail.mul_(both)
    return log.addcmul_(logit, c), c.sub_(tail)


def _sigmoid_focal(logit, target, wanted, gamma=2.0, alpha=None):
    """With u = ±z, the logit of the true class, and m = σ(-u), what it lacks: value m^γ CE, slope -m^γ (m + γ (1 - m) CE)."""
    in_range(gamma=gamma, low=0, closed="[")
    least, most = (target - target * target).aminmax()
    if least < 0:
        raise ValueError("target must lie in [0, 1]")
    if most > 0:
        return None  # between 0 and 1 there are two costs to mix
    side = target.mul(2).sub_(1)
    u = side * logit
    e = u.abs().mul_(-LOG2_E).exp2_()
    cost = e.log1p().add_(u.neg().clamp_min_(0))
    tail = e.div_(e.add(1))  # σ(-|u|)
    lacks = torch.lerp(1 - tail, tail, torch.gt(u, 0, out=u))
    scale = lacks**gamma
    if alpha is not None:
        in_range(alpha=alpha, low=0, high=1, closed="[]")
        scale.mul_(target.mul(2 * alpha - 1).add_(1 - alpha))
    value = scale * cost
    slope = torch.addcmul(lacks, cost, 1 - lacks, value=gamma).mul_(scale).mul_(side.neg_())
    return value, slope


def _in_unit_interval(target):
    least, most = target.aminmax()
    if least < 0 or most > 1:
        raise ValueError("target must lie in [0, 1]")


def _regression(name, kernel=None):
    return fused(getattr(regression, name), getattr(regression, f"{name}_gradient"), kernel=kernel)


squared_error = _regression("squared_error", _squared_error)
absolute_error = _regression("absolute_error", _absolute_error)
huber = _regression("huber", _huber)
smooth_l1 = _regression("smooth_l1", _smooth_l1)
log_cosh = _regression("log_cosh", _log_cosh)
charbonnier = _regression("charbonnier", _charbonnier)
pinball = _regression("pinball", _pinball)
expectile = _regression("expectile", _expectile)
quantile_huber = _regression("quantile_huber", _quantile_huber)
cauchy = _regression("cauchy")
geman_mcclure = _regression("geman_mcclure")
welsch = _regression("welsch")
tukey_biweight = _regression("tukey_biweight")
general_robust = _regression("general_robust")
epsilon_insensitive = _regression("epsilon_insensitive")
absolute_percentage_error = _regression("absolute_percentage_error")
squared_log_error = _regression("squared_log_error")
sigmoid_cross_entropy = fused(
    classification.sigmoid_cross_entropy, classification.sigmoid_cross_entropy_gradient, kernel=_sigmoid_cross_entropy
)
sigmoid_focal = fused(classification.sigmoid_focal, classification.sigmoid_focal_gradient, kernel=_sigmoid_focal)
