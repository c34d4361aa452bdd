"""Write the atlas, book/atlas/, from the Cards: nothing on its pages is typed. `make html` runs this before each build.

An overview that can be filtered, a page for each family with a section for each loss, a cheat sheet, and the same facts as JSON
and BibTeX.
"""

import ast
import doctest
import inspect
import json
import re
import sys
from collections import Counter
from pathlib import Path

import choice
import generated
import matplotlib.pyplot as plt
from docstrings import entry, shielded
from mentions import chapters_of

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "_ext")]

from lossbook_site import INK  # noqa: E402

from lossbook import CARDS, plot  # noqa: E402
from lossbook._names import other_names  # noqa: E402
from lossbook._search import family, summary  # noqa: E402
from lossbook._symbols import latex, u, y_hat, z  # noqa: E402
from lossbook.check import GRADES  # noqa: E402

ATLAS = ROOT / "book" / "atlas"
TITLES = {
    "regression": "Regression",
    "classification": "Classification",
    "imbalance": "Imbalance and cost",
    "noise": "Noisy labels",
    "margin": "Margins",
    "fenchel_young": "Fenchel–Young losses",
    "scoring": "Scoring rules",
    "likelihood": "Likelihoods of values",
    "counts": "Likelihoods of counts and positive values",
    "ordinal": "Ordered classes",
    "survival": "Time to event",
    "ranking": "Ranking",
    "contrastive": "Contrastive losses",
    "selfsupervised": "Self-supervision",
    "angular": "Angular margins",
    "segmentation": "Segmentation",
    "image": "Images",
    "boxes": "Boxes",
    "sequence": "Sequences",
    "divergence": "Divergences",
    "transport": "Transport",
    "generative": "Generative models",
    "language": "Language models",
    "preference": "Preferences",
    "policy": "Policies",
    "combine": "Several losses at once",
}
# What the overview shows and filters by: a heading, and the kinds of claims that settle it.
PROPERTIES = {
    "convex": ("convex", "strongly_convex"),
    "bounded": ("bounded",),
    "Lipschitz": ("lipschitz",),
    "smooth": ("smooth",),
    "proper": ("proper", "strictly_proper", "favours_the_truth"),
    "calibrated": ("calibrated",),
}


def families():
    """{family: names of its losses}, in the order of the book."""
    found = {}
    for name in CARDS:
        found.setdefault(family(name), []).append(name)
    unknown = set(found) - set(TITLES)
    if unknown:
        raise ValueError(f"no title for {', '.join(sorted(unknown))}: add it to TITLES in {Path(__file__).name}")
    return {key: found[key] for key in TITLES if key in found}


def verdict(card, kinds):
    """ "yes" or "no" with the grade, if the Card settles the property for every setting of the parameters; else ""."""
    for claim in card.claims:
        if claim.kind in kinds and ", at " not in claim.statement:
            return f"yes ({claim.grade})"
    for claim in card.claims:
        if claim.kind.removeprefix("not_") in kinds and claim.kind.startswith("not_"):
            return f"no ({claim.grade})"
    return ""


def domain(where):
    """A domain of a Card as it is written: ℝ and ∞."""
    return shielded(re.sub(r"\bR\b", "ℝ", where).replace("inf", "∞").replace("pi/", "π/"))


def cell(words):
    """A sentence inside a Markdown table."""
    return re.sub(r"(?<!\\)\|", r"\|", shielded(words).replace("\n", " "))


def anchor(name):
    return f"atlas-{name.replace('_', '-')}"


def math(expression):
    return f"${latex(expression)}$".replace("|", r"\vert ")


# --- the pages ----------------------------------------------------------------------------------------------------------


def index():
    groups = families()
    grades = Counter(claim.grade for card in CARDS.values() for claim in card.claims)
    total, cited = sum(grades.values()), grades["cited"]
    lines = [
        "# Atlas of losses",
        "",
        f"{len(CARDS)} losses in {len(groups)} families, and {total} claims about them. Every number, formula and sentence on",
        "these pages is printed from the Cards that the tests check. The grade of a claim says what its evidence is:",
        "",
        "| grade | claims | what was done |",
        "|:--|--:|:--|",
        *[f"| {grade} | {grades[grade]} | {MEANING[grade]} |" for grade in GRADES],
        "",
        f"Only cited, and checked by nothing here: {cited} of {total}, {cited / total:.1%}.",
        "",
        "The value of every loss agrees with its formula, or with its definition, in 50 digits: to 1e-12 relative in float64 and",
        "to 1e-5 in float32, also at inputs that are hard. Its gradient, derived by hand, agrees with the derivative of the",
        "formula and with automatic differentiation.",
        "",
        "{download}`All facts as JSON <losses.json>` · {download}`The sources as BibTeX <losses.bib>` · {doc}`cheat_sheet` ·",
        "{doc}`choose`",
        "",
        "```{raw} html",
        '<form class="atlas-filter" role="search" hidden>',
        '<label>Words <input type="search" name="words" placeholder="quantile, robust, …"></label>',
        '<label>Family <select name="family"><option value="">all</option>',
        *[f'<option value="{TITLES[key]}">{TITLES[key]}</option>' for key in groups],
        "</select></label>",
        '<label>Property <select name="property"><option value="">any</option>',
        *[
            f'<option value="{i}:{answer}">{"" if answer == "yes" else "not "}{heading}</option>'
            for i, heading in enumerate(PROPERTIES)
            for answer in ("yes", "no")
        ],
        "</select></label>",
        '<output aria-live="polite"></output>',
        "</form>",
        '<script src="../../_static/atlas.js" defer></script>',
        "```",
        "",
        ":::{table}",
        ":class: atlas",
        "",
        "| loss | family | " + " | ".join(PROPERTIES) + " |",
        "|:--|:--|" + ":--|" * len(PROPERTIES),
    ]
    for key, names in groups.items():
        for name in names:
            row = [f"[`{name}`](#{anchor(name)})<br>{cell(summary(name))}", TITLES[key]]
            row += [verdict(CARDS[name], kinds) for kinds in PROPERTIES.values()]
            lines.append("| " + " | ".join(row) + " |")
    lines += [":::", ""]
    return "\n".join(lines)


