#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""AUC and JSD of trained classifiers on samples that are known to be right or wrong.

usage: MOLIERE_SHARED=... make_classifier_controls.py [FILE]   default: classifier_controls.json

Eager PyTorch and scikit-learn on the CaloChallenge's recipe (arXiv:2410.21611, section 4.3): a
network with LeakyReLU, cross entropy, Adam; the epoch of the best accuracy on "test", isotonic
calibration there, figures on "validation". It shares no code with Molière. Samples and features are
those of make_evaluation_golden.py, whose environment this needs, with torch. The network is smaller
than the official one, and trained for less, so that the test is quick.
"""
import json
import os
import pathlib
import platform
import sys

import numpy as np
import sklearn
import torch
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from make_evaluation_golden import ROWS, SMEARING, Geometry, Sample, make_sample, normal, read

HERE = pathlib.Path(__file__).parent
GEOMETRY = "ds1-photons"
SEEDS = 8
SETTINGS = {"hidden": 256, "layers": 2, "epochs": 20, "batch": 200, "learning_rate": 1e-3}
SHARES = (0.6, 0.2, 0.2)  # training, test (selects and calibrates), validation (reported)
# Name -> (changed part 2, features); the reference is part 1, so that no shower is on both sides.
CONTROLS = {
    "voxel swapped, low": ("part2 voxel swapped", "low"),
    "response smeared, high": ("part2 response smeared", "high"),
    "voxels smeared, low": ("part2 smeared", "low"),
    "layers shuffled, high": ("part2 layers shuffled", "high"),
    "layers shuffled, low": ("part2 layers shuffled", "low"),
    "parametrised, high": ("toy", "high"),
}
# Against itself Geant4 needs showers of its own for each seed: with the same ones split again and
# again the figures scatter less than they are off.
REAL = {"real, high": "high", "real, low": "low"}


def features(sample, kind):
    """The classifier's inputs (N, D), float32."""
    if kind == "high":
        return sample.high().astype(np.float32)
    incident = sample.incident[:, None]
    return np.hstack([np.log10(incident), sample.showers / incident]).astype(np.float32)


def network(columns):
    layers = [nn.Linear(columns, SETTINGS["hidden"]), nn.LeakyReLU(0.01)]
    for _ in range(SETTINGS["layers"]):
        layers += [nn.Linear(SETTINGS["hidden"], SETTINGS["hidden"]), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers, nn.Linear(SETTINGS["hidden"], 1))


def split(reference, sample, rng):
    """[(x, y)] of training, test and validation; label 1 is the reference."""
    parts = []
    orders = [rng.permutation(len(rows)) for rows in (reference, sample)]
    first = 0
    for share in SHARES:
        last = first + round(share * len(reference))
        chosen = [rows[order[first:last]] for rows, order in zip((reference, sample), orders)]
        labels = np.repeat([1.0, 0.0], last - first).astype(np.float32)
        parts.append((torch.from_numpy(np.concatenate(chosen)), torch.from_numpy(labels)))
        first = last
    return parts


def scores(model, x):
    model.eval()
    with torch.no_grad():
        rows = [torch.sigmoid(model(part).squeeze(1)) for part in x.split(SETTINGS["batch"])]
    return torch.cat(rows).cpu().numpy().astype(np.float64)


def train(reference, sample, seed, make=network, device="cpu"):
    """(AUC, JSD) of one training."""
    torch.manual_seed(seed)
    parts = split(reference, sample, np.random.default_rng(seed))
    training, test, validation = [(x.to(device), y) for x, y in parts]
    targets = training[1].to(device)
    model = make(reference.shape[1]).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=SETTINGS["learning_rate"])
    loss_of = nn.BCEWithLogitsLoss()
    best, weights = -1.0, None
    for _ in range(SETTINGS["epochs"]):
        model.train()
        for rows in torch.randperm(len(targets)).to(device).split(SETTINGS["batch"]):
            optimiser.zero_grad()
            loss_of(model(training[0][rows]).squeeze(1), targets[rows]).backward()
            optimiser.step()
        accuracy = ((scores(model, test[0]) > 0.5) == (test[1].numpy() > 0.5)).mean()
        if accuracy > best:
            best = accuracy
            weights = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(weights)
    calibration = IsotonicRegression(y_min=1e-6, y_max=1 - 1e-6, out_of_bounds="clip")
    calibration.fit(scores(model, test[0]), test[1].numpy())
    calibrated = calibration.predict(scores(model, validation[0]))
    labels = validation[1].numpy()
    return roc_auc_score(labels, calibrated), 1 - log_loss(labels, calibrated) / np.log(2)


def showers(name, geometry, shared):
    if name == "part2 response smeared":
        energy, voxels = make_sample("part2", geometry, shared)
        factor = 1 + SMEARING * normal("smear", np.arange(len(energy)))
        return energy, (voxels.astype(np.float64) * factor[:, None]).astype(np.float32)
    return make_sample(name, geometry, shared)


def slices(part, geometry, shared):
    """The showers of each seed."""
    energy, voxels = read(shared / "data" / f"photons_ds1_{part}.h5", SEEDS * ROWS)
    return [Sample(geometry, energy[k * ROWS:(k + 1) * ROWS], voxels[k * ROWS:(k + 1) * ROWS])
            for k in range(SEEDS)]


def spread(values):
    return {"mean": round(float(np.mean(values)), 6),
            "standard_error": round(float(np.std(values, ddof=1) / np.sqrt(len(values))), 6)}


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "classifier_controls.json"
    shared = pathlib.Path(os.environ["MOLIERE_SHARED"])
    geometry = Geometry(GEOMETRY, shared)
    controls = {}

    def add(name, runs, more):
        controls[name] = {**more, "auc": spread([auc for auc, _ in runs]),
                          "jsd": spread([jsd for _, jsd in runs])}
        print(name, controls[name]["auc"], controls[name]["jsd"], flush=True)

    pairs = list(zip(slices(1, geometry, shared), slices(2, geometry, shared)))
    for name, kind in REAL.items():
        add(name, [train(features(one, kind), features(other, kind), seed)
                   for seed, (one, other) in enumerate(pairs, 1)], {"features": kind})
    reference = pairs[0][0]
    for name, (changed, kind) in CONTROLS.items():
        sample = Sample(geometry, *showers(changed, geometry, shared))
        pair = [features(one, kind) for one in (reference, sample)]
        add(name, [train(*pair, seed) for seed in range(1, SEEDS + 1)],
            {"sample": changed, "features": kind})
    versions = {"python": platform.python_version(), "numpy": np.__version__,
                "scikit-learn": sklearn.__version__, "torch": torch.__version__.split("+")[0]}
    target.write_text(json.dumps({"versions": versions, "geometry": GEOMETRY, "seeds": SEEDS,
                                  "settings": SETTINGS, "controls": controls}, indent=1) + "\n")


if __name__ == "__main__":
    main()
