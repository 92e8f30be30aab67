# SPDX-License-Identifier: Apache-2.0
""".ci/run keeps its promises: order, budgets, stop at the first failure, a summary in any case."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

RUN = pathlib.Path(__file__).parents[2] / ".ci" / "run"


class CiRun(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name) / "checkout"
        self.write(".ci/run", re.sub(r"\bdocs:\d+", "docs:1", RUN.read_text(encoding="utf-8")))
        for name in ["check-layers", "check-links", "check-sources", "check-install", "tidy"]:
            self.script(name, f"echo ran {name}")
        self.script("check-cli-docs", "sleep 30")  # over its budget
        self.script("test", "echo shared: $MOLIERE_SHARED, preset: $MOLIERE_PRESET\n"
                    "echo '100% tests passed, 0 tests failed out of 42'")
        self.script("fuzz", "exit 7")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def script(self, name, body):
        self.write(f"scripts/{name}", f"#!/usr/bin/env bash\n{body}\n")

    def run_stages(self, *stages):
        environment = {k: v for k, v in os.environ.items() if k != "MOLIERE_SHARED"}
        done = subprocess.run([self.root / ".ci" / "run", *stages], capture_output=True, text=True, check=False,
                              env=environment, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stdout + done.stderr

    def test_good_stages(self):
        (self.root.parent / "shared").mkdir()
        code, output, _ = self.run_stages("checks", "tests", "install")
        self.assertEqual(code, 0, output)
        self.assertIn(f"shared: {self.root.parent.resolve()}/shared, preset: ci", output)
        self.assertRegex(output, r"(?s)ran check-layers.*ran check-links.*ran check-sources.*ran check-install")
        self.assertRegex(output.splitlines()[-3], r"^tests +\d+ +\d+  ok; 100% tests passed, 0 tests failed out of 42$")
        self.assertRegex(output.splitlines()[-1], r"^total +\d+ +\d+$")

    def test_prints_what_matters_and_logs_everything(self):
        steps = ("[7/9] Building CXX object a.cpp.o\na.cpp:3: warning: unused\n      Start 12: core.Passes\n"
                 "11/42 Test #12: core.Passes .......   Passed    0.04 sec\n"
                 "12/42 Test #13: core.Fails .......***Failed    0.04 sec\nexpected: 3\n")
        self.script("test", f"printf '%s' '{steps}'; exit 8")
        code, output, _ = self.run_stages("tests")
        self.assertEqual(code, 1)
        for line in ["a.cpp:3: warning: unused", "core.Fails ...***Failed", "expected: 3", "failed (exit code 8)"]:
            self.assertIn(line, output)
        for line in ["Building", "core.Passes"]:
            self.assertNotIn(line, output)
        self.assertEqual((self.root / "build/ci-logs/tests.log").read_text(encoding="utf-8"), steps)

    def test_no_reference_data(self):
        self.assertIn("shared: , preset: ci", self.run_stages("tests")[1])

    def test_a_failure_ends_the_run(self):
        code, output, _ = self.run_stages("checks", "fuzz", "tidy")
        self.assertEqual(code, 1)
        self.assertNotIn("ran tidy", output)
        self.assertRegex(output, r"(?m)^checks +\d+ +\d+  ok$")
        self.assertRegex(output, r"(?m)^fuzz +\d+ +\d+  failed \(exit code 7\)$")

    def test_the_first_of_several_checks_fails(self):
        self.script("check-layers", "exit 1")
        code, output, _ = self.run_stages("checks")
        self.assertEqual(code, 1)
        self.assertNotIn("ran check-links", output)

    def test_over_the_budget(self):
        code, output, _ = self.run_stages("docs")
        self.assertEqual(code, 1)
        self.assertRegex(output, r"(?m)^docs +\d+ +1  failed: over its budget of 1 s$")

    def test_unknown_stage_runs_nothing(self):
        code, _, output = self.run_stages("checks", "nosuch")
        self.assertEqual(code, 1)
        self.assertIn("no stage nosuch", output)
        self.assertNotIn("ran check-layers", output)

    def test_budgets_fit_the_whole(self):
        text = RUN.read_text(encoding="utf-8")
        total = int(re.search(r"TOTAL_BUDGET=(\d+)", text)[1])
        self.assertLessEqual(total, 45 * 60)
        declared = re.search(r"stages=\(([^)]*)\)", text)[1]
        for stage, seconds in re.findall(r"(\w+):(\d+)", declared):
            self.assertIn(f"stage_{stage}()", text)
            self.assertLessEqual(int(seconds), total)


if __name__ == "__main__":
    unittest.main()
