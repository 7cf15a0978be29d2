"""Shared by all comparisons: the programs, images, fmnn's random numbers restated, its model text and weight files.

Importing it starts the script again in the Python that ./venv prints, unless it runs in that one already: so a script
parses its command line before.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def _use_venv():
    """Runs the script again in the environment; the variable is set there, so that this happens once."""
    if os.environ.get("FMNN_BENCH_INSIDE"):
        return
    made = subprocess.run([os.path.join(HERE, "venv")], stdout=subprocess.PIPE, text=True)
    if made.returncode:
        sys.exit(2)
    os.environ["FMNN_BENCH_INSIDE"] = "1"
    python = made.stdout.strip()
    os.execv(python, [python, "-B"] + sys.argv)


_use_venv()

import gzip
import json
import math
import re
import struct
import tempfile
import traceback

import numpy as np
from safetensors import safe_open

# ---- 1. Programs and images


def die(what):
    print(f"{os.path.basename(sys.argv[0])}: {what}", file=sys.stderr)
    sys.exit(2)


def use_build():
    """The programs in $FMNN_BUILD, or in build/ in the source tree, or on PATH."""
    build = os.environ.get("FMNN_BUILD", os.path.join(ROOT, "build"))
    source = os.path.join(build, "src")
    if os.access(os.path.join(source, "fm-train"), os.X_OK):
        if os.access(os.path.join(source, ".libs", "fm-train"), os.X_OK):  # not libtool's script, which takes time to start it
            source = os.path.join(source, ".libs")
            os.environ["LD_LIBRARY_PATH"] = os.path.join(build, "lib", ".libs")
        os.environ["PATH"] = source + os.pathsep + os.environ["PATH"]
        os.environ.setdefault("FMNN_MODELS", os.path.join(ROOT, "lib", "models"))
    elif "FMNN_BUILD" in os.environ:
        die(f"{source}: no fm-train there")


def run(*command, text=None):
    """The standard output of a program that must succeed."""
    try:
        done = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        die(f"{command[0]} is not on PATH; build it first, or set FMNN_BUILD")
    if done.returncode:
        die(f"{' '.join(command)}: exit status {done.returncode}")
    return done.stdout


def rows(text):
    """A table's rows, as dictionaries."""
    lines = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(lines[0], line)) for line in lines[1:]]


def table(names, labels, splits):
    lines = [f"{n}\t{l}\t{s}" for n, l, s in zip(names, labels, splits)]
    return "\n".join(["image\tlabel\tsplit"] + lines) + "\n"


FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def read_idx(path):
    with open(path, "rb") if os.path.exists(path) else gzip.open(path + ".gz") as file:
        data = file.read()
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape).copy()


def write_idx(path, array):
    with open(path, "wb") as file:
        file.write(struct.pack(f">I{array.ndim}I", 0x800 | array.ndim, *array.shape) + array.tobytes())


