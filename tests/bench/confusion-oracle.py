#!/usr/bin/env python3
"""Compares fm-confusion with scikit-learn and numpy, character by character, on random cases.

    python3 -m venv venv && venv/bin/pip install numpy scikit-learn
    PATH=build/src:$PATH venv/bin/python tests/bench/confusion-oracle.py [CASES [SEED]]
    venv/bin/python tests/bench/confusion-oracle.py --golden tests/expected

Each case is a random matrix: 2 to 62 classes, balanced or not, classes that never occur or are never
predicted, a single row, huge counts, names of odd lengths, some that are not ASCII. It is given to
fm-confusion as a table of predictions, with probabilities, or where the counts are large as a table of
counts. Compared are --format numpy with every --normalize, --report with several --digits, the
dictionary in --format json, tsv, --pairs, and the cross-entropy with log_loss.

--golden writes the files that tests/fm-confusion.test compares with. Both exit with 1 when something
differs, and say what. The test suite itself needs no Python.
"""

import argparse

# Parsed before the imports: --help needs none of them.
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("cases", metavar="CASES", type=int, nargs="?", default=300)
p.add_argument("seed", metavar="SEED", type=int, nargs="?", default=1)
p.add_argument("--golden", metavar="DIRECTORY")
a = p.parse_args()

import difflib
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix, log_loss

np.set_printoptions(threshold=sys.maxsize)
# Rounded probabilities do not always sum up to one, and a matrix may have only one class: expected.
warnings.simplefilter("ignore")

MAX_ROWS = 3000  # of a table of predictions; larger cases are tables of counts
WORDS = ["a", "Bag", "Shirt", "T-shirt/top", "Ankle boot", "été", "つ", "x" * 33, "1", "y|z", "*"]


class Case:
    def __init__(self, matrix, names):
        self.matrix = np.array(matrix, dtype=np.int64)
        self.names = names
        occurs = (self.matrix.sum(axis=0) + self.matrix.sum(axis=1)) > 0
        self.labels = range(len(matrix)) if names else np.flatnonzero(occurs)
        i, j = np.nonzero(self.matrix)
        self.truth, self.predicted, self.weight = i, j, self.matrix[i, j]

    def shown(self):
        return self.matrix[np.ix_(list(self.labels), list(self.labels))]

    def normalized(self, how):
        return confusion_matrix(self.truth, self.predicted, labels=list(self.labels),
                                sample_weight=self.weight, normalize=how)

    def report(self, **options):
        # Weighted rows would make the supports floats, summed in another order: so the rows are written
        # out if there are few.
        if self.matrix.sum() <= 200000:
            truth, predicted = self.rows()
            weight = None
        else:
            truth, predicted, weight = self.truth, self.predicted, self.weight
        report = classification_report(truth, predicted, labels=list(self.labels),
                                       target_names=self.names, sample_weight=weight,
                                       zero_division=0.0, **options)
        # If no prediction is correct, scikit-learn prints the supports as 1.0, because it has no integer
        # array; fm-confusion prints 1.
        if self.matrix.trace() == 0 and isinstance(report, str):
            report = re.sub(r"(\d+)\.0$", r"  \1", report, flags=re.MULTILINE)
        return report

    def rows(self):
        return np.repeat(self.truth, self.weight), np.repeat(self.predicted, self.weight)