MEANING = {
    "proved": "an identity or an inequality shown symbolically, or refuted by an exact witness",
    "enumerated": "all cases of a finite problem were gone through",
    "verified": "agreement at the points named by the check",
    "searched": "no counterexample found by a search",
    "measured": "an experiment, with its spread",
    "cited": "taken from the literature",
}


def page(key, names):
    lines = [f"# {TITLES[key]}", ""]
    lines += [f"From `lossbook.{key}`: " + ", ".join(f"[`{name}`](#{anchor(name)})" for name in names) + ".", ""]
    for name in names:
        lines += section(name)
    return "\n".join(lines)


def section(name):
    card = CARDS[name]
    function = card.function
    lines = [
        f"({anchor(name)})=",
        f"## `{name}`",
        "",
        *entry(f"lossbook.{name}", function, options=[":no-contents-entry:", ":no-index-entry:"]),
    ]
    if card.formula is not None:
        lines += ["$$", rf"\ell = {latex(card.formula)}", "$$", ""]
    else:
        lines += ["**Definition.** " + shielded(" ".join(inspect.getdoc(card.oracle).split())), ""]
    for i, slope in enumerate(card.slopes if card.gradient_formula is not None else ()):
        lines += ["$$", rf"{card._derivative_latex(i)} = {latex(slope)}", "$$", ""]
    lines += curve(name)
    facts = [
        ("Domain", ", ".join(f"`{key}` ∈ {domain(where)}" for key, where in card.domain.items())),
        ("Link", shielded(card.link)),
    ]
    facts += [("Convention", shielded(card.convention))] if card.convention else []
    facts += [("Source", f"{{cite:t}}`{card.reference}`")]
    facts += [("Also called", shielded(", ".join(other_names(name))))] if other_names(name) else []
    relatives = [page for other in families()[family(name)] for page in chapters_of(f"lossbook.{other}")]
    chapters = chapters_of(f"lossbook.{name}") or relatives[:1]  # where no notebook has the loss, one has its family
    facts += [("Chapters", ", ".join(f"{{doc}}`/{page}`" for page in chapters))]
    lines += [f"**{title}.** {words}  " for title, words in facts] + [""]
    if card.twins:
        lines += ["| in other libraries | what gives this package's value |", "|:--|:--|"]
        lines += [f"| `{twin.name}` | {_twin(twin)} |" for twin in card.twins] + [""]
    lines += ["| claim | evidence |", "|:--|:--|"]
    for claim in card.claims:
        witness = "" if claim.witness is None or callable(claim.witness) else f"<br>Witness: `{_brief(claim.witness)}`"
        lines.append(f"| {cell(claim.statement)}{witness} | {claim.grade} |")
    lines += ["", "````{dropdown} Source", "```python", inspect.getsource(function).rstrip(), "```", "````", ""]
    return lines


def _twin(twin):
    factor = [] if twin.factor == 1 else [f"{math(twin.factor)} times it"]
    where = ", ".join(
        f"{key} = {value:g}" if isinstance(value, float) else f"{key} = {value}" for key, value in (twin.at or {}).items()
    )
    return ("; ".join(factor + [cell(twin.note)] * bool(twin.note)) or "as it is") + (f", at {cell(where)}" if where else "")


def _brief(witness):
    named = ", ".join(f"{key} = {value}" for key, value in witness.items()) if isinstance(witness, dict) else str(witness)
    words = named.replace("`", "'").replace("|", r"\|").replace("\n", " ")
    return words if len(words) <= 240 else words[:239] + "…"


