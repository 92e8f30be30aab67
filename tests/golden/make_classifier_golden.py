#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden forward passes of the classifiers' networks, by eager PyTorch in float64.

usage: make_classifier_golden.py [FILE]     default: classifier_golden.json beside this script

Weights and inputs are no random numbers but formulas, which the test repeats:
  tensor t (counted from 0 in the order of the module's parameters, then its buffers without
  num_batches_tracked), element k:   w = scale * sin(0.7 k + 1.3 t), scale 1 / sqrt(fan in) of
  tensors of two and more dimensions, else 0.1; plus 1 for the weight of a normalisation;
  a running variance is 1 + 0.5 |sin|.
  input, element k: 0.5 + 0.5 sin(0.37 k^2 mod 6.283).
"""
import json
import math
import pathlib
import sys

import torch
from torch import nn

DNN = {"columns": 7, "hidden": 11, "layers": 2, "rows": 5}
CNN = {"image": [9, 8, 6], "rows": 3}
SLOPE = 0.01


def wave(count, phase):
    return torch.sin(0.7 * torch.arange(count, dtype=torch.float64) + phase)


def fill(module):
    with torch.no_grad():
        names = [(n, p) for n, p in module.named_parameters()]
        names += [(n, b) for n, b in module.named_buffers() if not n.endswith("num_batches_tracked")]
        norms = {n for n, m in module.named_modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)}
        for t, (name, tensor) in enumerate(names):
            owner, _, what = name.rpartition(".")
            scale = 1 / math.sqrt(tensor[0].numel()) if tensor.dim() > 1 else 0.1
            values = wave(tensor.numel(), 1.3 * t)
            if what == "running_var":
                values = 1 + 0.5 * values.abs()
            else:
                values = scale * values + (1 if owner in norms and what == "weight" else 0)
            tensor.copy_(values.reshape(tensor.shape))


def inputs(rows, columns):
    k = torch.arange(rows * columns, dtype=torch.float64)
    return (0.5 + 0.5 * torch.sin(torch.fmod(0.37 * k * k, 6.283))).reshape(rows, columns)


def dnn():
    widths = [DNN["columns"]] + [DNN["hidden"]] * (DNN["layers"] + 1)
    parts = []
    for a, b in zip(widths, widths[1:]):
        parts += [nn.Linear(a, b), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*parts, nn.Linear(widths[-1], 1)).double()


def conv(a, b, kernel, stride):
    return nn.Conv3d(a, b, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.conv1, self.norm1 = conv(a, b, 3, stride), nn.BatchNorm3d(b)
        self.conv2, self.norm2 = conv(b, b, 3, 1), nn.BatchNorm3d(b)
        self.projected = stride != 1 or a != b
        if self.projected:
            self.shortcut, self.shortcut_norm = conv(a, b, 1, stride), nn.BatchNorm3d(b)

    def forward(self, x):
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(y + (self.shortcut_norm(self.shortcut(x)) if self.projected else x))


class ResNet18(nn.Module):
    """The 3D ResNet-18 of arXiv:2410.21611: planes 32, 64, 64, 128, an energy beside the image."""

    def __init__(self, image):
        super().__init__()
        self.image = image
        self.stem, self.stem_norm = conv(1, 32, 7, 2), nn.BatchNorm3d(32)
        blocks, width = [], 32
        for stage, planes in enumerate([32, 64, 64, 128]):
            for i in range(2):
                blocks.append(Block(width, planes, 2 if stage > 0 and i == 0 else 1))
                width = planes
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(width + 1, 1)
        self.energy_norm = nn.BatchNorm1d(1)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        energy = self.energy_norm(x[:, :1])
        y = x[:, 1:].reshape(-1, 1, *self.image)
        y = nn.functional.max_pool3d(torch.relu(self.stem_norm(self.stem(y))), 3, 2, 1)
        y = nn.functional.adaptive_avg_pool3d(self.blocks(y), 1).flatten(1)
        return self.output(torch.cat([y, energy], 1))


def record(module, x):
    """Outputs with stored statistics and with the batch's own; gradient of the latter's sum."""
    fill(module)
    module.eval()
    stored = module(x).flatten().tolist()
    module.train()
    own = module(x)
    own.sum().backward()
    squares = [float((p.grad**2).sum()) for p in module.parameters()]
    return {"eval": stored, "train": own.flatten().tolist(), "gradient_squares": squares,
            "parameters": sum(p.numel() for p in module.parameters())}


def main():
    torch.set_num_threads(1)
    voxels = math.prod(CNN["image"])
    golden = {
        "made_by": f"tests/golden/make_classifier_golden.py, PyTorch {torch.__version__}, float64",
        "dnn": DNN | record(dnn(), inputs(DNN["rows"], DNN["columns"])),
        "cnn": CNN | record(ResNet18(CNN["image"]).double(), inputs(CNN["rows"], voxels + 1)),
    }
    official = ResNet18([45, 16, 9])
    golden["official_cnn_parameters"] = sum(p.numel() for p in official.parameters())
    default = pathlib.Path(__file__).with_name("classifier_golden.json")
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    file.write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
