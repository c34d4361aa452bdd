"""One torch module that turns any loss of the package into a layer."""

import inspect

import torch


class Loss(torch.nn.Module):
    """A loss function with its parameters fixed: ``Loss(lossbook.huber, delta=2.0)(pred, target)``.

    `function` is any loss of this package (or one with the same signature); `params` are passed to it at every call. Tensors
    among them become buffers, so that `.to(device)` moves them. An unknown parameter raises TypeError at once.
    `fused="auto"` takes the form of ``lossbook.fused`` where the loss has one and the batch is large enough to gain by it; True
    takes it always, False never (second derivatives need the plain loss).

    >>> import lossbook, torch
    >>> loss = Loss(lossbook.huber, delta=2.0)
    >>> loss
    Loss(huber, delta=2.0)
    >>> loss(torch.tensor([3.0]), torch.tensor([0.0]))
    tensor(4.)
    """

    def __init__(self, function, *, fused="auto", **params):
        super().__init__()
        from .fused import FORMS

        if fused not in ("auto", True, False):
            raise ValueError(f"fused must be 'auto', True or False, got {fused!r}")
        form = FORMS.get(function)
        if fused is True and form is None:
            raise ValueError(f"fused must be 'auto' or False for {function.__name__}: it has no fused form")
        self.function, self.form = function, form if fused else None
        self.least = form.pays_from if form and fused == "auto" else 0
        keywords = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
        accepted = [name for name in keywords if name != "weight"]  # the weights belong to a batch: they come with the call
        unknown = sorted(set(params) - set(accepted))
        if unknown:
            raise TypeError(f"{function.__name__} has no parameter {', '.join(unknown)}; it takes {', '.join(accepted)}")
        self._names = list(params)
        for name, value in params.items():
            if isinstance(value, torch.Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *arrays, weight=None, **options):
        """The loss of a batch: `pred, target` or what else the loss takes, then `weight`, by name or as the last one.

        `options` may hold `denominator`, or override a fixed parameter for this call.
        """
        takes = len(getattr(self.function, "axes", ("pred", "target")))
        if weight is None and len(arrays) == takes + 1:
            *arrays, weight = arrays
        params = {name: getattr(self, name) for name in self._names}
        tensors = arrays and isinstance(arrays[0], torch.Tensor) and not torch.compiler.is_compiling()
        pays = self.form and tensors and arrays[0].numel() >= self.least
        return (self.form if pays else self.function)(*arrays, weight=weight, **(params | options))

    def extra_repr(self):
        return ", ".join([self.function.__name__, *(f"{name}={getattr(self, name)}" for name in self._names)])
