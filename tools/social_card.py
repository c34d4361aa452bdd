"""The picture that other sites show beside a link to the book, static/card.png: 1200 by 630 pixels. `make picture` draws it."""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import lossbook
from lossbook.plot import COLOURS, INK

CARD = Path(__file__).parents[1] / "static" / "card.png"
PAPER = "#fefdfb"


def draw():
    figure = plt.figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
    axes = figure.add_axes((0.48, 0.08, 0.5, 0.84))
    axes.set_axis_off()
    r = np.linspace(-3, 3, 301)
    for color, loss in zip(
        COLOURS, (lossbook.squared_error, lossbook.absolute_error, lossbook.huber, lossbook.welsch), strict=False
    ):
        axes.plot(r, loss(r, np.zeros_like(r), reduction="none"), color=color, linewidth=5, solid_capstyle="round")
    axes.set_ylim(-0.1, 4)
    figure.text(0.06, 0.56, "Loss functions\nfor deep learning", color=INK, size=38, weight="bold", va="center", linespacing=1.3)
    figure.text(0.06, 0.3, "formulas, gradients and claims\nthat are tested", color=INK, size=21, va="center", linespacing=1.4)
    return figure


if __name__ == "__main__":
    buffer = io.BytesIO()
    draw().savefig(buffer, facecolor=PAPER)
    Image.open(buffer).convert("RGB").quantize(64).save(CARD, optimize=True)
    print(f"written: {CARD.name}, {CARD.stat().st_size // 1000} kB")
