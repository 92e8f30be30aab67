#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Golden figures of the evaluation, by an implementation that shares no code with ours.

usage: MOLIERE_SHARED=... make_evaluation_golden.py [FILE]   default: evaluation.json beside this

Needs, in a virtual environment of its own, `pip install numpy scipy scikit-learn h5py numba prdc`
and `pip install --no-deps jetnet` (its other dependencies are for its data sets). Observables,
separations and the classifier's inputs are numpy on the definitions of the CaloChallenge; FPD and
KPD are jetnet's own functions, precision ... coverage those of prdc, Welch's test that of scipy.

Showers that are not in a file, and the rows of each batch, come from the formulas of section
"Formulas", which formula_showers.hpp repeats: both sides judge the same numbers.
"""
import contextlib
import importlib.util
import io
import json
import os
import pathlib
import platform
import sys
import types
import unittest.mock
import warnings
import xml.etree.ElementTree as ElementTree

import h5py
import numpy as np
import prdc
import scipy.optimize
import scipy.stats
import sklearn

HERE = pathlib.Path(__file__).parent
ROWS = 2000
SMEARING = 0.05
SHIFT = np.float32(1.01)
MODEL_FILE = "evaluation_parametrised.h5"  # by `moliere showers generate`, see README.md

# Small, so that the test is quick; neighbour_rows because all pairs of ds2 showers cost seconds.
SETTINGS = {
    "ds1-photons": {"rows": ROWS, "fpd_least": 500, "fpd_most": 2000, "fpd_sizes": 5,
                    "fpd_batches": 4, "kpd_batch": 1000, "kpd_batches": 4, "neighbour_rows": ROWS,
                    "swapped_cell": [2, 0, 0]},
    "ds2": {"rows": ROWS, "fpd_least": 500, "fpd_most": 2000, "fpd_sizes": 4, "fpd_batches": 2,
            "kpd_batch": 1000, "kpd_batches": 4, "neighbour_rows": 500,
            "swapped_cell": [12, 3, 0]},
}

# Pair -> (reference, sample); the samples are made by make_sample.
PAIRS = {
    "real": ("part1", "part2"),
    "smeared": ("part2", "part2 smeared"),
    "parametrised": ("part1", "toy"),
    "model": ("part1", "model"),
    "voxel swapped": ("part2", "part2 voxel swapped"),
    "layers shuffled": ("part2", "part2 layers shuffled"),
    "scale shifted": ("part1", "part2 shifted"),
    "formulas alone": ("toy", "wider toy"),
}

# Samples of which all observables are stored; the pairs' figures see the others.
SUMMARISED = ["part1", "part2", "part2 smeared", "model", "toy", "wider toy"]

# --- Formulas -------------------------------------------------------------------------------------

TAGS = {name: tag for tag, name in enumerate(
    ["energy", "depth", "response", "noise", "smear", "permute", "fpd", "kpd", "weight"], 1)}


def splitmix64(x):
    """Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014."""
    with np.errstate(over="ignore"):
        x = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def bits(tag, index):
    with np.errstate(over="ignore"):
        return splitmix64(splitmix64(TAGS[tag]) + np.asarray(index, np.uint64))


def uniform(tag, index):
    """In [0, 1)."""
    return (bits(tag, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(tag, index):
    """Box-Muller."""
    twice = 2 * np.asarray(index, np.uint64)
    radius = np.sqrt(-2 * np.log(1 - uniform(tag, twice)))
    return radius * np.cos(2 * np.pi * uniform(tag, twice + np.uint64(1)))


def permutation(key, count):
    """Rows in the order of their bits."""
    return np.argsort(bits("permute", (key << 32) + np.arange(count)), kind="stable")


def batch_rows(tag, size, batch, side, count, rows):
    """Rows of one batch, with replacement. side 0: reference, 1: sample."""
    first = (((size << 8) + batch) * 2 + side) << 32
    return (bits(tag, first + np.arange(count)) % np.uint64(rows)).astype(np.int64)


def smeared(showers):
    """Each voxel times 1 + 0.05 normal, by its place in the batch."""
    factor = 1 + SMEARING * normal("smear", np.arange(showers.size)).reshape(showers.shape)
    return (showers.astype(np.float64) * factor).astype(np.float32)


def toy(geometry, first, count, width):
    """Gamma-like in depth, exponential in radius, exponential noise in every voxel."""
    shower = first + np.arange(count, dtype=np.uint64)
    u = uniform("energy", shower)
    if geometry.name == "ds1-photons":
        energy = np.exp2(8 + np.floor(9 * u)).astype(np.float32)
    else:
        energy = (1000 * np.exp(np.log(100.0) * u)).astype(np.float32)
    depth = 5 + 2 * uniform("depth", shower)
    response = 0.95 + 0.05 * (2 * uniform("response", shower) - 1)
    place = (np.arange(len(geometry.layers)) + 0.5) / len(geometry.layers)
    share = place**2 * np.exp(-depth[:, None] * place)
    share /= share.sum(axis=1, keepdims=True)
    mean = np.empty((count, geometry.voxels))
    for number, layer in enumerate(geometry.layers):
        scale = width * 0.1 * layer.edges[-1] * (1 + place[number])
        ring = np.exp(-layer.edges[:-1] / scale) - np.exp(-layer.edges[1:] / scale)
        cells = np.tile(ring, layer.sectors) / layer.sectors
        mean[:, layer.voxels] = share[:, number, None] * cells
    mean *= (energy.astype(np.float64) * response)[:, None]
    index = (shower << np.uint64(20))[:, None] + np.arange(geometry.voxels, dtype=np.uint64)
    noise = -np.log(1 - uniform("noise", index))
    return energy, (mean * noise).astype(np.float32)


# --- Geometry and showers -------------------------------------------------------------------------


class Layer:
    def __init__(self, number, edges, sectors, first):
        self.id, self.edges, self.sectors = number, np.array(edges), sectors
        self.rings = len(edges) - 1
        self.voxels = slice(first, first + self.rings * sectors)
        middle = (self.edges[:-1] + self.edges[1:]) / 2
        angle = -np.pi + (np.arange(sectors) + 0.5) * 2 * np.pi / sectors
        self.r = np.tile(middle, sectors)
        self.eta = np.outer(np.cos(angle), middle).ravel()
        self.phi = np.outer(np.sin(angle), middle).ravel()


class Geometry:
    """From the challenge's binning file."""

    FILES = {"ds1-photons": ("binning_dataset_1_photons.xml", 1.0),
             "ds2": ("binning_dataset_2.xml", 0.5e-3 / 0.033)}

    def __init__(self, name, shared):
        self.name = name
        file, self.threshold = self.FILES[name]
        root = ElementTree.parse(shared / "reference/calochallenge/binning" / file).getroot()
        self.layers, first = [], 0
        for element in root.iter("Layer"):
            edges = [float(edge) for edge in element.get("r_edges").split(",")]
            if len(edges) < 2:
                continue
            layer = Layer(int(element.get("id")), edges, int(element.get("n_bin_alpha")), first)
            self.layers.append(layer)
            first = layer.voxels.stop
        self.voxels = first