def generate(directory, train=2000, test=1000, size=(28, 28)):
    """A data set of ten classes: each a smooth pattern, with random strength and noise. size: also (H,W,3), in colour."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    if len(size) == 3:
        y, x = (np.repeat(axis[..., None], size[2], 2) for axis in (y, x))
    ones = (1,) * len(size)
    wave = rng.uniform(0.05, 0.4, (10, 2, *ones))
    phase = rng.uniform(0, 6, (10, *ones[:2], *size[2:]))
    pattern = 1 + np.sin(wave[:, 0] * y + wave[:, 1] * x + phase)
    for count, images, labels in (train, *FILES[:2]), (test, *FILES[2:]):
        label = rng.integers(0, 10, count).astype(np.uint8)
        pixel = pattern[label] * rng.uniform(40, 120, (count, *ones)) + rng.normal(0, 30, (count, *size))
        pixel[pixel < 60] = 0  # like much of the real images
        write_idx(os.path.join(directory, images), np.clip(pixel, 0, 255).astype(np.uint8))
        write_idx(os.path.join(directory, labels), label)
    return directory


def channels_first(images):
    """(N,C,H,W) of images (N,H,W) or (N,H,W,C)."""
    return images[:, None] if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))


class Data:
    """The images of a directory, under their names in tables."""

    def __init__(self, directory, what):
        self.directory, self.what = directory, what
        self.train, self.train_label, self.test, self.test_label = (
            read_idx(os.path.join(directory, name)) for name in FILES
        )

    def names(self, split, rows):
        return [f"{os.path.join(self.directory, FILES[0 if split == 'train' else 2])}:{i}" for i in rows]


def is_data(directory):
    paths = [os.path.join(directory, name) for name in FILES]
    return all(os.path.exists(path) or os.path.exists(path + ".gz") for path in paths)


def find_data(scratch):
    """The real data set, if fm-split finds one, or the sample, or a generated one."""
    share = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    real = [
        os.environ.get("FMNN_DATA", ""),
        os.path.join(share, "fmnn", "fashion-mnist"),
        "/usr/share/datasets/fashion-mnist",
    ]
    for directory in filter(is_data, filter(None, real)):
        return Data(directory, f"the data set in {directory}")
    sample = os.path.join(ROOT, "examples", "sample")
    if is_data(sample):
        return Data(sample, "the sample")
    return Data(generate(scratch), "generated images")


def scratch():
    return tempfile.TemporaryDirectory(prefix="fmnn-bench.")


# ---- 2. fmnn's random numbers, restated from the papers (named in lib/base/rng.h)

INIT, SHUFFLE = 1, 2
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


def philox(seed, purpose, epoch, index):
    """64 bits for each index."""
    index = np.asarray(index, np.uint64)
    c = [index & LOW, index >> HALF, np.full_like(index, epoch), np.full_like(index, purpose)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        p, q = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(q >> HALF) ^ c[1] ^ np.uint64(key[0]), q & LOW, (p >> HALF) ^ c[3] ^ np.uint64(key[1]), p & LOW]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c[1] << HALF | c[0]


def shuffled(n, seed, epoch):
    """The order of n images in an epoch, counted from 1."""
    bits = philox(seed, SHUFFLE, epoch, np.arange(n)).tolist()
    order = list(range(n))
    for i in range(n, 1, -1):
        j = bits[i - 1] * i >> 64
        order[i - 1], order[j] = order[j], order[i - 1]
    return np.array(order)


BELOW = 0.022750131948179207  # the mass of a normal deviate below minus two
DEVIATION = 0.87962566103423978  # the deviation of a unit normal deviate truncated at two


def he_normal(shape, fan_in, seed, tensor):
    """fmnn's starting weights; tensor counts weights and biases in the file's order."""
    from scipy.special import ndtri

    index = (tensor << 40) + np.arange(math.prod(shape))
    u = ((philox(seed, INIT, 0, index) >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return (ndtri(BELOW + u * (1 - 2 * BELOW)) / DEVIATION * math.sqrt(2 / fan_in)).reshape(shape)


# ---- 3. Models and weight files


ACTIVATION_NAMES = ("linear", "relu", "sigmoid", "tanh", "silu", "gelu")


class Layer:
    """A layer of a model's text: kind, size (filters, units, the pool's side or None for `all`, dropout's probability),
    kernel, same (of a pool), stride, valid, bias, bn, activation; of a residual also body (layers) and project."""

    def __init__(self, text):
        self.text = text
        self.kind, *words = text.split()
        if self.kind not in ("conv", "dense", "avgpool", "maxpool", "bn", "dropout", "residual"):
            die(f"layer '{text}' is not known here")
        self.size, self.kernel, self.body = None, None, []
        if self.kind in ("conv", "dense", "avgpool", "maxpool"):
            size = words.pop(0)
            self.size = None if size == "all" else int(size)
        if self.kind == "dropout":
            self.size = float(words.pop(0))
        if self.kind == "conv":
            self.kernel = tuple(map(int, words.pop(0).split("x")))
        self.same = self.take(words, "same")
        self.stride = self.take(words, "stride") or 1
        self.valid = self.take(words, "valid")
        self.bias, self.bn, self.project = (not self.take(words, "nobias"), self.take(words, "bn"), self.take(words, "project"))
        self.bias &= not self.bn
        self.activate(words)

    def take(self, words, word):
        """Takes the word if it comes next; the number after `stride`."""
        if not words or words[0] != word:
            return False
        words.pop(0)
        return int(words.pop(0)) if word == "stride" else True

    def activate(self, words):
        self.activation = words.pop(0) if words else "linear"
        if words or self.activation not in ACTIVATION_NAMES:
            die(f"layer '{self.text}' is not known here")


def layers(text):
    """The layers of a model's text as weight files have it: without `repeat`, `set` and comments."""
    outer, stack, closed = [], [], None
    for part in re.findall(r"[{}|\n]|[^{}|\n]+", text):
        inner = stack[-1].body if stack else outer
        if part == "{":
            stack.append(inner[-1])
        elif part == "}":
            closed = stack.pop()
        elif part in "|\n":
            closed = None
        elif part.strip() and closed:
            closed.activate(part.split())
        elif part.strip():
            inner.append(Layer(part.strip()))
    return outer


def weights_say(path):
    """The metadata of a weight file: the model's text, the shape of an image, the factor of a pixel."""
    with safe_open(path, "np") as file:
        meta = file.metadata()
    given = json.loads(meta["fmnn.input"])
    return meta["fmnn.model"], given["shape"], given["scale"]


def adam_epsilon(step):
    """Keras (and fmnn) add epsilon to the square root of the raw second moment, PyTorch to the root of the corrected
    one. Epsilon divided by the correction of the step, counted from 1, makes them equal."""
    return 1e-7 / math.sqrt(1 - 0.999**step)


def report(lines, widths):
    for line in lines:
        print("  ".join(str(h).ljust(w) for h, w in zip(line, widths)).rstrip(), flush=True)


# ---- 4. Workers: a framework in its own process, which a script asks for measurements


def serve(**work):
    """Answers requests, one JSON object a line: {"do": a name in work, ... its arguments}. The answers, one line each, go to
    a copy of standard output, because frameworks print to standard output themselves."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = work[job.pop("do")](**job)
        except Exception as error:  # any error of a framework: the caller decides
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


use_build()
