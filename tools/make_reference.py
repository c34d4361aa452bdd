"""Write the reference, book/reference/, from the docstrings: nothing on its pages is typed. make_atlas.py runs this at its end.

The entry of a loss stands in the atlas, beside its formula and its claims; here are the entries of all else, a page for each
module, and the list of all names. The entries are those of Sphinx's Python domain: {py:func}`lossbook.huber`, the general index,
the search and other books, which read objects.inv, find them.
"""

import functools
import inspect
import re
from importlib import import_module
from pathlib import Path

from docstrings import entry, prose, shielded
from generated import write_all
from make_atlas import CARDS, TITLES, anchor, families
from mentions import chapters_of

import lossbook

REFERENCE = Path(__file__).parents[1] / "book" / "reference"
MODULES = {
    "lossbook": "Facts and finding",
    "lossbook.check": "Checks",
    "lossbook.derive": "Derivations that compile",
    "lossbook.nn": "A layer for torch",
    "lossbook.fused": "Fused losses",
    "lossbook.distributed": "Losses over several devices",
    "lossbook.train": "Training",
    "lossbook.data": "Data",
    "lossbook.plot": "Figures",
    "lossbook.alive": "Interactive figures",
    "lossbook.court": "Verdicts",
    "lossbook.exercises": "Exercises",
    "lossbook.tiny_lm": "A small language model",
}


def documented(name):
    """The public names of a module: those that it lists, else those that it defines itself, with a docstring."""
    module = import_module(name)
    listed = getattr(module, "__all__", None)
    names = listed or [key for key, member in vars(module).items() if getattr(member, "__module__", None) == name]
    members = {key: getattr(module, key) for key in names if not key.startswith("_")}
    return {key: member for key, member in members.items() if listed or (inspect.getdoc(member) and callable(member))}


def entries():
    """{module: {full name: object}}, each object once: under `lossbook` where that exports it, else where it is defined."""
    exported = {name: getattr(lossbook, name) for name in lossbook.__all__ if name not in CARDS}
    found = {"lossbook": {f"lossbook.{name}": member for name, member in exported.items()}}
    for module in list(MODULES)[1:]:
        others = {name: member for name, member in documented(module).items() if exported.get(name) is not member}
        found[module] = {f"{module}.{name}": member for name, member in others.items()}
    return found


def label(module):
    return f"reference-{module.removeprefix('lossbook.').replace('_', '-')}"


def page(module, members):
    lines = [f"({label(module)})=", f"# {MODULES[module]}", "", f"```{{py:module}} {module}", "```", ""]
    lines += [f"Module `{module}`.", "", *prose(import_module(module).__doc__)]
    for name, member in members.items():
        links = [f"{{doc}}`/{chapter}`" for chapter in chapters_of(name)]
        more = ["Used in: " + ", ".join(links), ""] if links else []
        lines += entry(name.removeprefix(f"{module}."), member, claimed(name) + more)
    return "\n".join(lines)


@functools.cache
def claims():
    """{full name of a check: its first claim of a loss, one that is not a denial if there is one, and the name of the loss}"""
    all_of_them = [(claim, name) for name, card in CARDS.items() for claim in card.claims]
    first = {}
    for claim, name in sorted(all_of_them, key=lambda pair: pair[0].kind.startswith("not_")):
        first.setdefault(f"lossbook.check.{claim.kind.removeprefix('not_')}", (claim, name))
    return first


def claimed(check):
    """What a check says, by the example of a Card."""
    if check not in claims():
        return []
    claim, name = claims()[check]
    return [f"Claimed, for instance, of [`{name}`](#{anchor(name)}): {shielded(claim.statement)} ({claim.grade}).", ""]


def first_sentence(module):
    return shielded(" ".join(import_module(module).__doc__.split("\n\n")[0].split()))


def index(found):
    total = len(CARDS) + sum(map(len, found.values()))
    lines = [
        "# Reference",
        "",
        f"The {total} public names of the package `lossbook`, from their docstrings, whose examples the tests run. Every loss",
        "takes NumPy arrays and torch tensors, and all of them share these arguments:",
        "",
        "```python",
        "loss(pred, target, *, weight=None, reduction='mean', denominator=None)",
        "```",
        "",
        "`reduction='none'` gives a value for each example, `'sum'` their sum, and `'mean'` the weighted sum divided by the sum",
        "of the weights, or by `denominator`. The value of an example of weight 0 does not count; where examples are compared",
        "with each other, the others still are compared with it.",
        "{doc}`/book/09_reductions` tells which mean is meant where.",
        "",
        "## Losses",
        "",
        "Each entry stands with formula, gradient and tested claims in the {doc}`atlas </book/atlas/index>`.",
        "",
    ]
    for key, names in families().items():
        links = ", ".join(f"{{py:func}}`{name} <lossbook.{name}>`" for name in names)
        lines += [f"[{TITLES[key]}](/book/atlas/families/{key}.md)", f": {first_sentence(f'lossbook.{key}')} {links}", ""]
    lines += ["## Around the losses", ""]
    for module, members in found.items():
        few = members if len(members) <= 20 else {}
        links = ", ".join(f"{{py:obj}}`{name.removeprefix(f'{module}.')} <{name}>`" for name in few)
        lines += [f"[{MODULES[module]}](#{label(module)})", f": {first_sentence(module)} {links or f'{len(members)} names.'}", ""]
    return "\n".join(lines)


def main():
    found = entries()
    files = {f"{re.sub('^lossbook$', 'package', module).rpartition('.')[2]}.md": page(module, found[module]) for module in found}
    files["index.md"] = index(found)
    write_all(REFERENCE, files)
    print(f"reference: {sum(map(len, found.values()))} names on {len(files)} pages, besides the losses")


if __name__ == "__main__":
    main()
