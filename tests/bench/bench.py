"""Shared by the comparisons with PyTorch: all of common.py, and fmnn's nets in PyTorch."""

from common import *  # first: goes on in the Python of ./venv

import warnings

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "silu": nn.SiLU, "gelu": nn.GELU}


class Residual(nn.Module):
    """As in fmnn-model(5)."""

    def __init__(self, *body, skip=None):
        super().__init__()
        self.body, self.skip = nn.Sequential(*body), skip or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.skip(x)


def same(size, kernel, stride):
    """Padding before and after, as Keras defines "same"."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv(layer, c, h, w):
    """The modules of a convolution, and the shape of its output."""
    units, (kh, kw), stride = layer.size, layer.kernel, layer.stride
    if layer.valid:
        shape = (units, (h - kh) // stride + 1, (w - kw) // stride + 1)
        return [nn.Conv2d(c, units, (kh, kw), stride, bias=layer.bias)], shape
    shape = (units, -(-h // stride), -(-w // stride))
    if stride == 1:
        return [nn.Conv2d(c, units, (kh, kw), padding="same", bias=layer.bias)], shape
    pad = nn.ZeroPad2d((*same(w, kw, stride), *same(h, kh, stride)))
    return [pad, nn.Conv2d(c, units, (kh, kw), stride, bias=layer.bias)], shape


def pool(layer, c, h, w):
    average = layer.kind == "avgpool"
    if layer.size is None:
        return [nn.AdaptiveAvgPool2d(1) if average else nn.AdaptiveMaxPool2d(1)], (c, 1, 1)
    up = layer.size - 1 if layer.same else 0
    new = (nn.AvgPool2d if average else nn.MaxPool2d)(layer.size, ceil_mode=layer.same)
    return [new], (c, (h + up) // layer.size, (w + up) // layer.size)


def has_dense(layer):
    return layer.kind == "dense" or any(map(has_dense, layer.body))


def stride_of(layer):
    """By what a layer divides rows and columns."""
    if layer.kind == "residual":
        return math.prod(map(stride_of, layer.body))
    return layer.size if layer.kind in ("avgpool", "maxpool") else layer.stride


def residual(layer, shape):
    body, out = sequence(layer.body, shape, has_dense(layer))
    if not layer.project:
        return [Residual(*body)], out
    if has_dense(layer):
        skip = [nn.Linear(math.prod(shape), out[0], bias=False), nn.BatchNorm1d(out[0])]
    else:
        skip = [nn.Conv2d(shape[0], out[0], 1, stride_of(layer), bias=False), nn.BatchNorm2d(out[0])]
    return [Residual(*body, skip=nn.Sequential(*skip))], out


def modules_of(layer, shape, flat):
    if layer.kind == "conv":
        return conv(layer, *shape)
    if layer.kind == "dense":
        return [nn.Linear(math.prod(shape), layer.size, bias=layer.bias)], (layer.size, 1, 1)
    if layer.kind == "residual":
        return residual(layer, shape)
    if layer.kind == "bn":
        return [(nn.BatchNorm1d if flat else nn.BatchNorm2d)(shape[0])], shape
    if layer.kind == "dropout":
        return [nn.Dropout(layer.size)], shape
    return pool(layer, *shape)


def sequence(parts, shape, flat):
    """The modules of layers, and the shape of their output."""
    modules = []
    for layer in parts:
        if has_dense(layer) and not flat:
            modules.append(nn.Flatten())
            flat = True
        new, shape = modules_of(layer, shape, flat)
        modules += new
        if layer.kind in ("conv", "dense") and layer.bn:
            modules.append((nn.BatchNorm1d if flat else nn.BatchNorm2d)(shape[0]))
        if layer.activation != "linear":
            modules.append(ACTIVATIONS[layer.activation]())
    return modules, shape


def build(text, shape):
    """The nn.Sequential whose module numbers are in fmnn's weight files."""
    return nn.Sequential(*sequence(layers(text), shape, False)[0])


def he_normal_torch(module):
    """The same distribution with PyTorch's random numbers; biases zero."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        fan_in = math.prod(module.weight.shape[1:])
        deviation = math.sqrt(2 / fan_in) / DEVIATION
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Weights:
    """A weight file: its metadata, its net, and images as input of that net."""

    def __init__(self, path):
        self.path = path
        self.model, self.shape, self.scale = weights_say(path)

    def net(self):
        """The contract of the files: load_file, load_state_dict, and nothing in between."""
        from safetensors.torch import load_file

        net = build(self.model, self.shape)
        net.load_state_dict(load_file(self.path))
        return net.eval()

    def pixels(self, images):
        return torch.from_numpy(channels_first(images)).to(torch.float32) * np.float32(self.scale)


warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
torch.manual_seed(0)