def read(file, rows=None):
    with h5py.File(file) as data:
        rows = slice(0, rows)
        return (data["incident_energies"][rows].ravel().astype(np.float32),
                data["showers"][rows].astype(np.float32))


def make_sample(name, geometry, shared):
    """(incident energies, showers)."""
    if name == "toy":
        return toy(geometry, 0, ROWS, 1.0)
    if name == "wider toy":
        return toy(geometry, ROWS, ROWS, 1.1)
    if name == "model":
        return read(HERE / MODEL_FILE)
    part, _, change = name.partition(" ")
    stem = "electrons_ds2_" if geometry.name == "ds2" else "photons_ds1_"
    energy, showers = read(shared / "data" / f"{stem}{part[4:]}.h5", ROWS)
    if change == "smeared":
        showers = smeared(showers)
    elif change == "shifted":
        showers = showers * SHIFT
    elif change == "voxel swapped":
        number, alpha, r = SETTINGS[geometry.name]["swapped_cell"]
        layer = geometry.layers[number]
        voxel = layer.voxels.start + alpha * layer.rings + r
        showers[:, voxel] = showers[permutation(voxel, ROWS), voxel]
    elif change == "layers shuffled":
        original = showers.copy()
        for number, layer in enumerate(geometry.layers):
            rows = permutation((1 << 20) + number, ROWS)
            showers[:, layer.voxels] = original[rows, layer.voxels]
    return energy, showers


# --- Observables ----------------------------------------------------------------------------------


