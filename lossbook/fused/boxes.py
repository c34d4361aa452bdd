"""Box losses. A tile of boxes is turned over, so that each step works on long rows: x and y of the lower corners, of the upper.

The lengths are those of the plain definition: s and t the sizes of box and target, b and a how far the box reaches beyond the
target below and above, m the intersection, c the hull, in units of its longer side. A loss is a function of s, m, c and of the
distance of the centres, and its gradient starts from the slopes S, M and C in these lengths: an upper edge that moves out changes
s, and m if it is inside the target (a < 0), else c, or half of both where the edges meet: S + (M + C)/2 - sign(a) (M - C)/2.
"""

import math

import torch

from .. import boxes as plain
from ._engine import fused


def _kernel(hull=False, centres=False, shapes=False):
    """1 - IoU, with a penalty for what the hull holds beside the boxes, for the distance of the centres, for another shape."""

    def kernel(boxes, targets, wanted):
        if boxes.shape[-1] != 4:
            raise ValueError
        (low, high), (true_low, true_high) = (torch.stack(x.unbind(-1)).view(2, 2, -1) for x in (boxes, targets))
        lengths = low.new_empty(6, *low.shape)
        s, t, b, a, m, c = lengths
        for length, upper, lower in ((s, high, low), (t, true_high, true_low), (b, true_low, low), (a, high, true_high)):
            torch.sub(upper, lower, out=length)
        if lengths[:2].amin() < 0:
            raise ValueError
        torch.sub(torch.minimum(high, true_high), torch.maximum(low, true_low), out=m)
        torch.sub(torch.maximum(high, true_high), torch.minimum(low, true_low), out=c)
        tiny = torch.finfo(s.dtype).tiny  # a ratio 0/0 is 0 here, as 0/tiny is
        unit = c.amax(0).clamp_min_(tiny)
        lengths.div_(unit)
        apart = m.amin(0).sign_().clamp_max_(0).neg_()
        m.mul_(1 - apart)
        outside, missed = b.clamp_min(0).add_(a.clamp_min(0)), b.clamp_max(0).add_(a.clamp_max(0)).neg_()
        areas, both = (s[0] * s[1]).addcmul_(t[0], t[1]), m[0] * m[1]
        union = areas - both
        whole = union.clamp_min(tiny)
        alone = (outside[0] * s[1]).addcmul_(missed[0], t[1]).addcmul_(m[0], outside[1] + missed[1])  # nothing cancels
        one = apart
        if union.amin() == 0:  # boxes without area, that differ
            one = apart.maximum((union == 0).logical_and_((outside + missed).amax(0) > 0).to(s.dtype))
        value = miss = torch.lerp(alone.div_(whole), torch.ones_like(one), one)
        # -∂IoU is both/U² in the area of the box, -areas/U² in that of the intersection.
        S, M, C = both.div_(whole).div_(whole), (areas / whole).div_(whole).neg_(), 0
        if shapes:
            (w, h), longer = _direction(s, tiny)
            (true_w, true_h), _ = _direction(t, tiny)
            angle = torch.atan2((true_w * h).sub_(true_h * w), (true_w * w).addcmul_(true_h, h))
            v = (angle * angle).mul_(4 / math.pi**2)
            alpha = v / (miss + v).clamp_min_(tiny)  # the penalty is α v
            value = torch.addcmul(value, alpha, v)
            keep, turn = 1 - alpha * alpha, angle.mul_(alpha * (2 - alpha)).mul_(8 / math.pi**2)
            turn.div_((w * w).addcmul_(h, h).clamp_min_(tiny)).div_(longer)
            S, M, turned = S.mul_(keep), M.mul_(keep), torch.stack([h.neg(), w]).mul_(turn)
        if hull:
            area = c[0] * c[1]
            some = area.clamp_min(tiny)
            per_area = area.sign().div_(some)
            gap = torch.lerp((outside[0] * missed[1]).addcmul_(missed[0], outside[1]), area - areas, apart)
            value = torch.addcmul(value, gap, per_area)  # 1 - U/c
            S, M, C = S.sub_(per_area), M.add_(per_area), (union / some).mul_(per_area)
        S, M, C = (slope * length.flip(0) if torch.is_tensor(slope) else 0 for slope, length in ((S, s), (M, m), (C, c)))
        if shapes:
            S += turned
        centre = 0
        if centres:
            centre = (a - b).div_(2)
            diagonal = (c[0] * c[0]).addcmul_(c[1], c[1]).clamp_min_(tiny)
            ratio = (centre[0] * centre[0]).addcmul_(centre[1], centre[1]).div_(diagonal)
            value = value + ratio
            C, centre = c * ratio.mul_(-2).div_(diagonal), centre.div_(diagonal)
        if not wanted:
            return (value,)
        mean, half = S.add_(M + C, alpha=0.5), (M - C).mul_(0.5)
        gradient = torch.stack([b.sign_().mul_(half).sub_(mean), a.sign_().mul_(half).neg_().add_(mean)]).add_(centre)
        return value, gradient.div_(unit).view(4, -1).T

    return kernel


def _direction(size, tiny):
    longer = size.amax(0).clamp_min_(tiny)
    return size / longer, longer


iou_loss = fused(plain.iou_loss, plain.iou_loss_gradient, kernel=_kernel(), pays_from=500)
giou_loss = fused(plain.giou_loss, plain.giou_loss_gradient, kernel=_kernel(hull=True), pays_from=500)
diou_loss = fused(plain.diou_loss, plain.diou_loss_gradient, kernel=_kernel(centres=True), pays_from=500)
ciou_loss = fused(plain.ciou_loss, plain.ciou_loss_gradient, kernel=_kernel(centres=True, shapes=True), pays_from=500)
