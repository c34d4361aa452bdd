"""A very small language model that a chapter can train in seconds: the last few characters, embedded, and one hidden layer.

It gives the log-probability of each token given those before it, and writes tokens one by one. As everywhere in the book the
numbers are float64, the weights are drawn by NumPy, and the seed decides all.
"""

import numpy as np
import torch
from torch import nn

from .train import initialize

START = 0  # before its first token a text is taken to be preceded by token 0: in `data.text`, the end of a paragraph


class TinyLM(nn.Module):
    """p(token | the `context` tokens before it): embeddings, one hidden layer with tanh, softmax over the `vocabulary`.

    >>> model = TinyLM(vocabulary=5, context=3)
    >>> model.log_probs(torch.tensor([[2, 4, 4, 1]])).shape
    torch.Size([1, 4])
    """

    def __init__(self, vocabulary, *, context=5, width=12, hidden=96, seed=0):
        super().__init__()
        self.context, real = context, {"dtype": torch.float64}
        self.embedding = nn.Embedding(vocabulary, width, **real)
        self.hidden, self.output = nn.Linear(context * width, hidden, **real), nn.Linear(hidden, vocabulary, **real)
        initialize(self, seed=seed)
        nn.init.zeros_(self.output.weight)  # every token is equally probable at first

    def forward(self, contexts):
        """Logits (..., K) for contexts (..., context) of tokens."""
        return self.output(torch.tanh(self.hidden(self.embedding(contexts).flatten(-2))))

    def windows(self, tokens):
        """For each of the tokens (..., T) the tokens before it: (..., T, context)."""
        before = tokens.new_full((*tokens.shape[:-1], self.context), START)
        return torch.cat([before, tokens], dim=-1).unfold(-1, self.context, 1)[..., :-1, :]

    def log_probs(self, tokens):
        """Log-probability of each of the tokens (..., T) given those before it; their sum is that of the sequence."""
        log_p = torch.log_softmax(self(self.windows(tokens)), dim=-1)
        return log_p.gather(-1, tokens[..., None])[..., 0]

    @torch.no_grad()
    def sample(self, n, rng, *, prompt=None, temperature=1.0):
        """`n` tokens, drawn one after the other with the NumPy generator `rng`, after a `prompt` (..., S): shape (..., n)."""
        tokens = torch.empty(0, dtype=torch.int64) if prompt is None else torch.as_tensor(prompt)
        tokens = torch.cat([tokens.new_full((*tokens.shape[:-1], self.context), START), tokens], dim=-1)
        for _ in range(n):
            p = torch.softmax(self(tokens[..., -self.context :]) / temperature, dim=-1).numpy()
            below = (p.cumsum(-1) < rng.random((*p.shape[:-1], 1))).sum(-1, keepdims=True)
            tokens = torch.cat([tokens, torch.from_numpy(np.minimum(below, p.shape[-1] - 1))], dim=-1)
        return tokens[..., tokens.shape[-1] - n :]


def train_lm(model, tokens, *, steps=600, batch_size=256, lr=0.015, seed=0):
    """Train `model` in place on tokens (T,) with Adam, the learning rate falling to 0; returns the loss of every step."""
    tokens = torch.as_tensor(tokens)
    windows, rng, losses = model.windows(tokens), np.random.default_rng(seed), []
    parameters = list(model.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    for step in range(steps):
        batch = torch.from_numpy(rng.integers(0, len(tokens), batch_size))
        loss = nn.functional.cross_entropy(model(windows[batch]), tokens[batch])
        losses.append(loss.item())
        slopes = torch.autograd.grad(loss, parameters)
        with torch.no_grad():  # Adam, written out: torch's own optimiser imports its compiler first
            rate = lr * (1 - step / steps)
            for p, m, v, g in zip(parameters, first, second, slopes):
                m.lerp_(g, 0.1), v.lerp_(g**2, 0.01)
                p -= rate * (m / (1 - 0.9 ** (step + 1))) / ((v / (1 - 0.99 ** (step + 1))).sqrt() + 1e-8)
    return np.array(losses)