class Sample:
    """Showers after the threshold, and their high-level observables by name."""

    def __init__(self, geometry, energy, showers):
        self.geometry, self.incident = geometry, energy
        self.showers = np.where(showers < geometry.threshold, np.float32(0), showers)
        self.columns = {}
        total = self.showers.sum(axis=1)
        self.columns["Etot"] = total
        self.columns["Etot / Einc"] = total / energy
        for layer in geometry.layers:
            self.observe(layer)

    def observe(self, layer):
        cells = self.showers[:, layer.voxels]
        energy = cells.sum(axis=1)
        norm = energy + np.float32(1e-16)

        def moments(position):
            centre = (cells * position).sum(axis=1) / norm
            square = (cells * position**2).sum(axis=1) / norm
            return centre, np.sqrt(np.maximum(0, square - centre**2))

        def put(name, values):
            self.columns[f"{name} layer {layer.id}"] = values

        put("E", energy)
        put("Sparsity", 1.0 - (cells > 0).sum(axis=1) / cells.shape[1])
        axes = {"r": layer.r}
        if layer.sectors > 1:
            axes |= {"Eta": layer.eta, "Phi": layer.phi}
        for axis, position in axes.items():
            centre, width = moments(position)
            put(f"EC {axis}", centre)
            put(f"Width {axis}", width)

    def of_layers(self, name):
        keys = [f"{name} layer {layer.id}" for layer in self.geometry.layers]
        return {key: self.columns[key] for key in keys if key in self.columns}

    def high(self):
        offset = np.float32(1e-8)
        columns = [np.log10(self.incident)]
        columns += [np.log10(e + offset) for e in self.of_layers("E").values()]
        for name in ["EC Eta", "EC Phi", "Width Eta", "Width Phi"]:
            columns += [value / 100 for value in self.of_layers(name).values()]
        columns.append(np.log10(self.columns["Etot"] + offset))
        columns += list(self.of_layers("Sparsity").values())
        for name in ["EC r", "Width r"]:
            columns += [value / 100 for value in self.of_layers(name).values()]
        return np.column_stack(columns).astype(np.float64)

    def logarithmic_voxels(self, rows):
        showers = self.showers[:rows]
        return np.log10(np.where(showers == 0, np.float32(0.1), showers))

    def correlation(self):
        energies = np.array(list(self.of_layers("E").values()), np.float64)
        return np.corrcoef(energies)

    def summary(self):
        """Means and deviations of each column, and means that depend on the order of rows."""
        weight = uniform("weight", np.arange(len(self.incident)))
        columns = [values.astype(np.float64) for values in self.columns.values()]
        upper = np.triu_indices(len(self.geometry.layers), 1)
        high = self.high()
        turn = np.cos(np.arange(high.shape[1]))
        return {
            "rows": len(self.incident),
            "incident energy": float((weight * self.incident).mean()),
            "nonzero voxels": int((self.showers > 0).sum()),
            "largest voxel": float(self.showers.max()),
            "means": rounded([float(values.mean()) for values in columns], 9),
            "deviations": rounded([float(values.std()) for values in columns], 9),
            "weighted means": rounded([float((weight * values).mean()) for values in columns], 9),
            "pearson": rounded(self.correlation()[upper].tolist(), 7),
            "high feature columns": high.shape[1],
            "high features": float((weight[:, None] * turn * high).mean()),
        }


# --- Figures of a pair ----------------------------------------------------------------------------


def separation(reference, sample, edges):
    with np.errstate(invalid="ignore"):
        p = np.histogram(reference, edges)[0]
        q = np.histogram(sample, edges)[0]
        p, q = p / p.sum(), q / q.sum()
    return float(0.5 * ((p - q) ** 2 / (p + q + 1e-16)).sum())


def log_edges(geometry, largest, count):
    return np.logspace(np.log10(geometry.threshold), np.log10(np.float32(largest)), count)


def layer_range(geometry, layer, name):
    """The official range of a moment [mm]."""
    if geometry.name == "ds2":
        return {"EC Eta": (-30, 30), "EC Phi": (-30, 30), "Width Eta": (0, 30),
                "Width Phi": (0, 30), "EC r": (0, 42), "Width r": (0, 20)}[name]
    hadronic = layer.id in (12, 13)
    if name in ("EC r", "Width r"):
        return (0, 1500) if hadronic or layer.id == 14 else (0, 500)
    if name.startswith("EC"):
        return (-500, 500) if hadronic else (-100, 100)
    return (0, 400) if hadronic else (0, 100)


