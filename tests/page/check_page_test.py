#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/check-page finds nothing wrong with a page of all items, and finds what is put wrong.

usage: check_page_test.py PAGE_SAMPLE SCREENSHOTS     exit code 77: no Chromium here
"""
import importlib.machinery
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "check-page"
# What is put wrong -> (text of the page, what it becomes, what check-page has to say)
BREAKS = {
    "error": ("window.moliere_ready_ms", "undefined_name.x = 1; window.moliere_ready_ms", "undefined_name is not defined"),
    "message": ("window.moliere_ready_ms", 'console.warn("careful"); window.moliere_ready_ms', "console.warning: careful"),
    "not drawn": ("drawn.set(figure, DRAW[item.kind](figure, item));", "", "charts-1: not drawn"),
    "empty": ("function add_tools(figure, item) {",
              'function add_tools(figure, item) { const c = figure.querySelector("canvas"); c.width += 0;',
              "charts-1: an empty drawing"),
    "axis words": ("options.ticks.autoSkipPadding = 12;", "options.ticks.autoSkip = false; options.ticks.stepSize = 0.01;",
                   "charts-1: "),
    "overlap": ("</style>", "figcaption > span { position: absolute; }</style>", "overlap"),
    "overflow": ("</style>", "h1 { width: 3rem; white-space: nowrap; overflow: hidden; }</style>", "overflows its box"),
    "too wide": ("</style>", "main { width: 3000px; }</style>", "the page is wider than the window"),
    "dead link": ('href="#speed"', 'href="#sped"', "dead link #sped"),
    "double id": ('<section id="verdict">', '<section id="charts">', "the id charts is used twice"),
    "loads": ("<h1>", '<img src="https://example.invalid/x.png"><h1>', "https://example.invalid/x.png"),
}


# What a reader does -> JavaScript that does it and says whether the page did its part.
USES = {
    "arrow keys show the figures": """
      (() => {
        const canvas = document.querySelector("#charts-1 canvas");
        canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
        const tip = document.getElementById("tip");
        return !tip.hidden && /E_tot . E_inc: 0.5 to 0.52/.test(tip.textContent) && /Geant4: 0/.test(tip.textContent);
      })()""",
    "the legend hides a series and its ratio": """
      (() => {
        document.querySelector("#charts-1 .legend [data-series='1']").click();
        const chart = Chart.getChart(document.querySelector("#charts-1 canvas"));
        return chart.data.datasets.map((_, i) => chart.isDatasetVisible(i)).join() === "true,false,true,false";
      })()""",
    "the pointer shows a cell": """
      (() => {
        const canvas = document.querySelector("#maps-1 canvas");
        const box = canvas.getBoundingClientRect();
        const at = { clientX: box.left + box.width / 2 + 2, clientY: box.top + box.height / 2 - 1 };
        canvas.dispatchEvent(new PointerEvent("pointermove", at));
        const text = document.getElementById("tip").textContent;
        return text.includes("layer 0") && text.includes("r 0 to 4.65 mm") && text.includes("α 22.5° to 45°");
      })()""",
    "the search leaves what it names": """
      (() => {
        const input = document.querySelector("#layers input");
        input.value = "LAYER 13";
        input.dispatchEvent(new Event("input"));
        const left = [...document.querySelectorAll("#layers figure")].filter((one) => !one.hidden);
        return left.length === 1 && left[0].dataset.name === "Energy of layer 13" &&
          document.querySelector("#layers output").textContent === "1 of 14";
      })()""",
    "the button changes the theme": """
      (() => {
        const chart = Chart.getChart(document.querySelector("#charts-1 canvas"));
        document.getElementById("theme").click();
        const after = Chart.getChart(document.querySelector("#charts-1 canvas"));
        return document.documentElement.dataset.theme === "dark" && after !== chart &&
          after.data.datasets[0].borderColor === "#f2f3f5";
      })()""",
    "a download gives its text": """
      (() => {
        let blob = null;
        URL.createObjectURL = (one) => { blob = one; return "data:,"; };
        HTMLAnchorElement.prototype.click = function () { blob.name = this.download; };
        document.querySelector(".download").click();
        return blob.text().then((text) => text === "a,b\\n1,2\\n" && blob.name === "figures.csv");
      })()""",
}
# On a page just opened: charts far below wait, until it is printed.
PRINT = """
  (() => {
    const all = [...document.querySelectorAll("figure.chart canvas")];
    const drawn = () => all.filter((one) => Chart.getChart(one)).length;
    const before = drawn();
    dispatchEvent(new Event("beforeprint"));
    return before > 0 && before < all.length && drawn() === all.length &&
      document.documentElement.dataset.theme === "light";
  })()"""


def check_page_module():
    loader = importlib.machinery.SourceFileLoader("check_page", str(CHECK))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_page", loader))
    loader.exec_module(module)
    return module


def check_uses(page, folder):
    """The page answers to its reader. Yields failures."""
    module = check_page_module()
    program = next(filter(None, map(shutil.which, module.BROWSERS)))
    browser = module.Browser(program, folder / "profile")
    try:
        module.look(browser, page.resolve().as_uri(), 1400, "light", None)
        for use, script in USES.items():
            if browser.evaluate(script) is not True:
                yield use
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        browser.events.clear()
        browser.call("Page.navigate", url=page.resolve().as_uri())
        browser.wait_for("Page.loadEventFired")
        browser.evaluate(module.SETTLE)
        if browser.evaluate(PRINT) is not True:
            yield "charts wait until they are seen or printed"
    finally:
        browser.close()


def check(*arguments):
    done = subprocess.run([sys.executable, "-B", CHECK, *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check_sample(page, screenshots):
    """The page as it is: nothing wrong, and a picture of each width and theme. Yields failures."""
    code, output = check(page, "--screenshots", screenshots, "--widths", "360,480,1400")
    print(output, end="")
    if code == 77:
        sys.exit(77)
    if code != 0:
        yield "the sample page has problems"
    for name in ("480-dark.png", "480-light.png", "1400-dark.png", "1400-light.png", "print.pdf"):
        if not (screenshots / name).is_file():
            yield f"no {name}"


def check_breaks(page, folder):
    """Each break is found. Yields failures."""
    text = page.read_text(encoding="utf-8")
    files = {}
    for name, (old, new, _) in BREAKS.items():
        if old not in text:
            yield f"{name}: the page has no {old}"
            continue
        files[name] = folder / f"{name.replace(' ', '-')}.html"
        files[name].write_text(text.replace(old, new, 1), encoding="utf-8")
    code, output = check(*files.values(), "--widths", "480", "--themes", "light")
    if code != 1:
        yield f"exit code {code} for broken pages"
    for name, file in files.items():
        lines = [line for line in output.splitlines() if line.startswith(f"{file}: ")]
        if not any(BREAKS[name][2] in line for line in lines):
            yield f"{name}: not found, but {lines[:3]}"


def main():
    sample, screenshots = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="check-page-test-") as name:
        folder = pathlib.Path(name)
        page = folder / "page.html"
        subprocess.run([sample, page], check=True)
        failures = [*check_sample(page, pathlib.Path(screenshots)), *check_breaks(page, folder),
                    *check_uses(page, folder)]
    for failure in failures:
        print("FAILED", failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
