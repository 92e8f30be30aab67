#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the CaloChallenge's own network here and in Molière, and compares the means over seeds.

usage: MOLIERE_SHARED=... classifier_parity.py MOLIERE_FLOW [--features high low] [--seeds 5]
                                               [--geometry ds1-photons] [--device cpu]
       ... --features cnn --geometry ds2 --device cuda        the 3D ResNet, an hour on a core

Not a test of every day: the official width (2048), learning rate and float32 on a core take ten
minutes. Here eager PyTorch and scikit-learn train as make_classifier_controls.py says, whose
environment this needs; there `moliere-flow classify` reads the same showers from files and computes
the features by itself. The sample is one that neither finds too easy: layers shuffled between
showers. Fewer epochs and smaller batches than the official ones, since the samples are small.
Exit code 1 where means of AUC or JSD differ by 3 standard errors.
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np
import torch

import make_classifier_controls as controls
from make_classifier_golden import ResNet18
from make_evaluation_golden import Geometry, Sample, make_sample

IMAGE = [45, 16, 9]  # of ds2: layers, alpha, r
PAIR = ("part1", "part2 layers shuffled")
OFFICIAL = {"hidden": 2048, "layers": 2, "epochs": 10, "batch": 200, "learning_rate": 2e-4}
LIMIT = 3  # standard errors


def write(file, energy, showers):
    with h5py.File(file, "w") as data:
        data["incident_energies"] = energy[:, None]
        data["showers"] = showers


def theirs(samples, kind, options):
    """[(AUC, JSD)] of PyTorch."""
    inputs = [controls.features(one, "low" if kind == "cnn" else kind) for one in samples]
    make = (lambda _: ResNet18(IMAGE)) if kind == "cnn" else controls.network
    return [controls.train(*inputs, seed, make, options.device)
            for seed in range(1, options.seeds + 1)]


def ours(files, kind, options):
    """[(AUC, JSD)] of Molière."""
    answer = subprocess.run(
        [options.moliere_flow.resolve(), "classify", *files, "-g", options.geometry,
         "--features", kind, "--seeds", str(options.seeds), "--epochs", str(OFFICIAL["epochs"]),
         "--batch", str(OFFICIAL["batch"]), "--precision", "float32", "--device", options.device,
         "--threads", "1", "--json"], check=True, stdout=subprocess.PIPE)
    result = json.loads(answer.stdout)
    for key in ("hidden", "learning_rate"):
        if result["settings"][key] != OFFICIAL[key]:
            sys.exit(f"classifier_parity: {key} is {result['settings'][key]} there, "
                     f"{OFFICIAL[key]} here (the two would differ for that) make them equal")
    return [(run["auc"], run["jsd"]) for run in result["runs"]]


def compare(name, here, there):
    """Prints a line; whether the means agree."""
    left, right = controls.spread(here), controls.spread(there)
    error = math.hypot(left["standard_error"], right["standard_error"])
    distance = (right["mean"] - left["mean"]) / error
    print(f"{name:<10} PyTorch {left['mean']:.4f} +- {left['standard_error']:.4f}   "
          f"Molière {right['mean']:.4f} +- {right['standard_error']:.4f}   "
          f"{distance:+.1f} standard errors", flush=True)
    return abs(distance) < LIMIT


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("moliere_flow", type=pathlib.Path)
    parser.add_argument("--features", nargs="+", default=["high", "low"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--geometry", default="ds1-photons")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    shared = pathlib.Path(os.environ["MOLIERE_SHARED"])
    geometry = Geometry(options.geometry, shared)
    controls.SETTINGS.update(OFFICIAL)
    torch.set_num_threads(1)
    agree = True
    with tempfile.TemporaryDirectory() as folder:
        showers = [make_sample(name, geometry, shared) for name in PAIR]
        files = [str(pathlib.Path(folder) / f"{k}.h5") for k in range(2)]
        for file, (energy, voxels) in zip(files, showers):
            write(file, energy, voxels)
        samples = [Sample(geometry, *one) for one in showers]
        print(f"{options.geometry}, {len(samples[0].incident)} showers of each sample ({PAIR[0]}; "
              f"{PAIR[1]}), {options.seeds} seeds on {options.device}, {OFFICIAL}, "
              f"PyTorch {torch.__version__}, numpy {np.__version__}", flush=True)
        for kind in options.features:
            began = time.monotonic()
            here = theirs(samples, kind, options)
            between = time.monotonic()
            there = ours(files, kind, options)
            print(f"{kind}: PyTorch {between - began:.0f} s, Molière {time.monotonic() - between:.0f} s")
            for column, figure in enumerate(("AUC", "JSD")):
                agree &= compare(f"{kind} {figure}", [run[column] for run in here],
                                 [run[column] for run in there])
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