def separations(geometry, reference, sample):
    """In the official order."""
    result = {}

    def linear(key, low, high, bins):
        edges = np.linspace(low, high, bins + 1)
        result[key] = separation(reference.columns[key], sample.columns[key], edges)

    linear("Etot / Einc", 0.5, 1.5, 100)
    for key, values in reference.of_layers("E").items():
        edges = log_edges(geometry, values.max(), 40)
        result[key] = separation(values, sample.columns[key], edges)

    def moments(name):
        for layer in geometry.layers:
            key = f"{name} layer {layer.id}"
            if key in reference.columns:
                linear(key, *layer_range(geometry, layer, name), 100)

    for name in ["EC Eta", "EC Phi", "Width Eta", "Width Phi"]:
        moments(name)
    edges = log_edges(geometry, reference.showers.max(), 50)
    result["Voxel distribution"] = separation(reference.showers.ravel(), sample.showers.ravel(),
                                              edges)
    for key in reference.of_layers("Sparsity"):
        linear(key, 0, 1, 20)
    for name in ["EC r", "Width r"]:
        moments(name)
    if geometry.name == "ds1-photons":
        key = "Etot / Einc"
        for power in range(8, 23):
            low = 2.0**power
            span = (0.9, 1.1) if power >= 12 else (0.4, 1.4)
            chosen = [s.columns[key][(s.incident >= low) & (s.incident < 2 * low)]
                      for s in (reference, sample)]
            result[f"{key} at E = {low:.1f}"] = separation(*chosen, np.linspace(*span, 21))
    return {key: None if np.isnan(value) else value for key, value in result.items()}


