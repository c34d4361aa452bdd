"""Docstrings as MyST Markdown, and entries of Sphinx's Python domain made of them: for the atlas and for the reference."""

import inspect
import re


def prose(docstring):
    """A docstring as lines of Markdown: its examples and what it indents are code, and so is what stands in backticks."""
    lines = []
    for block in re.split(r"\n\s*\n(?!    )", inspect.cleandoc(docstring or "")):  # what is indented stays in one piece
        if block.startswith(">>>"):
            lines += ["```pycon", block, "```", ""]
        else:
            words, *code = re.split(r"\n\s*\n(?=    )", block, maxsplit=1)
            lines += [shielded(words.removesuffix(" ::")), ""]
            lines += [line for each in code for line in ("```python", inspect.cleandoc("\n" + each), "```", "")]
    return lines


def shielded(block):
    """Outside of code, a docstring means each character as it stands; only **words** and a *word* are emphasised."""
    parts = re.split(r"(``[^`]+``|`[^`]+`|\*\*[A-Z0-9][^*`]+\*\*|(?<![\w*)])\*[a-z]+\*(?![\w*(]))", block)
    for i, part in enumerate(parts):
        if i % 2:
            parts[i] = f"`{part.strip('`')}`" if part.startswith("`") else part
        else:
            plain = re.sub(r"([*_$<{}\[\]|])", r"\\\1", typeset(part))
            plain = re.sub(r"^(\s*)([-+#>]|\d+\.)(?=\s)", r"\1\\\2", plain, flags=re.MULTILINE)
            parts[i] = plain.translate(TAGS)
    return "".join(parts)


# Mathematics that is written with the keys of a keyboard: e^(-z_k) has an exponent, in it a minus and an index.
TAGS = {1: "<sub>", 2: "</sub>", 3: "<sup>", 4: "</sup>"}  # the marks of `typeset`, which are not escaped
MINUS = re.compile(
    r"(?<![^\s(\[{=,;:/^])-(?=[\w(√Σ‖∞])"  # of a number: -1, (-∞, e^-z
    r"|(?<!\S)-(?!\S)|(?<=\b[A-Zα-ω])-(?=\d\b)|(?<=\(\d)-(?=[a-z]\b)"  # of a difference: a - b, K-1, (2-p)
)
TIMES = re.compile(r"(?<=[\dA-Z]) x (?=[\dA-Z])")  # 3 x 4, N x D
PRIME = re.compile(r"(?<=\b[A-Za-z])'(?!\w)")  # x'
WORD = r"[^\W_²³⁺⁻₊₋]"
NAME = r"(?<![\w.])(?:[^\W\d_]|∂²|Huber|ΔNDCG|Cov|Var|max|mean|odds|rank|relevance|image|text)"  # what has an index
INDEX = re.compile(rf"((?:{NAME}(?=_[({{]|_{WORD}{{1,3}}(?!{WORD}))|(?<=\))))_(\{{[^{{}}]*\}}|\([^()]*\)|{WORD}+)")
NESTED = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
POWER = re.compile(rf"\^(\{{[^{{}}]*\}}|−?{NESTED}|−?{WORD}+[₊₋]?(?:\x01[^\x02]*\x02)?)")


def typeset(words):
    words = PRIME.sub("′", TIMES.sub(" × ", MINUS.sub("−", words))).replace("->", "→")
    return POWER.sub(lambda found: f"\3{_bare(found[1])}\4", _lowered(words))


def _lowered(words):
    return INDEX.sub(lambda found: f"{found[1]}\1{_lowered(_bare(found[2]).replace('-', '−'))}\2", words)


def _bare(words):
    return words[1:-1] if words[0] in "{(" else words


def directive(kind, signature, content, options=()):
    """A directive of the Python domain; its fence is longer than any inside it."""
    text = "\n".join(content).strip()
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"^`{3,}", text, re.MULTILINE))])
    return [f"{fence}{{py:{kind}}} {signature}", *options, "", text, fence, ""]


def signature(function):
    """How it is called: without annotations, on one line."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ""
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters if each.name != "self"]
    return re.sub(r"<(?:function|class|object|module|factory)[^>]*>", "...", str(inspect.Signature(bare))).replace("\n", " ")


def entry(name, member, more=(), options=()):
    """The entry of a function, of a class with its own methods and properties, or of a constant; `more` are further lines."""
    if inspect.isclass(member):
        return directive("class", name + signature(member), [*prose(member.__doc__), *more, *own_members(member)], options)
    if inspect.isroutine(member):
        return directive("function", name + signature(member), [*prose(member.__doc__), *more], options)
    value = repr(member) if len(repr(member)) < 200 else f"{len(member)} entries"
    return directive("data", name, [f"`{type(member).__name__.lstrip('_').lower()}`: `{value}`", "", *more], options)


def own_members(cls):
    lines = []
    for key, member in vars(cls).items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if key.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        kind, call = ("property", "") if isinstance(member, property) else ("method", signature(function))
        lines += directive(kind, key + call, prose(function.__doc__))
    return lines
