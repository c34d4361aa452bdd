"""Real datasets that need no download: they ship inside scikit-learn and statsmodels.

Each function returns a `Dataset`: float64 arrays (int64 for labels) with names, units, source and licence. The files are read
where they lie, without importing the packages, which would take seconds. Licences are those that the packages state: according
to statsmodels the sets used here are in the public domain; scikit-learn ships its sets within the package, under the BSD
licence, and states no other for the data.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

BSD = "shipped within scikit-learn (BSD-3-Clause), which states no other licence for the data"
PUBLIC_DOMAIN = "public domain"


@dataclass(frozen=True, repr=False)
class Dataset:
    """A table with a target: inputs `x`, target `y`, their names and units, the source and the licence."""

    x: np.ndarray  # (n, features), float64
    y: np.ndarray  # (n,), float64, or int64 for labels
    feature_names: tuple[str, ...]
    target_name: str
    units: dict[str, str]  # by feature name and target name; those without a unit are left out
    source: str
    licence: str
    classes: tuple[str, ...] = ()  # the names of labels 0, 1, ...

    def column(self, name):
        """One feature by its name."""
        return self.x[:, self.feature_names.index(name)]

    def __repr__(self):
        kind = f"{len(self.classes)} classes" if self.classes else self.units.get(self.target_name, "no unit")
        return f"Dataset({self.x.shape[0]} x {self.x.shape[1]}, target: {self.target_name} ({kind}))"


# -------------------------------------------------------------------------------------- classification


def digits():
    """Handwritten digits, 8 x 8 pixels: 1797 x 64, 10 classes.

    Units: ink per pixel, 0 to 16 (how many of the 16 dots of a 4 x 4 block are on).
    Source: E. Alpaydin and C. Kaynak (1998), UCI repository, the test part of "Optical Recognition of Handwritten Digits".
    Licence: within scikit-learn, BSD-3-Clause.

    >>> digits()
    Dataset(1797 x 64, target: digit (10 classes))
    """
    source = "Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI repository (test part)"
    table = _table("sklearn", "datasets/data/digits.csv.gz")
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    return _from_sklearn(table, names, "digit", source, unit="dots of ink, 0 to 16", classes=tuple("0123456789"))


def breast_cancer():
    """Cell nuclei in fine-needle samples of breast masses: 569 x 30, 2 classes, **0 = malignant, 1 = benign** (212 and 357).

    Units: the source gives none.
    Source: W. H. Wolberg, W. N. Street and O. L. Mangasarian (1995), Breast Cancer Wisconsin (Diagnostic), UCI repository.
    Licence: within scikit-learn, BSD-3-Clause.
    """
    source = "Wolberg, Street and Mangasarian (1995), Breast Cancer Wisconsin (Diagnostic), UCI repository"
    measures = "radius texture perimeter area smoothness compactness concavity concave_points symmetry fractal_dimension"
    measures = [measure.replace("_", " ") for measure in measures.split()]
    names = [form.format(measure) for form in ("mean {}", "{} error", "worst {}") for measure in measures]
    table = _table("sklearn", "datasets/data/breast_cancer.csv", skiprows=1)
    return _from_sklearn(table, names, "diagnosis", source, classes=("malignant", "benign"))


def iris():
    """Iris flowers: 150 x 4, 3 classes of 50.

    Units: cm. Source: R. A. Fisher (1936), measured by E. Anderson. Licence: within scikit-learn, BSD-3-Clause.
    """
    source = "Fisher (1936), The use of multiple measurements in taxonomic problems"
    table = _table("sklearn", "datasets/data/iris.csv", skiprows=1)
    names = ["sepal length", "sepal width", "petal length", "petal width"]
    return _from_sklearn(table, names, "species", source, unit="cm", classes=("setosa", "versicolor", "virginica"))


def wine():
    """Chemical analysis of Italian wines from three cultivars: 178 x 13, 3 classes.

    Units: the source gives none. Source: M. Forina and others (1988), PARVUS; UCI repository.
    Licence: within scikit-learn, BSD-3-Clause.
    """
    source = "Forina and others (1988), PARVUS; Wine Recognition, UCI repository"
    table = _table("sklearn", "datasets/data/wine_data.csv", skiprows=1)
    names = "alcohol malic_acid ash alcalinity_of_ash magnesium total_phenols flavanoids nonflavanoid_phenols proanthocyanins"
    names += " color_intensity hue od280/od315_of_diluted_wines proline"
    return _from_sklearn(table, names.split(), "cultivar", source, classes=("0", "1", "2"))


def anes96():
    """Party identification of US voters in 1996, an ordinal target: 944 x 5, 7 ordered classes.

    Units: logpopul = ln(population of the place in 1000s + 0.1), selfLR from 1 (extremely liberal) to 7 (extremely
    conservative), age in years, educ from 1 to 7 and income from 1 to 24 (codes). Source: American National Election Studies.
    Licence: public domain.
    """
    units = {"logpopul": "ln(1000 people + 0.1)", "selfLR": "1 to 7", "age": "years", "educ": "1 to 7", "income": "1 to 24"}
    degrees = ("strong Democrat", "weak Democrat", "independent Democrat", "independent")
    degrees += ("independent Republican", "weak Republican", "strong Republican")
    columns = _columns("anes96", delimiter="\t")
    columns["logpopul"] = np.log(columns["popul"] + 0.1)
    return _from_statsmodels(columns, [*units], "PID", "American National Election Studies (1996)", units, degrees)


def modechoice():
    """How 210 travellers chose between four modes: 840 x 6, the rows 4i to 4i + 3 being traveller i's air, train, bus and car.

    The target is 1 for the mode chosen; ``y.reshape(210, 4).argmax(axis=1)`` are the 210 labels. Units: ttme (terminal
    waiting time) and invt (travel time) in minutes, invc (cost) and gc (generalised cost) in dollars, hinc (household income)
    in 1000 dollars, psize in people. Source: W. H. Greene and D. Hensher (1997), Multinomial logit and discrete choice
    models, LIMDEP 7.0 manual. Licence: public domain.
    """
    units = {"ttme": "minutes", "invc": "dollars", "invt": "minutes", "gc": "dollars", "hinc": "1000 dollars", "psize": "people"}
    source = "Greene and Hensher (1997), Multinomial logit and discrete choice models"
    return _from_statsmodels(_columns("modechoice", delimiter=";"), [*units], "choice", source, units, ("no", "yes"))


# ------------------------------------------------------------------------------------------ regression


def diabetes():
    """Progression of diabetes one year after baseline: 442 x 10, unscaled. The target is a score from 25 to 346.

    Units: age in years; the source gives none for sex (coded 1 and 2), bmi (body mass index), bp (mean blood pressure), the
    serum measurements s1 to s6 and the score. Source: B. Efron, T. Hastie, I. Johnstone and R. Tibshirani (2004), Least Angle
    Regression, Annals of Statistics 32. Licence: within scikit-learn, BSD-3-Clause.
    """
    source = "Efron, Hastie, Johnstone and Tibshirani (2004), Least Angle Regression"
    x = _table("sklearn", "datasets/data/diabetes_data_raw.csv.gz", delimiter=None)
    y = _table("sklearn", "datasets/data/diabetes_target.csv.gz")
    names = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"]
    return _from_sklearn(np.column_stack([x, y]), names, "progression", source)


def engel():
    """Income and food expenditure of Belgian working-class households, 1857: 235 x 1. The spread grows with income.

    Units: Belgian francs a year. Source: E. Engel (1857), as used by R. Koenker and G. Bassett (1982), Econometrica 50.
    Licence: public domain.

    >>> engel()
    Dataset(235 x 1, target: foodexp (Belgian francs))
    """
    units = {"income": "Belgian francs", "foodexp": "Belgian francs"}
    source = "Koenker and Bassett (1982), Robust tests for heteroscedasticity based on regression quantiles; data of Engel (1857)"
    return _from_statsmodels(_columns("engel"), ["income"], "foodexp", source, units)


def stackloss():
    """Ammonia lost by a plant that makes nitric acid, on 21 days: 21 x 3, the classic example of outliers (days 1, 3, 4 and 21).

    Units: stack loss in 0.1 % of the ammonia; air flow (rate of operation) and acid concentration are coded, the latter as 10
    (c - 50) for c in %; water temperature in °C. Source: K. A. Brownlee (1965), Statistical Theory and Methodology in Science
    and Engineering, 2nd edition. Licence: public domain.
    """
    units = {"WATERTEMP": "°C", "ACIDCONC": "0.1 % above 50 %", "STACKLOSS": "0.1 % of the ammonia"}
    source = "Brownlee (1965), Statistical Theory and Methodology in Science and Engineering"
    return _from_statsmodels(_columns("stackloss"), ["AIRFLOW", "WATERTEMP", "ACIDCONC"], "STACKLOSS", source, units)


def randhie():
    """Visits to a doctor in the RAND Health Insurance Experiment: 20190 x 9, counts from 0 to 77, variance seven times the mean.

    A row is one person in one year: about 5,900 people, whose years stand together, but no column says who is who.
    Features: lncoins = ln(coinsurance in % + 1), idp (1: individual deductible), lpi = ln(max(1, yearly participation
    payment)), fmde, physlm (1: physical limitation), disea (number of chronic diseases), hlthg, hlthf, hlthp (1: self-rated
    health good, fair, poor). Units: visits. Source: RAND Corporation; A. C. Cameron and P. K. Trivedi (2005),
    Microeconometrics. Licence: public domain.
    """
    names = ["lncoins", "idp", "lpi", "fmde", "physlm", "disea", "hlthg", "hlthf", "hlthp"]
    source = "RAND Health Insurance Experiment; Cameron and Trivedi (2005), Microeconometrics"
    return _from_statsmodels(_columns("randhie"), names, "mdvis", source, {"disea": "chronic diseases", "mdvis": "visits"})


def strikes():
    """How long strikes in US manufacturing lasted, those of June in 1968 to 1976: 62 x 1.

    Units: days; the feature is unanticipated industrial production. Source: J. Kennan (1985), Journal of Econometrics 28.
    Licence: public domain.
    """
    source = "Kennan (1985), The duration of contract strikes in US manufacturing"
    return _from_statsmodels(_columns("strikes"), ["iprod"], "duration", source, {"duration": "days"})


def sunspots():
    """Yearly sunspot numbers, 1700 to 2008: 309 x 1.

    Units: the feature is the year, the target a yearly mean count. Source: US National Geophysical Data Center. Licence:
    public domain.
    """
    units = {"YEAR": "years", "SUNACTIVITY": "sunspots, yearly mean"}
    source = "National Geophysical Data Center, yearly sunspot numbers"
    return _from_statsmodels(_columns("sunspots"), ["YEAR"], "SUNACTIVITY", source, units)


# ------------------------------------------------------------------------------------------------ text


@dataclass(frozen=True, repr=False)
class Text:
    """A text as one string, with its source and its licence."""

    characters: str  # paragraphs, one a line
    source: str
    licence: str

    @cached_property
    def alphabet(self):
        """The characters in their order: token 0 is the end of a paragraph."""
        return "".join(sorted(set(self.characters)))

    def encode(self, characters):
        """The tokens of a string, int64."""
        return np.array([self.alphabet.index(c) for c in characters], dtype=np.int64)

    def decode(self, tokens):
        """The string of tokens (T,)."""
        return "".join(self.alphabet[t] for t in tokens)

    def split(self, every=5):
        """Tokens to train on and tokens held out, ``train, test = text().split()``: each fifth paragraph is held out."""
        lines = self.characters.splitlines(keepends=True)
        held_out = lines[every - 1 :: every]
        return tuple(self.encode("".join(part)) for part in ([p for i, p in enumerate(lines) if (i + 1) % every], held_out))

    def __repr__(self):
        return f"Text({len(self.characters)} characters, {len(self.alphabet)} different)"


def text():
    """English prose about data sets, to train a very small language model on: 94 paragraphs, 19658 characters.

    Lower case, and every number is written 0; of other signs the letters, the space and ``. , ' ( ) -`` are left. Units: tokens
    are numbers in the alphabet, 0 the end of a paragraph. Source: the descriptions of data sets that ship within scikit-learn,
    less their tables, code and references. Licence: scikit-learn's, BSD-3-Clause.

    >>> text()
    Text(19658 characters, 35 different)
    """
    pages = sorted(_file("sklearn", "datasets/descr").glob("*.rst"))
    blocks = [block for page in pages for block in page.read_text(encoding="utf-8").split("\n\n")]
    paragraphs = [line for line in map(_plain, blocks) if line]
    source = "scikit-learn, the descriptions of its data sets (sklearn/datasets/descr)"
    return Text("\n".join(paragraphs) + "\n", source, "BSD-3-Clause, as scikit-learn")


def _plain(block):
    """A paragraph of a reStructuredText page in lower case, without its markup; nothing where it is a table, code or a list."""
    words = block.split()
    prose = sum(word.strip(".,;:()'\"*-`").isalpha() for word in words) >= 0.75 * len(words)
    if len(words) < 8 or not prose or re.search(r">>>|={3}|-{3}|^\s*[.(]|\d-\d", block):
        return ""
    line = re.sub(r":[a-z:]+:|<[^>]*>|https?://\S+|\[\d+\]_?", " ", block.lower())
    line = re.sub(r"\d[\d.,]*(?<=\d)", "0", line)
    line = re.sub(r"(?<!\w)-+|-+(?!\w)|(?<!\w)'|'(?!\w)|[^a-z0.,'()-]", " ", line)
    return re.sub(r" (?=[.,)](?!\w))|(?<=\() ", "", " ".join(line.split()))


# --------------------------------------------------------------------------------------------- helpers


def split(x, y, *, test=0.25, seed=0):
    """Shuffle and split: ``(x_train, y_train), (x_test, y_test) = split(x, y, test=0.25, seed=0)``.

    ``test`` is the share of rows held out, rounded to the nearest whole number of rows.
    """
    if len(x) != len(y):
        raise ValueError(f"x and y need the same number of rows; got {len(x)} and {len(y)}")
    held_out = round(test * len(x))
    if not 0 < held_out < len(x):
        raise ValueError(f"test={test} of {len(x)} rows leaves one side empty: take a share between 0 and 1")
    order = np.random.default_rng(seed).permutation(len(x))
    rest, out = order[held_out:], order[:held_out]
    return (x[rest], y[rest]), (x[out], y[out])


def standardize(train, *others):
    """Columns of mean 0 and standard deviation 1 in ``train``, the others on the same scale: ``a, b = standardize(a, b)``.

    A column that is constant in ``train`` becomes 0 there.
    """
    mean, spread = train.mean(axis=0), train.std(axis=0)
    constant = np.ptp(train, axis=0) == 0
    parts = [np.where(constant, part - train[:1], (part - mean) / np.where(constant, 1, spread)) for part in (train, *others)]
    return parts if others else parts[0]


def _file(package, path):
    """A file inside an installed package, which is not imported."""
    return Path(find_spec(package).origin).parent / path


def _table(package, path, *, delimiter=",", skiprows=0):
    return np.loadtxt(_file(package, path), delimiter=delimiter, skiprows=skiprows)


def _columns(name, *, delimiter=","):
    """The columns of a set of statsmodels by their names."""
    path = f"datasets/{name}/{name}.csv"
    with _file("statsmodels", path).open(encoding="utf-8") as file:
        names = file.readline().strip().split(delimiter)
    table = _table("statsmodels", path, delimiter=delimiter, skiprows=1)
    return {column.strip("\"' "): values for column, values in zip(names, table.T, strict=True)}


def _from_sklearn(table, names, target, source, *, unit=None, classes=()):
    """The target is the last column of the table."""
    y = table[:, -1].astype(np.int64) if classes else table[:, -1]
    units = dict.fromkeys(names, unit) if unit else {}
    return Dataset(table[:, :-1].copy(), y, tuple(names), target, units, source, BSD, classes)


def _from_statsmodels(columns, features, target, source, units, classes=()):
    x = np.column_stack([columns[name] for name in features])
    y = columns[target].astype(np.int64 if classes else np.float64)
    return Dataset(x, y, tuple(features), target, units, source, PUBLIC_DOMAIN, classes)
