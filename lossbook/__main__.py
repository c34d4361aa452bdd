"""The command line: `python -m lossbook list [WORDS]`, `python -m lossbook show NAME`, `python -m lossbook audit LOSS ...`."""

import argparse
import inspect
import sys

from ._card import card
from ._search import family, search, summary


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m lossbook", description="Look up loss functions and what is known of them.")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="all losses, or those that fit some words")
    listing.add_argument("words", nargs="*", help='what they must be: "proper bounded"')
    showing = commands.add_parser("show", help="formula, gradient, claims, twins and source code of one loss")
    showing.add_argument("name")
    showing.add_argument("--source", action="store_true", help="also print the code")
    auditing = commands.add_parser("audit", help="look for what people get wrong in a loss of your own")
    auditing.add_argument("loss", help="module:name of a function, of a module object, or of its class, called without arguments")
    auditing.add_argument(
        "--inputs",
        nargs="+",
        required=True,
        metavar="INPUT",
        help='an example batch: "logits[8,10]", "labels[8]<10" (integers), "target[8]:binary" (a role)',
    )
    auditing.add_argument("--wrt", default="0", help='positions of the inputs that the model predicts: "0", or "0,1"')
    auditing.add_argument("--reference", help="module:name of a loss that it should equal")
    auditing.add_argument("--claims", nargs="*", default=(), help="names of checks, such as convex or symmetric")
    auditing.add_argument("--no-minimum", action="store_true", help="it need not be least where the prediction is the target")
    auditing.add_argument("--numpy", action="store_true", help="call it with NumPy arrays, not with tensors")
    auditing.add_argument("--seed", type=int, default=0, help="of the random inputs")
    auditing.add_argument("--json", action="store_true", help="print the report as JSON")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "audit":
            from ._audit import command

            return command.run(chosen)
        return show(chosen.name, chosen.source) if chosen.command == "show" else list_all(" ".join(chosen.words))
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        return 0


def list_all(words):
    found = search(words)
    if not found:
        print(f"no loss fits {words!r}", file=sys.stderr)
        return 1
    for of_family in dict.fromkeys(family(c.name) for c in found):
        print(f"{of_family}:")
        for c in found:
            if family(c.name) == of_family:
                print(f"  {c.name:32}  {_cut(summary(c.name), 84)}")
    return 0


def _cut(text, width):
    return text if len(text) <= width else text[: width - 1].rsplit(" ", 1)[0] + "…"


def show(name, source=False):
    try:
        found = card(name)
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    function = found.function
    print(f"{name}{inspect.signature(function)}\n\n{inspect.getdoc(function)}\n")
    print(f"formula    {found.formula if found.formula is not None else inspect.getdoc(found.oracle)}")
    for symbol, slope in zip(found.predictions, found.slopes if found.gradient_formula is not None else ()):
        print(f"gradient   d/d{symbol} = {slope}")
    print("domain     " + ", ".join(f"{key} in {where}" for key, where in found.domain.items()))
    for title, text in (("link", found.link), ("convention", found.convention), ("source", found.reference)):
        if text:
            print(f"{title:10} {text}")
    for twin in found.twins:
        print(
            f"twin       {twin.name}"
            + ("" if twin.factor == 1 else f", times {twin.factor}")
            + f"{twin.note and '; '}{twin.note}"
        )
    for claim in found.claims:
        print(
            f"claim      {claim.statement} ({claim.grade})" + (f"; witness {claim.witness}" if claim.witness is not None else "")
        )
    if source:
        print(f"\n{inspect.getsource(function)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