def random_matrix(rng):
    classes = rng.choice([2, 2, 3, 5, 10, 10, rng.randint(2, 62), 62])
    kind = rng.randrange(7)
    m = [[0] * classes for _ in range(classes)]
    if kind == 0:  # a single row
        m[rng.randrange(classes)][rng.randrange(classes)] = 1
        return m
    most = rng.choice([1, 3, 20, 100] if kind < 5 else [10**4, 10**7, 10**12, 10**15])
    for i in range(classes):
        size = most if kind in (1, 5) else max(1, int(most * rng.random() ** 6))
        for j in range(classes):
            if i == j:
                m[i][j] = rng.randint(0, size * 3)
            elif rng.random() < (0.1 if kind == 2 else 0.5):
                m[i][j] = rng.randint(0, size)
    if kind in (3, 4):  # classes that are missing, or never predicted
        for i in rng.sample(range(classes), max(1, classes // 3)):
            for j in range(classes):
                m[j][i] = 0
                if kind == 3:
                    m[i][j] = 0
    if not any(map(any, m)):
        m[0][1] = 1
    return m


def random_case(rng):
    matrix = random_matrix(rng)
    names = None
    if rng.random() < 0.6:
        names = [rng.choice(WORDS) + str(i) for i in range(len(matrix))]
    return Case(matrix, names)


def write_counts(case, path):
    with open(path, "w") as f:
        f.write("label\tpredicted\tcount\n")
        for i, j, n in zip(case.truth, case.predicted, case.weight):
            f.write(f"{i}\t{j}\t{n}\n")


def write_rows(case, path, rng):
    """Returns the true classes and the probabilities as they were written."""
    truth, predicted = case.rows()
    classes = len(case.matrix)
    order = list(range(len(truth)))
    rng.shuffle(order)
    probabilities = []
    with open(path, "w") as f:
        f.write("label\tpredicted\tother\t" + "\t".join(f"p{k}" for k in range(classes)) + "\n")
        for i in order:
            p = [rng.random() ** rng.choice([1, 40, 400]) for _ in range(classes)]
            p = [x / sum(p) for x in p] if sum(p) > 0 else [1.0] + [0.0] * (classes - 1)
            p = [float("%.9g" % x) for x in p]
            probabilities.append(p)
            f.write(f"{truth[i]}\t{predicted[i]}\tx\t" + "\t".join("%.9g" % x for x in p) + "\n")
    return truth[order], np.array(probabilities)


class Checker:
    def __init__(self):
        self.compared = 0
        self.failed = 0

    def run(self, *arguments):
        result = subprocess.run(["fm-confusion", *arguments], capture_output=True)
        if result.returncode or result.stderr:
            self.fail("fm-confusion " + " ".join(arguments), result.stderr.decode(), "status 0")
        return result.stdout.decode()

    def fail(self, what, got, wanted):
        self.failed += 1
        print(f"DIFFERS: {what}")
        pair = [x if isinstance(x, list) else str(x).splitlines() for x in (wanted, got)]
        print("\n".join(difflib.unified_diff(*pair, "wanted", "got", lineterm="", n=0)))

    def same(self, what, got, wanted):
        self.compared += 1
        if got != wanted:
            self.fail(what, got, wanted)

    def near(self, what, got, wanted, tolerance=1e-12):
        self.compared += 1
        if not math.isclose(got, wanted, rel_tol=tolerance, abs_tol=tolerance):
            self.fail(what, got, wanted)


def check_matrix(checker, case, arguments):
    matrix = case.shown()
    checker.same("numpy", checker.run(*arguments, "--format", "numpy"), f"{matrix}\n")
    for how in ("true", "pred", "all"):
        got = checker.run(*arguments, "--format", "numpy", "--normalize", how)
        checker.same("normalized by " + how, got, f"{case.normalized(how)}\n")
    lines = ["label\tpredicted\tcount"]
    for i, a in enumerate(case.labels):
        lines += [f"{a}\t{b}\t{matrix[i][j]}" for j, b in enumerate(case.labels)]
    checker.same("tsv", checker.run(*arguments, "--format", "tsv").splitlines(), lines)
    pairs = sorted((-n, i, j) for i, j, n in zip(case.truth, case.predicted, case.weight) if i != j)
    wanted = [f"{i}\t{j}\t{-n}" for n, i, j in pairs[:7]]
    got = checker.run(*arguments, "--format", "tsv", "--pairs", "7").splitlines()
    checker.same("pairs", got[1:], wanted)


def check_report(checker, case, arguments):
    got = checker.run(*arguments, "--report", "--format", "numpy")
    wanted = f"{case.shown()}\n\n{case.report()}"
    if case.matrix.sum() <= 200000:
        checker.same("report", got, wanted)
        for digits in (0, 3, 15, 17):
            got = checker.run(*arguments, "--report", "--format", "numpy", "--digits", str(digits))
            checker.same(f"report, {digits} digits", got.split("]]\n\n")[1],
                         case.report(digits=digits))
    document = json.loads(checker.run(*arguments, "--report", "--format", "json"))
    checker.same("json matrix", document["matrix"], case.shown().tolist())
    checker.near("json accuracy", document["accuracy"],
                 int(case.matrix.trace()) / int(case.matrix.sum()))
    wanted = case.report(output_dict=True)
    checker.same("keys of the report", list(document["report"]), list(wanted))
    for key, value in wanted.items():
        if isinstance(value, dict):
            for metric, number in value.items():
                checker.near(f"{key} {metric}", document["report"][key][metric], number)
        else:
            checker.near(key, document["report"][key], value)


def check_entropy(checker, case, arguments, truth, probabilities):
    document = json.loads(checker.run(*arguments, "--format", "json"))
    if not case.names and max(case.labels) >= len(case.matrix):
        return
    wanted = log_loss(truth, probabilities, labels=range(len(case.matrix)))
    checker.near("cross-entropy", document["cross_entropy"], wanted)


def check(checker, case, directory, rng):
    table = os.path.join(directory, "table.tsv")
    arguments = [table, "--classes", "none"]
    if case.names:
        arguments[2] = os.path.join(directory, "names.txt")
        with open(arguments[2], "w", encoding="utf-8") as f:
            f.writelines(name + "\n" for name in case.names)
    if case.matrix.sum() <= MAX_ROWS and rng.random() < 0.8:
        truth, probabilities = write_rows(case, table, rng)
        check_entropy(checker, case, arguments, truth, probabilities)
    else:
        write_counts(case, table)
    check_matrix(checker, case, arguments)
    check_report(checker, case, arguments)


# The cases whose expected output is kept with the test script.
def golden_cases():
    fc = """811 3 12 46 5 1 109 0 13 0 4 957 6 24 5 0 3 0 1 0 17 3 774 10 124 1 68 0 3 0 30 13 12 867 35
    1 39 0 3 0 0 1 118 35 767 0 72 0 7 0 0 0 0 1 0 932 0 45 2 20 139 2 117 38 85 0 603 0 16 0 0 0 0 0 0
    27 0 936 0 37 4 1 6 7 3 3 15 6 955 0 0 0 0 0 0 7 1 42 0 950"""
    fashion = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker",
               "Bag", "Ankle boot"]
    yield "fashion", Case(np.array(fc.split(), dtype=np.int64).reshape(10, 10), fashion)
    wide = [[(i * 7 + j * 3) % 11 if (i + j) % 3 else 0 for j in range(20)] for i in range(20)]
    yield "wide", Case(wide, None)
    yield "small", Case([[100000, 1, 0], [3, 50000, 7], [0, 0, 0]],
                        ["a", "a name that is rather long, longer than most", "été"])


def write_golden(directory):
    for name, case in golden_cases():
        write_counts(case, os.path.join(directory, f"confusion-{name}.tsv"))
        with open(os.path.join(directory, f"confusion-{name}.txt"), "w", encoding="utf-8") as f:
            f.write(f"{case.shown()}\n")
            for how in ("true", "pred", "all"):
                f.write(f"{case.normalized(how)}\n")
            f.write(case.report())
            f.write(case.report(digits=5))


def main():
    if a.golden:
        return write_golden(a.golden)
    checker = Checker()
    with tempfile.TemporaryDirectory() as directory:
        for i in range(a.cases):
            before = checker.failed
            rng = random.Random(f"{a.seed}/{i}")
            check(checker, random_case(rng), directory, rng)
            if checker.failed > before:
                print(f"(case {i} of seed {a.seed})")
    print(f"{a.cases} cases, {checker.compared} comparisons, {checker.failed} differ")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
