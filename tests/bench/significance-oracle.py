#!/usr/bin/env python3
"""Compares fm-confusion's confidence and significance metrics with scikit-learn, statsmodels and scipy.

    python3 -m venv venv && venv/bin/pip install numpy scipy scikit-learn statsmodels
    PATH=build/src:$PATH venv/bin/python tests/bench/significance-oracle.py [CASES [SEED]]
    venv/bin/python tests/bench/significance-oracle.py --golden tests/expected
    venv/bin/python tests/bench/significance-oracle.py --constants

Each case is two random tables of predictions of the same images, 1 to 3000 of them in 2 to 30
classes, in different orders. Compared are

    the interval of the accuracy        statsmodels, proportion_confint(method="wilson")
    --top                               scikit-learn, top_k_accuracy_score
    --reliability                       scikit-learn, calibration_curve, and scipy, binned_statistic
    --against                           statsmodels, mcnemar(exact=True) and (exact=False), and
                                        scipy, binomtest
    --list                              a join by hand

--golden writes the tables and the expected output that tests/fm-confusion.test compares with,
--constants the numbers in tests/check_significance.c. Exits with 1 when something differs, and says what.
The test suite itself needs no Python.

Two of their choices differ from ours. Among equal probabilities top_k_accuracy_score ranks the last class
first, while fm-predict and fm-confusion rank the first class first: the classes are reversed for it here.
If each prediction alone is correct equally often, statsmodels' correction for continuity goes below zero;
ours stops at zero.
"""

import argparse

# Parsed before the imports: --help needs none of them.
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("cases", metavar="CASES", type=int, nargs="?", default=200)
p.add_argument("seed", metavar="SEED", type=int, nargs="?", default=1)
p.add_argument("--golden", metavar="DIRECTORY")
p.add_argument("--constants", action="store_true")
a = p.parse_args()

import json
import math
import os
import random
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from scipy.stats import binned_statistic, binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import top_k_accuracy_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

warnings.simplefilter("ignore")
KINDS = ("both", "first", "second", "neither")


class Predictions:
    def __init__(self, labels, p):
        self.labels = np.array(labels)
        self.p = np.array([[float("%.9g" % x) for x in row] for row in p])
        self.predicted = self.p.argmax(axis=1)
        self.confidence = self.p.max(axis=1)
        self.correct = self.predicted == self.labels

    def write(self, path, order):
        classes = self.p.shape[1]
        with open(path, "w") as f:
            f.write("image\tlabel\tsplit\tpredicted\tconfidence\t")
            f.write("\t".join(f"p{k}" for k in range(classes)) + "\n")
            for i in order:
                p = "\t".join("%.9g" % x for x in self.p[i])
                f.write(f"test:{i}\t{self.labels[i]}\ttest\t{self.predicted[i]}\t")
                f.write(f"{self.confidence[i]:.9g}\t{p}\n")


def random_predictions(rng, labels, classes):
    """Some are sure and some not; some probabilities are round, so that they lie on edges of bins."""
    sharpness, skill, round_to = rng.choice([1, 3, 20]), rng.random() * 3, rng.choice([0, 0, 8, 10])
    rows = []
    for label in labels:
        w = [rng.random() ** sharpness + 1e-9 for _ in range(classes)]
        w[label] += skill * rng.random()
        row = [x / sum(w) for x in w]
        if round_to:
            row = [round(x * round_to) / round_to for x in row]
        rows.append(row)
    return Predictions(labels, rows)


def bins_of(predictions, bins):
    """Rows, correct rows and mean confidence of each bin; an edge belongs to the lower bin."""
    edges = np.arange(bins + 1) / bins
    where = np.clip(np.searchsorted(edges, predictions.confidence, side="left") - 1, 0, bins - 1)
    rows = np.bincount(where, minlength=bins)
    correct = np.bincount(where, weights=predictions.correct, minlength=bins).astype(int)
    total = np.bincount(where, weights=predictions.confidence, minlength=bins)
    with np.errstate(all="ignore"):
        return rows, correct, total / rows


def expected_error(predictions, bins):
    rows, correct, confidence = bins_of(predictions, bins)
    some = rows > 0
    gaps = np.abs(correct[some] / rows[some] - confidence[some])
    return float((rows[some] / rows.sum() * gaps).sum()), float(gaps.max())


def test_of(first, second):
    """p by the binomial distribution, chi-square and its p."""
    table = [[0, first], [second, 0]]
    exact = mcnemar(table, exact=True).pvalue if first + second else 1.0
    if first == second:
        return float(exact), 0.0, 1.0
    approximate = mcnemar(table, exact=False, correction=True)
    return float(exact), float(approximate.statistic), float(approximate.pvalue)


