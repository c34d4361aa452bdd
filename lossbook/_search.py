"""Find a loss by words: in any of its names, its family, its description, its claims."""

import inspect
import re

from ._card import CARDS
from ._names import other_names


def family(name):
    """The module that a loss lives in."""
    return CARDS[name].function.__module__.rpartition(".")[2]


def summary(name):
    """The first sentence of its docstring."""
    return " ".join(inspect.getdoc(CARDS[name].function).split("\n\n")[0].split())


def search(words=""):
    """The Cards of the losses that fit all the words, best first: `search("quantile")`, `search("proper bounded")`.

    A word may be part of a longer one. Names count most, also those in use elsewhere ("MAE", "SVM loss"), then families and
    descriptions, then conventions and claims; a claim that a loss is *not* something does not make it fit that something.

    >>> [card.name for card in search("quantile")][:2]
    ['pinball', 'quantile_huber']
    """
    wanted = words.lower().split()
    scores = {name: [_score(name, word) for word in wanted] for name in CARDS}
    found = [name for name, parts in scores.items() if all(parts)]
    asked = {name for name in found if words.strip().lower() in map(str.lower, other_names(name))}
    return [CARDS[name] for name in sorted(found, key=lambda name: (name not in asked, -sum(scores[name]), name))]


def _score(name, word):
    card = CARDS[name]
    claims = [claim.statement for claim in card.claims if not claim.kind.startswith("not_")]
    places = [
        (8, name),
        *((8, other) for other in other_names(name)),
        (4, family(name)),
        (3, summary(name)),
        (2, card.convention),
    ]
    places += [(1, claim) for claim in claims] + [(1, twin.name) for twin in card.twins]
    found = max((points for points, text in places if word in _without_denials(text)), default=0)
    return 100 if word == name else found


def _without_denials(text):
    return re.sub(r"\bnot \w+", "", text.lower())
