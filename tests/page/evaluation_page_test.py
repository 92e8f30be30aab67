#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pages that moliere makes of the samples of data/showers, looked at by a browser.

usage: evaluation_page_test.py MOLIERE SAMPLES SCREENSHOTS     exit code 77: no Chromium here

`moliere evaluate` and `moliere showers plot` make them; scripts/check-page opens each in both themes
and two widths (the longest one in one of each, without a picture): nothing on the console, no overlaps, all drawn.
"""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-page"
# Few layers with rings of unlike widths and discrete energies; many layers with equal rings.
SAMPLES = {"ds1-photons": "photons_ds1_sample.h5", "ds2": "electrons_ds2_sample.h5"}
# As many showers of ds2 as give every layer something to draw.
ROWS = {"ds1-photons": "3000", "ds2": "100"}


def make_pages(moliere, samples, folder):
    """Writes the pages and yields them."""
    def run(*arguments):
        subprocess.run([moliere, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    for geometry, name in SAMPLES.items():
        sample = samples / name
        generated = folder / f"{geometry}.h5"
        energies = "256,512,1024,2048" if geometry == "ds1-photons" else "1000:100000"
        run("showers", "generate", "-g", geometry, "-n", ROWS[geometry], "--energies", energies, "-o", generated)
        judged = folder / f"evaluation-{geometry}"
        run("evaluate", sample, generated, "-g", geometry, "--quick", "--rows", ROWS[geometry], "--classifier", "none",
            "-o", judged)
        page = folder / f"evaluation-{geometry}.html"
        (judged / "evaluation.html").rename(page)
        yield page
        page = folder / f"plot-{geometry}.html"
        run("showers", "plot", sample, "-g", geometry, "-o", page)
        yield page


def check(*arguments):
    return subprocess.run([sys.executable, "-B", CHECK, *arguments], check=False).returncode


def main():
    moliere, samples, screenshots = sys.argv[1:]
    screenshots = pathlib.Path(screenshots)
    with tempfile.TemporaryDirectory(prefix="evaluation-page-test-") as name:
        try:
            pages = list(make_pages(moliere, pathlib.Path(samples), pathlib.Path(name)))
        except subprocess.CalledProcessError as error:
            print("FAILED", *error.cmd, error.stderr.decode(errors="replace"))
            return 1
        # 400 charts take a busy machine half a minute a look, and minutes to print.
        longest = next(page for page in pages if page.stem == "evaluation-ds2")
        others = [page for page in pages if page != longest]
        code = check(*others, "--screenshots", screenshots)
        return code or check(longest, "--widths", "1400", "--themes", "light")


if __name__ == "__main__":
    sys.exit(main())
