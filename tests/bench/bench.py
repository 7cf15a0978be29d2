"""Shared by the comparisons with PyTorch: all of common.py, and fmnn's nets in PyTorch."""

from common import *  # first: goes on in the Python of ./venv

import warnings

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def same(size, kernel, stride):
    """Padding before and after, as Keras defines "same"."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv(layer, c, h, w):
    """The modules of a convolution, and the shape of its output."""
    units, (kh, kw), stride = layer.size, layer.kernel, layer.stride
    if layer.valid:
        shape = (units, (h - kh) // stride + 1, (w - kw) // stride + 1)
        return [nn.Conv2d(c, units, (kh, kw), stride)], shape
    shape = (units, -(-h // stride), -(-w // stride))
    if stride == 1:
        return [nn.Conv2d(c, units, (kh, kw), padding="same")], shape
    pad = nn.ZeroPad2d((*same(w, kw, stride), *same(h, kh, stride)))
    return [pad, nn.Conv2d(c, units, (kh, kw), stride)], shape


def build(text, shape):
    """The nn.Sequential whose module numbers are in fmnn's weight files."""
    modules, flat = [], False
    for layer in layers(text):
        if layer.kind == "conv":
            new, shape = conv(layer, *shape)
            modules += new
        elif layer.kind == "dense":
            if not flat:
                modules.append(nn.Flatten())
            flat = True
            modules.append(nn.Linear(math.prod(shape), layer.size))
            shape = (layer.size, 1, 1)
        else:
            modules.append((nn.AvgPool2d if layer.kind == "avgpool" else nn.MaxPool2d)(layer.size))
            shape = (shape[0], shape[1] // layer.size, shape[2] // layer.size)
        if layer.activation != "linear":
            modules.append(ACTIVATIONS[layer.activation]())
    return nn.Sequential(*modules)


def he_normal_torch(module):
    """The same distribution with PyTorch's random numbers; biases zero."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        fan_in = math.prod(module.weight.shape[1:])
        deviation = math.sqrt(2 / fan_in) / DEVIATION
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
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
        return net

    def pixels(self, images):
        return torch.from_numpy(images).unsqueeze(1).to(torch.float32) * np.float32(self.scale)


warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
torch.manual_seed(0)
