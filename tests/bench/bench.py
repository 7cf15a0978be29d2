"""What the comparisons share: the programs, pictures, fmnn's random numbers restated, its nets in PyTorch.

Imported first, for it goes on in the Python that ./venv prints where the one at hand is another.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def _use_venv():
    """Runs the script again in the environment; the variable keeps that from going in circles."""
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
import warnings

import numpy as np
import torch
from safetensors import safe_open
from scipy.special import ndtri
from torch import nn

# ---- 1. Programs and pictures


def die(what):
    print(f"{os.path.basename(sys.argv[0])}: {what}", file=sys.stderr)
    sys.exit(2)


def use_build():
    """The programs of $FMNN_BUILD, else of build/ in the source tree, else those on PATH."""
    build = os.environ.get("FMNN_BUILD", os.path.join(ROOT, "build"))
    source = os.path.join(build, "src")
    if os.access(os.path.join(source, "fm-train"), os.X_OK):
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
    """A data set of ten classes: a smooth pattern each, its strength and noise by chance."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    wave = rng.uniform(0.05, 0.4, (10, 2, 1, 1))
    pattern = 1 + np.sin(wave[:, 0] * y + wave[:, 1] * x + rng.uniform(0, 6, (10, 1, 1)))
    for count, images, labels in (train, *FILES[:2]), (test, *FILES[2:]):
        label = rng.integers(0, 10, count).astype(np.uint8)
        pixel = pattern[label] * rng.uniform(40, 120, (count, 1, 1)) + rng.normal(0, 30, (count, *size))
        pixel[pixel < 60] = 0  # as much of the real pictures is
        write_idx(os.path.join(directory, images), np.clip(pixel, 0, 255).astype(np.uint8))
        write_idx(os.path.join(directory, labels), label)
    return directory


class Data:
    """A directory's pictures, by the names that tables have for them."""

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
    """The real data set where fm-split finds one, else the sample, else a generated one."""
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
    return Data(generate(scratch), "generated pictures")


def scratch():
    return tempfile.TemporaryDirectory(prefix="fmnn-bench.")


# ---- 2. fmnn's random numbers, restated from the papers (lib/rng.h says which)

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
    """The order of n pictures in an epoch, counted from 1."""
    bits = philox(seed, SHUFFLE, epoch, np.arange(n)).tolist()
    order = list(range(n))
    for i in range(n, 1, -1):
        j = bits[i - 1] * i >> 64
        order[i - 1], order[j] = order[j], order[i - 1]
    return np.array(order)


BELOW = 0.022750131948179207  # the mass of a normal deviate below minus two
DEVIATION = 0.87962566103423978  # that of a unit normal deviate truncated at two


def he_normal(shape, fan_in, seed, tensor):
    """fmnn's starting weights; tensor counts weights and biases in the file's order."""
    index = (tensor << 40) + np.arange(math.prod(shape))
    u = ((philox(seed, INIT, 0, index) >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
    return (ndtri(BELOW + u * (1 - 2 * BELOW)) / DEVIATION * math.sqrt(2 / fan_in)).reshape(shape)


def he_normal_torch(module):
    """The same distribution by PyTorch's own numbers; biases zero."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        fan_in = math.prod(module.weight.shape[1:])
        deviation = math.sqrt(2 / fan_in) / DEVIATION
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        nn.init.zeros_(module.bias)


# ---- 3. fmnn's nets in PyTorch

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def same(size, kernel, stride):
    """Padding before and after, as Keras defines "same"."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv(words, c, h, w):
    """The modules of `conv FILTERS HxW [stride S] [valid]`, and the shape that comes out."""
    units, (kh, kw) = int(words.pop(0)), map(int, words.pop(0).split("x"))
    stride, valid = 1, False
    while words and words[0] in ("stride", "valid"):
        if words.pop(0) == "valid":
            valid = True
        else:
            stride = int(words.pop(0))
    if valid:
        shape = (units, (h - kh) // stride + 1, (w - kw) // stride + 1)
        return [nn.Conv2d(c, units, (kh, kw), stride)], shape
    shape = (units, -(-h // stride), -(-w // stride))
    if stride == 1:
        return [nn.Conv2d(c, units, (kh, kw), padding="same")], shape
    pad = nn.ZeroPad2d((*same(w, kw, stride), *same(h, kh, stride)))
    return [pad, nn.Conv2d(c, units, (kh, kw), stride)], shape


def build(text, shape):
    """The nn.Sequential whose modules fmnn's weight files are numbered by."""
    modules, flat = [], False
    for layer in re.split(r"[|\n]", text):
        kind, *words = layer.split()
        if kind == "conv":
            new, shape = conv(words, *shape)
            modules += new
        elif kind in ("avgpool", "maxpool"):
            n = int(words.pop(0))
            modules.append((nn.AvgPool2d if kind == "avgpool" else nn.MaxPool2d)(n))
            shape = (shape[0], shape[1] // n, shape[2] // n)
        elif kind == "dense":
            if not flat:
                modules.append(nn.Flatten())
            flat, units = True, int(words.pop(0))
            modules.append(nn.Linear(math.prod(shape), units))
            shape = (units, 1, 1)
        else:
            die(f"layer '{layer}' is not known here")
        if words and words[0] in ACTIVATIONS:
            modules.append(ACTIVATIONS[words.pop(0)]())
        if words and words != ["linear"]:
            die(f"layer '{layer}': '{' '.join(words)}' is not known here")
    return nn.Sequential(*modules)


def adam_epsilon(step):
    """Keras (and fmnn) add epsilon to the square root of the raw second moment, PyTorch to that of the corrected
    one: divided by the correction of the step, counted from 1, it makes the two the same."""
    return 1e-7 / math.sqrt(1 - 0.999**step)


class Weights:
    """What a weight file says of itself, and its tensors as the file has them."""

    def __init__(self, path):
        self.path = path
        with safe_open(path, "pt") as file:
            meta = file.metadata()
        self.model = meta["fmnn.model"]
        given = json.loads(meta["fmnn.input"])
        self.shape, self.scale = given["shape"], given["scale"]

    def net(self):
        """The contract of the files: load_file, load_state_dict, and nothing between them."""
        from safetensors.torch import load_file

        net = build(self.model, self.shape)
        net.load_state_dict(load_file(self.path))
        return net

    def pixels(self, images):
        return torch.from_numpy(images).unsqueeze(1).to(torch.float32) * np.float32(self.scale)


def report(lines, widths):
    for line in lines:
        print("  ".join(str(h).ljust(w) for h, w in zip(line, widths)).rstrip(), flush=True)


warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
torch.manual_seed(0)
use_build()
