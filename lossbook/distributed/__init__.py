"""Losses of a batch, or of classes, that is spread over the processes (ranks) of torch.distributed.

Names and arguments are those of the plain losses of this package, and so are the values: every rank gets the number that one
process would get for everything together. `group` is the process group, by default all ranks. Where nothing is initialised there
is one rank, so that a script also runs without a launcher; after `torchrun` with several it is an error.

**Which rows, which classes.** Each rank passes its own rows to the contrastive losses, `barlow_twins`, `vicreg`, the pairwise
losses and `global_mean`; the numbers of rows may differ, and may be 0. To `softmax_cross_entropy` and `linear_cross_entropy` each
rank passes all rows and its own classes.

**Which gradient.** There is one loss L, and every rank holds the same copy of it. Each rank calls backward on its copy, with the
same factor, and receives the gradient of L with respect to its own tensors: that of one process, cut where the tensors are cut. A
tensor of which each rank holds a copy, such as a learned temperature or the weights of a network, receives this rank's share, and
the *sum* of the shares is the gradient. With ``reduction="none"`` the loss is the sum of what all ranks make of their values.

**With DistributedDataParallel.** It takes the *mean* of the gradients over the ranks, which is 1 / (number of ranks) of that sum.
`for_ddp(L)` has the value of L and that number times its gradient, so that the mean is the gradient of L and one step equals the
step of one process; FSDP, which takes the mean too, needs the same. ::

    z1, z2 = ddp_model(view1), ddp_model(view2)
    loss = lossbook.distributed.nt_xent(z1, z2)  # over all rows of all ranks
    lossbook.distributed.for_ddp(loss).backward()

For losses whose examples do not see each other it is enough to divide by the count of all ranks, which padding and uneven batches
make differ from rank to rank: this is then the rank's share of the mean. ::

    share = lossbook.huber(pred, target, weight=mask, denominator=lossbook.distributed.total(mask))
    lossbook.distributed.for_ddp(share).backward()

**What can go wrong.** Before they exchange data the ranks compare what they were given. If one got a wrong shape or dtype, or
they disagree, all raise the same error, which names the rank; so one exchange of small Python objects comes first, for which
a GPU waits. A rank that has died or does not come ends the wait of the others by the timeout that ``init_process_group`` was
given. If one rank calls backward, all must. Second derivatives raise RuntimeError.
"""

from ._ranks import for_ddp, global_mean, total
from .batch import barlow_twins, pairwise_square, pairwise_squared_hinge, vicreg
from .contrast import info_nce, nt_xent, siglip, supervised_contrastive
from .vocabulary import linear_cross_entropy, softmax_cross_entropy

__all__ = [
    "barlow_twins",
    "for_ddp",
    "global_mean",
    "info_nce",
    "linear_cross_entropy",
    "nt_xent",
    "pairwise_square",
    "pairwise_squared_hinge",
    "siglip",
    "softmax_cross_entropy",
    "supervised_contrastive",
    "total",
    "vicreg",
]
