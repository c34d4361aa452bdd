"""The very small language model: probabilities that add up, a training that repeats, and samples that follow the model."""

import itertools

import numpy as np
import pytest
import torch

from lossbook.tiny_lm import START, TinyLM, train_lm

VOWELS = torch.arange(300) % 3 + 1  # 1 2 3 1 2 3 ...


def untrained(seed=0, vocabulary=4):
    """A model whose tokens are not equally probable."""
    model = TinyLM(vocabulary, context=2, width=3, hidden=5, seed=seed)
    with torch.no_grad():
        model.output.weight.copy_(torch.from_numpy(np.random.default_rng(seed).normal(size=(vocabulary, 5))))
    return model


def test_it_starts_with_equal_probabilities():
    log_p = TinyLM(7)(torch.zeros(1, 5, dtype=torch.int64)).log_softmax(-1)
    torch.testing.assert_close(log_p, torch.full((1, 7), -np.log(7), dtype=torch.float64))


def test_the_windows_hold_what_came_before():
    windows = untrained().windows(torch.tensor([[3, 1, 2]]))
    assert windows.tolist() == [[[START, START], [START, 3], [3, 1]]]


def test_all_sequences_of_one_length_sum_to_one():
    every = torch.tensor(list(itertools.product(range(4), repeat=4)))
    with torch.no_grad():
        total = untrained().log_probs(every).sum(-1).exp().sum()
    assert total.item() == pytest.approx(1, rel=1e-13)


def test_a_token_does_not_see_itself_nor_what_follows():
    tokens = torch.tensor([1, 2, 3, 0])
    with torch.no_grad():
        before, after = (untrained().log_probs(t) for t in (tokens, torch.tensor([1, 2, 3, 2])))
    assert torch.equal(before[:3], after[:3])
    assert before[3] != after[3]


def test_training_repeats_to_the_last_bit_and_learns():
    losses = []
    for _ in range(2):
        model = TinyLM(4, context=2, width=3, hidden=8)
        losses.append(train_lm(model, VOWELS, steps=100, batch_size=32, lr=0.03))
    np.testing.assert_array_equal(*losses)
    assert losses[0][0] == pytest.approx(np.log(4))
    with torch.no_grad():
        assert model.log_probs(VOWELS)[2:].exp().min() > 0.9
    written = model.sample(6, np.random.default_rng(0), prompt=torch.tensor([1, 2]))
    assert written.tolist() == [3, 1, 2, 3, 1, 2]


def test_samples_follow_the_model():
    model, rng = untrained(), np.random.default_rng(1)
    prompt = torch.tensor([[1, 3]]).expand(20_000, 2)
    written = model.sample(2, rng, prompt=prompt)
    assert written.shape == (20_000, 2)
    with torch.no_grad():
        p = model(torch.tensor([1, 3])).softmax(-1).numpy()
        likely = int(p.argmax())
        second = model(torch.tensor([3, likely])).softmax(-1).numpy()
    share = np.bincount(written[:, 0], minlength=4) / 20_000
    np.testing.assert_allclose(share, p, atol=0.015)
    after = written[written[:, 0] == likely, 1]
    np.testing.assert_allclose(np.bincount(after, minlength=4) / len(after), second, atol=0.02)


def test_a_low_temperature_takes_the_most_probable():
    model = untrained()
    written = model.sample(1, np.random.default_rng(0), prompt=torch.tensor([[1, 2]] * 20), temperature=1e-3)
    assert (written == model(torch.tensor([1, 2])).argmax()).all()
    assert model.sample(3, np.random.default_rng(0)).shape == (3,)