class Checker:
    def __init__(self):
        self.compared = 0
        self.failed = 0

    def run(self, *arguments):
        result = subprocess.run(["fm-confusion", "--classes", "none", *arguments],
                                capture_output=True)
        if result.returncode or result.stderr:
            self.same("fm-confusion " + " ".join(arguments), result.stderr.decode(), "")
        return result.stdout.decode()

    def same(self, what, got, wanted):
        self.compared += 1
        if got != wanted:
            self.failed += 1
            print(f"DIFFERS: {what}: got {got}, wanted {wanted}")

    def near(self, what, got, wanted, tolerance=1e-10):
        self.compared += 1
        if not math.isclose(got, wanted, rel_tol=tolerance, abs_tol=1e-13):
            self.failed += 1
            print(f"DIFFERS: {what}: got {got!r}, wanted {wanted!r}")


def check_interval(checker, what, got, correct, total):
    wanted = proportion_confint(int(correct), int(total), method="wilson")
    checker.near(what + ", low", got[0], max(wanted[0], 0))
    checker.near(what + ", high", got[1], min(wanted[1], 1))


def check_reliability(checker, document, predictions, bins):
    rows, correct, confidence = bins_of(predictions, bins)
    got = document["calibration"]
    error, worst = expected_error(predictions, bins)
    checker.near("calibration error", got["error"], error)
    checker.near("worst bin", got["worst"], worst)
    checker.near("mean confidence", got["confidence"], predictions.confidence.mean())
    for i, b in enumerate(got["reliability"]):
        checker.same(f"rows of bin {i}", b["rows"], int(rows[i]))
        checker.same(f"correct of bin {i}", b["correct"], int(correct[i]))
        if rows[i]:
            checker.near(f"confidence of bin {i}", b["confidence"], confidence[i])
            check_interval(checker, f"bin {i}", b["interval"], correct[i], rows[i])
    full = [b for b in got["reliability"] if b["rows"]]
    # scikit-learn rounds some edges differently from i / bins, and scipy's
    # bins contain their lower edge.
    edges = np.arange(bins + 1) / bins
    if (np.linspace(0, 1, bins + 1) == edges).all():
        accuracy, mean = calibration_curve(predictions.correct, predictions.confidence, n_bins=bins)
        checker.same("bins that are not empty", len(full), len(accuracy))
        for b, s, m in zip(full, accuracy, mean):
            checker.near("calibration_curve, accuracy", b["accuracy"], s)
            checker.near("calibration_curve, confidence", b["confidence"], m)
    if not np.isin(predictions.confidence, edges).any():
        counts = binned_statistic(predictions.confidence, None, "count", edges).statistic
        checker.same("binned_statistic", [b["rows"] for b in got["reliability"]],
                     counts.astype(int).tolist())


