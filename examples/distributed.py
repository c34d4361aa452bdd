"""Two losses over several processes, and the proof that they are the losses of one.

    torchrun --nproc-per-node 2 examples/distributed.py

Each process (rank) has its own rows of a small problem; the numbers of rows differ. A network is trained with a contrastive loss
whose negatives are the rows of all ranks, under DistributedDataParallel, and a classifier whose classes are split over the ranks.
Beside it each rank does the same alone, with everything. Without torchrun there is one rank, and the losses are the same.
"""

import os

import torch
import torch.distributed as dist

import lossbook
from lossbook import distributed

ROWS, CLASSES, STEPS, RATE = 23, 11, 5, 0.5


def mine(n):
    """Which of n rows or classes this rank holds. They are not shared out evenly: the last rank has what is left."""
    ranks = dist.get_world_size() if dist.is_initialized() else 1
    rank = dist.get_rank() if dist.is_initialized() else 0
    each = n // (ranks + 1) + 1
    return slice(rank * each, n if rank == ranks - 1 else (rank + 1) * each)


def numbers(*shape, seed):
    """The same on every rank."""
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network():
    net = torch.nn.Linear(6, 4, dtype=torch.float64)
    with torch.no_grad():
        net.weight.copy_(numbers(4, 6, seed=1))
        net.bias.zero_()
    return net


def step(net):
    """One step down the gradient, which is returned."""
    gradient = torch.cat([p.grad.flatten() for p in net.parameters()])
    with torch.no_grad():
        for p in net.parameters():
            p -= RATE * p.grad
    net.zero_grad()
    return gradient


def contrastive():
    """NT-Xent of two noisy views of each row, the network's weights averaged by DistributedDataParallel."""
    rows = numbers(ROWS, 6, seed=2)
    views = [rows + 0.3 * numbers(ROWS, 6, seed=seed) for seed in (3, 4)]
    alone, net = network(), network()
    spread = torch.nn.parallel.DistributedDataParallel(net) if dist.is_initialized() else net
    for _ in range(STEPS):
        one_process = lossbook.nt_xent(*(alone(view) for view in views))
        one_process.backward()
        loss = distributed.nt_xent(*(spread(view[mine(ROWS)]) for view in views))
        distributed.for_ddp(loss).backward()  # DistributedDataParallel takes the mean of the gradients over the ranks
        difference = (step(net) - step(alone)).abs().max()
    return "contrastive loss", loss.detach(), one_process.detach(), difference.item()


def vocabulary():
    """Cross-entropy of a linear classifier; each rank has the kernel of its own classes, and all have the same hidden rows."""
    hidden, labels = numbers(ROWS, 6, seed=5), torch.arange(ROWS) ** 2 % CLASSES
    alone = numbers(CLASSES, 6, seed=6).requires_grad_()
    kernel = alone.detach()[mine(CLASSES)].clone().requires_grad_()
    for _ in range(STEPS):
        one_process = lossbook.softmax_cross_entropy(hidden @ alone.T, labels)
        loss = distributed.linear_cross_entropy(hidden, kernel, labels)
        (of_alone,) = torch.autograd.grad(one_process, alone)
        (of_kernel,) = torch.autograd.grad(loss, kernel)
        with torch.no_grad():
            alone -= RATE * of_alone
            kernel -= RATE * of_kernel
        difference = (of_kernel - of_alone[mine(CLASSES)]).abs().max()
    return "vocabulary-parallel cross-entropy", loss.detach(), one_process.detach(), difference.item()


def results():
    return [contrastive(), vocabulary()]


def main():
    if "WORLD_SIZE" in os.environ:  # torchrun sets it
        dist.init_process_group("gloo")
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    for name, loss, alone, difference in results():
        if rank == 0:
            print(f"{name} after {STEPS} steps")
            print(f"  on {ranks} rank(s) {loss:.15f}, in one process {alone:.15f}")
            print(f"  the gradients of rank 0 differ by at most {difference:.0e}")
        assert abs(loss - alone) < 1e-12 and difference < 1e-12
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