def curve(name):
    """Loss and gradient as curves, where there is one prediction, one target and a number for each."""
    card = CARDS[name]
    function = card.function
    if function.predictions != 1 or list(function.axes.values()) != [0, 0] or not function.every_example:
        return []
    predicted, other = function.axes
    against = {y_hat: "residual", z: "logit", u: "log-ratio"}.get(card.symbols[predicted])
    if (
        card.domain[other] not in ("R", "{0, 1}", "[0, 1]")
        or against is None
        or any(p.default is p.empty for p in list(inspect.signature(function).parameters.values())[2:])
    ):
        return []
    target = 0.0 if against == "residual" else 1.0
    figure, _ = plot.loss_and_gradient({"_": name}, against=against, target=target)  # one curve needs no key
    words = f"Loss and gradient of {name} against the {against}, for {other} {target:g}."
    drawing = re.sub(INK, "currentColor", plot.svg(figure, words), flags=re.IGNORECASE)  # follows light and dark
    plt.close(figure)
    return ["```{raw} html", f'<div class="figure-svg">{drawing}</div>', "```", ""]


def cheat_sheet():
    lines = [
        "# Cheat sheet",
        "",
        "Formula and gradient of every loss that has one; definitions of the others are in the atlas.",
        "",
    ]
    for key, names in families().items():
        rows = [name for name in names if CARDS[name].formula is not None]
        if rows:
            lines += [f"## {TITLES[key]}", "", "| loss | formula | gradient |", "|:--|:--|:--|"]
            for name in rows:
                card = CARDS[name]
                slopes = [math(slope) for slope in card.slopes] if card.gradient_formula is not None else []
                lines.append(f"| [`{name}`](#{anchor(name)}) | {math(card.formula)} | {'; '.join(slopes)} |")
            lines.append("")
    return "\n".join(lines)


def choose():
    """The questions as boxes inside boxes; at the end of each way, code that runs."""
    lines = [
        "# Which loss?",
        "",
        "Answer the questions by opening the boxes. The first loss at the end of a path is the one to start with; the others are",
        "for when it does not do. The examples are those of the docstrings, which the tests run.",
        "",
    ]
    return "\n".join(lines + asked(choice.START, fence=9))


def asked(question, fence):
    words, answers = question
    lines = [f"**{words}**", ""]
    for answer, then in answers.items():
        lines += [":" * fence + "{dropdown} " + answer, ""]
        lines += asked(then, fence - 2) if isinstance(then, tuple) else [line for name in then for line in advice(name)]
        lines += [":" * fence, ""]
    return lines


def advice(name):
    """A loss, what it is, and the example of its docstring without the prompts."""
    doc = inspect.getdoc(CARDS[name].function)
    *before, last = [example.source.rstrip() for example in doctest.DocTestParser().get_examples(doc)]
    if isinstance(ast.parse(last).body[-1], ast.Expr):
        last = "print(" + re.sub(r"  # .*", "", last) + ")"
    code = "\n".join([*before, last]).replace(f"{name}(", f"lossbook.{name}(")
    return [f"[`{name}`](#{anchor(name)}): {shielded(summary(name))}", "", "```python", "import lossbook", code, "```", ""]


# --- the same facts as data ---------------------------------------------------------------------------------------------


def facts(name):
    """One Card as what JSON can hold."""
    card = CARDS[name]
    return {
        "name": name,
        "family": family(name),
        "summary": summary(name),
        "signature": f"{name}{inspect.signature(card.function)}",
        "formula": None if card.formula is None else str(card.formula),
        "formula_latex": None if card.formula is None else latex(card.formula),
        "gradient": [str(slope) for slope in card.slopes] if card.gradient_formula is not None else None,
        "domain": dict(card.domain),
        "link": card.link,
        "convention": card.convention,
        "reference": card.reference,
        "chapter": card.chapter,
        "twins": [{"name": twin.name, "factor": str(twin.factor), "note": twin.note} for twin in card.twins],
        "claims": [
            {"kind": claim.kind, "statement": claim.statement, "grade": claim.grade, "witness": _json(claim.witness)}
            for claim in card.claims
        ],
    }


def _json(witness):
    return None if witness is None or callable(witness) else str(witness)


def bibliography():
    """The entries of references.bib that Cards name."""
    entries = re.split(r"\n(?=@)", (ROOT / "book" / "references.bib").read_text(encoding="utf-8"))
    keys = {card.reference for card in CARDS.values()}
    return "\n".join(entry.strip() + "\n" for entry in entries if re.match(r"@\w+\{([^,]+)", entry)[1] in keys)


def main():
    pages = {"index.md": index(), "choose.md": choose(), "cheat_sheet.md": cheat_sheet()}
    pages |= {f"families/{key}.md": page(key, names) for key, names in families().items()}
    pages["losses.json"] = json.dumps([facts(name) for name in CARDS], indent=1, ensure_ascii=False) + "\n"
    pages["losses.bib"] = bibliography()
    generated.write_all(ATLAS, pages)
    print(f"atlas: {len(CARDS)} losses in {len(pages) - 5} families")


if __name__ == "__main__":
    main()

    import make_reference  # in this process, which has imported what it needs

    make_reference.main()