def check_comparison(checker, document, first, second):
    a, b = first.correct, second.correct
    counts = [int(x) for x in ((a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum())]
    got = document["against"]
    checker.same("agreement", [got[k] for k in KINDS], counts)
    wanted = test_of(counts[1], counts[2])
    for key, number in zip(("p_exact", "chi2", "p_chi2"), wanted):
        checker.near(key, got["mcnemar"][key], number)
    if counts[1] + counts[2]:
        checker.near("binomtest", got["mcnemar"]["p_exact"],
                     binomtest(counts[1], counts[1] + counts[2]).pvalue)


def check_list(checker, paths, order, first, second):
    for word, wanted in (("first", first.correct & ~second.correct), ("second", ~first.correct & second.correct),
                         ("one", first.correct ^ second.correct), ("neither", ~first.correct & ~second.correct)):
        lines = checker.run("--list", word, "--against", paths[1], paths[0]).splitlines()[1:]
        got = [(int(x.split("\t")[0][5:]), int(x.split("\t")[-1])) for x in lines]
        checker.same("--list " + word, got, [(i, int(second.predicted[i])) for i in order if wanted[i]])


def check(checker, directory, rng):
    classes = rng.choice([2, 3, 10, rng.randint(2, 30)])
    count = rng.choice([1, 2, 5, 50, 400, rng.randint(1, 3000)])
    labels = [rng.randrange(classes) for _ in range(count)]
    first, second = (random_predictions(rng, labels, classes) for _ in range(2))
    paths = [os.path.join(directory, name) for name in ("first.tsv", "second.tsv")]
    order = rng.sample(range(count), count)
    first.write(paths[0], order)
    second.write(paths[1], rng.sample(range(count), count))
    top, bins = rng.randint(1, classes), rng.choice([1, 2, 10, 10, 15, 20, rng.randint(1, 1000)])
    document = json.loads(checker.run("-f", "json", "--top", str(top), "--reliability", "--bins",
                                      str(bins), "--against", paths[1], paths[0]))
    correct = int(first.correct.sum())
    checker.same("correct", document["correct"], correct)
    check_interval(checker, "accuracy", document["interval"], correct, count)
    if classes > 2:
        # Labels and columns reversed: see above.
        hits = top_k_accuracy_score(classes - 1 - first.labels, first.p[:, ::-1], k=top,
                                    labels=range(classes), normalize=False)
        checker.same(f"top {top}", document["top"]["correct"], int(hits))
        check_interval(checker, "top", document["top"]["interval"], hits, count)
    check_reliability(checker, document, first, bins)
    check_comparison(checker, document, first, second)
    check_list(checker, paths, order, first, second)


def golden(directory):
    rng = random.Random(7)
    labels = [i % 3 for i in range(120)]
    first, second = (random_predictions(random.Random(s), labels, 3) for s in (3, 4))
    first.write(os.path.join(directory, "significance-first.tsv"), rng.sample(range(120), 120))
    second.write(os.path.join(directory, "significance-second.tsv"), range(120))
    rows, correct, confidence = bins_of(first, 10)
    with open(os.path.join(directory, "significance.txt"), "w") as f:
        print("from\tto\trows\tcorrect\tconfidence\taccuracy\tlow\thigh", file=f)
        for i in range(10):
            low, high = proportion_confint(correct[i], rows[i], method="wilson") if rows[i] else (0, 1)
            mean = "%.9g" % confidence[i] if rows[i] else ""
            accuracy = "%.9g" % (correct[i] / rows[i]) if rows[i] else ""
            print("%.9g\t%.9g\t%d\t%d\t%s\t%s\t%.9g\t%.9g" % (
                i / 10, (i + 1) / 10, rows[i], correct[i], mean, accuracy, max(low, 0), min(high, 1)), file=f)
        print("top\tcorrect\trows\taccuracy\tlow\thigh", file=f)
        hits = int(top_k_accuracy_score(2 - first.labels, first.p[:, ::-1], k=2, normalize=False))
        low, high = proportion_confint(hits, 120, method="wilson")
        print("2\t%d\t120\t%.9g\t%.9g\t%.9g" % (hits, hits / 120, low, high), file=f)
        a, b = first.correct, second.correct
        counts = [(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()]
        print("metric\tvalue\nrows\t120", file=f)
        for kind, number in zip(KINDS, counts):
            print(f"{kind}\t{number}", file=f)
        print("left_out\t0\nleft_out_against\t0", file=f)
        print("accuracy\t%.9g\naccuracy_against\t%.9g" % (a.mean(), b.mean()), file=f)
        print("p_exact\t%.9g\nchi2\t%.9g\np_chi2\t%.9g" % test_of(counts[1], counts[2]), file=f)
        low, high = proportion_confint(a.sum(), 120, method="wilson")
        error, worst = expected_error(first, 10)
        print("interval\t%.4f .. %.4f" % (low, high), file=f)
        print("error\t%.9f\nworst\t%.9f" % (error, worst), file=f)


def constants():
    for correct, total in ((0, 1), (1, 1), (1, 2), (8552, 10000), (8991, 10000), (0, 60000), (60000, 60000),
                         (1, 10**12), (3 * 10**15, 4 * 10**15)):
        low, high = proportion_confint(correct, total, method="wilson")
        print("    {%d, %d, %.17g, %.17g}," % (correct, total, max(low, 0), min(high, 1)))
    print()
    for first, second in ((0, 1), (1, 0), (0, 6), (5, 1), (7, 9), (10, 25), (251, 690), (499, 500),
                          (15, 16), (16, 40), (0, 1000), (1, 1000), (300, 2000), (5000, 5300),
                          (50000, 50700), (10**6, 10**6 + 5000)):
        exact, statistic, p = test_of(first, second)
        exact = binomtest(first, first + second).pvalue if first + second > 10**5 else exact
        print("    {%d, %d, %.15g, %.15g, %.15g}," % (first, second, exact, statistic, p))


def main():
    if a.golden:
        return golden(a.golden)
    if a.constants:
        return constants()
    checker = Checker()
    with tempfile.TemporaryDirectory() as directory:
        for i in range(a.cases):
            before = checker.failed
            check(checker, directory, random.Random(f"{a.seed}/{i}"))
            if checker.failed > before:
                print(f"(case {i} of seed {a.seed})")
    print(f"{a.cases} cases, {checker.compared} comparisons, {checker.failed} differ")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
