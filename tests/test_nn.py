"""nn.Loss: any loss of the package as a torch module."""

import pytest
import torch

import lossbook
from lossbook import nn

PRED, TARGET = torch.tensor([3.0, 0.5]), torch.tensor([0.0, 0.0])


def test_value_and_repr():
    layer = nn.Loss(lossbook.huber, delta=2.0)
    assert layer(PRED, TARGET) == lossbook.huber(PRED, TARGET, delta=2.0)
    assert repr(layer) == "Loss(huber, delta=2.0)"


def test_weight_and_denominator():
    weight = torch.tensor([1.0, 0.0])
    assert nn.Loss(lossbook.huber)(PRED, TARGET, weight) == lossbook.huber(PRED, TARGET, weight=weight)
    assert nn.Loss(lossbook.huber)(PRED, TARGET, denominator=8) == lossbook.huber(PRED, TARGET, denominator=8)
    assert nn.Loss(lossbook.huber, reduction="none")(PRED, TARGET).shape == (2,)


def test_losses_of_more_or_fewer_arrays():
    """Whatever the loss takes, in its order; the weight comes after, or by name."""
    scale, samples = torch.tensor([1.0, 2.0]), torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    weight = torch.tensor([1.0, 3.0])
    for loss, arrays in ((lossbook.crps_gaussian, (PRED, scale, TARGET)), (lossbook.crps_ensemble, (samples, TARGET))):
        assert nn.Loss(loss)(*arrays) == loss(*arrays)
        assert nn.Loss(loss)(*arrays, weight) == nn.Loss(loss)(*arrays, weight=weight) == loss(*arrays, weight=weight)


def test_arrays_by_name_and_of_numpy():
    layer = nn.Loss(lossbook.huber)
    assert layer(pred=PRED, target=TARGET) == lossbook.huber(PRED, TARGET)
    assert layer(PRED.numpy(), TARGET.numpy()) == lossbook.huber(PRED.numpy(), TARGET.numpy())


def test_tensor_parameters_move_and_are_saved():
    layer = nn.Loss(lossbook.softmax_cross_entropy, class_weights=torch.tensor([1.0, 2.0]))
    assert list(layer.state_dict()) == ["class_weights"]
    assert layer.to(torch.float64).class_weights.dtype == torch.float64
    logits = torch.tensor([[0.3, 0.1], [0.0, 2.0]], dtype=torch.float64)
    want = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]), weight=torch.tensor([1.0, 2.0], dtype=torch.float64))
    torch.testing.assert_close(layer(logits, torch.tensor([0, 1])), want)


def test_unknown_parameter():
    with pytest.raises(TypeError, match=r"huber has no parameter tau; it takes delta"):
        nn.Loss(lossbook.huber, tau=0.5)
    with pytest.raises(TypeError, match="no parameter weight"):  # weights belong to a batch
        nn.Loss(lossbook.huber, weight=torch.ones(2))


def test_compile_vmap_grad():
    layer = nn.Loss(lossbook.huber, delta=torch.tensor(2.0))
    torch._dynamo.reset()
    assert torch.compile(layer, fullgraph=True, backend="eager")(PRED, TARGET) == layer(PRED, TARGET)
    torch.testing.assert_close(torch.func.vmap(layer)(PRED, TARGET), lossbook.huber(PRED, TARGET, delta=2.0, reduction="none"))
    torch.testing.assert_close(torch.func.grad(layer)(PRED, TARGET), torch.tensor([1.0, 0.25]))


def test_trains():
    x = torch.linspace(-1, 1, 20)[:, None]
    model = torch.nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(0.0)
        model.bias.fill_(0.0)
    optimiser, loss = torch.optim.SGD(model.parameters(), lr=0.5), nn.Loss(lossbook.squared_error)
    for _ in range(200):
        optimiser.zero_grad()
        loss(model(x)[:, 0], 3 * x[:, 0] + 1).backward()
        optimiser.step()
    torch.testing.assert_close(model.weight.item(), 3.0, rtol=1e-4, atol=0)