def response(reference, sample, ranges=20):
    """Welch's test of E_tot / E_inc, over all and averaged over ranges of incident energy."""
    a, b = (s.columns["Etot / Einc"].astype(np.float64) for s in (reference, sample))
    pooled = np.sort(np.concatenate([reference.incident, sample.incident]))
    ends = np.unique([pooled[len(pooled) * i // ranges - 1] for i in range(1, ranges + 1)])
    weights, shifts = [], []
    for low, high in zip(np.concatenate([[-np.inf], ends[:-1]]), ends):
        x = a[(reference.incident > low) & (reference.incident <= high)]
        y = b[(sample.incident > low) & (sample.incident <= high)]
        weights.append(1 / (x.var(ddof=1) / len(x) + y.var(ddof=1) / len(y)))
        shifts.append(y.mean() - x.mean())
    shift = np.average(shifts, weights=weights)
    return {"z": float(scipy.stats.ttest_ind(b, a, equal_var=False).statistic),
            "shift at energy": float(shift), "z at energy": float(shift * np.sqrt(sum(weights)))}


def load_jetnet():
    """jetnet's metrics without what they import for jets: PyTorch, energyflow, its data sets."""
    names = ["torch", "torch.utils", "torch.utils.data", "energyflow", "energyflow.emd", "jetnet",
             "jetnet.utils", "jetnet.datasets"]
    stubs = {name: types.ModuleType(name) for name in names}
    stubs["torch"].Tensor = type("Tensor", (), {})
    stubs["torch.utils.data"].DataLoader = stubs["jetnet.datasets"].JetNet = object
    stubs["energyflow.emd"].emds = None
    stubs["jetnet"].utils = stubs["jetnet.utils"]
    folder = pathlib.Path(importlib.util.find_spec("jetnet").origin).parent
    spec = importlib.util.spec_from_file_location("gen_metrics",
                                                  folder / "evaluation/gen_metrics.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["gen_metrics"] = module  # it looks itself up
    sys.modules.update(stubs)
    spec.loader.exec_module(module)
    for name in stubs:
        del sys.modules[name]
    # Compiled now: numba looks at numpy's generators, one of which Draws replaces later.
    module._mmd_poly_quadratic_unbiased(np.eye(3), np.eye(3))
    return module


class Draws:
    """In the place of numpy's generator: reference and sample rows in turn, from the formula."""

    def __init__(self, tag, settings, batch=0):
        self.tag, self.calls = tag, 2 * batch
        self.batches = settings[f"{tag}_batches"]

    def choice(self, rows, size):
        batch, side = divmod(self.calls, 2)
        self.calls += 1
        return batch_rows(self.tag, *divmod(batch, self.batches), side, int(size), rows)


def distances(jetnet, settings, reference, sample):
    x, y = reference.high(), sample.high()

    def generator(tag):
        return unittest.mock.patch("numpy.random.default_rng",
                                   lambda seed: Draws(tag, settings, (seed - 42) // 1000))

    points = {}

    def curve_fit(function, xs, ys, **options):
        points.update(xs=xs, ys=ys)
        return scipy.optimize.curve_fit(function, xs, ys, **options)

    with (warnings.catch_warnings(), generator("fpd"),
          unittest.mock.patch.object(jetnet, "curve_fit", curve_fit)):
        warnings.simplefilter("ignore")
        fpd = jetnet.fpd(x, y, settings["fpd_least"], settings["fpd_most"],
                         settings["fpd_batches"], settings["fpd_sizes"])
    line = np.column_stack([np.ones_like(points["xs"]), points["xs"]])
    with generator("kpd"):
        kpd = jetnet.kpd(x, y, settings["kpd_batches"], settings["kpd_batch"])
    x, y = jetnet._normalise_features(x, y)
    c, d = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frechet = jetnet._calculate_frechet_distance(x.mean(0), c, y.mean(0), d)
    mmd = jetnet._mmd_poly_quadratic_unbiased(x, y)
    return {
        "FPD": [float(v) for v in fpd],
        # curve_fit stops some 1e-6 beside the least squares with bounds; this is their minimum.
        "FPD by nnls": float(scipy.optimize.nnls(line, points["ys"])[0][0]),
        "KPD": [float(v) for v in kpd],
        "frechet of all": float(frechet), "mmd of all": float(mmd),
        # The terms whose difference the distances are: they set the scale of rounding.
        "frechet term": float(np.trace(c) + np.trace(d)),
        "kernel term": float(((y @ x.T / x.shape[1] + 1) ** 4).mean()),
    }


def neighbours(settings, reference, sample):
    rows = settings["neighbour_rows"]
    with contextlib.redirect_stdout(io.StringIO()):
        figures = prdc.compute_prdc(reference.logarithmic_voxels(rows),
                                    sample.logarithmic_voxels(rows), nearest_k=5)
    return {key: float(value) for key, value in figures.items()}


# --- The file -------------------------------------------------------------------------------------


def rounded(value, digits=12):
    """So many significant digits, at any depth: keeps the file small."""
    if isinstance(value, dict):
        return {key: rounded(item, digits) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item, digits) for item in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def text(value, indent=0):
    """JSON with an object's members on lines of their own and a list on one."""
    if not isinstance(value, dict):
        return json.dumps(value)
    pad = " " * (indent + 1)
    lines = [f"{pad}{json.dumps(key)}: {text(item, indent + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"


def check_values(shared):
    """A few values of the formulas, so that a difference in them is seen as such."""
    _, showers = toy(Geometry("ds1-photons", shared), 7, 1, 1.0)
    return {
        "bits of energy 5": hex(int(bits("energy", 5))),
        "normal of smear 3": float(normal("smear", 3)),
        "permutation of 2, 6 rows": permutation(2, 6).tolist(),
        "rows of fpd size 1 batch 2 side 1": batch_rows("fpd", 1, 2, 1, 4, ROWS).tolist(),
        "toy ds1-photons shower 7": [float(value) for value in showers[0, :4]],
    }


def versions():
    from importlib.metadata import version
    names = ["numpy", "scipy", "scikit-learn", "h5py", "numba", "jetnet", "prdc"]
    assert sklearn.__version__ == version("scikit-learn")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def main():
    root = os.environ.get("MOLIERE_SHARED")
    if not root:
        sys.exit("MOLIERE_SHARED is not set (the real showers are found through it): set it.")
    shared = pathlib.Path(root)
    jetnet = load_jetnet()
    golden = {"made by": "tests/golden/make_evaluation_golden.py", "versions": versions(),
              "formulas": check_values(shared)}
    for data_set, settings in SETTINGS.items():
        geometry = Geometry(data_set, shared)
        pairs = {name: pair for name, pair in PAIRS.items()
                 if name != "model" or data_set == "ds1-photons"}
        samples = {name: Sample(geometry, *make_sample(name, geometry, shared))
                   for name in sorted({name for pair in pairs.values() for name in pair})}
        figures = {}
        for name, (reference, sample) in pairs.items():
            two = samples[reference], samples[sample]
            figures[name] = {
                "reference": reference, "sample": sample,
                "separations": rounded(list(separations(geometry, *two).values()), 10),
                "response": response(*two),
                "distances": distances(jetnet, settings, *two),
                "neighbours": neighbours(settings, *two),
            }
            print(data_set, name, figures[name]["distances"]["FPD"], file=sys.stderr)
        golden[data_set] = {
            "settings": settings,
            "observables": list(samples["toy"].columns),
            "separations": list(separations(geometry, samples["toy"], samples["toy"])),
            "samples": {name: samples[name].summary() for name in SUMMARISED if name in samples},
            "pairs": figures,
        }
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "evaluation.json"
    file.write_text(text(rounded(golden)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
