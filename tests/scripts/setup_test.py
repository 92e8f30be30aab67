# SPDX-License-Identifier: Apache-2.0
"""scripts/setup on a made checkout, with stand-ins for dpkg, apt and Python's environments: what is
there is kept, what is missing is named, nothing is half-done."""
import hashlib
import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name).resolve()
        self.root = self.home / "checkout"
        self.tools = self.home / "tools"
        self.log = self.home / "log"
        self.log.touch()
        self.write("checkout/scripts/setup", (SCRIPTS / "setup").read_text(encoding="utf-8"))
        self.write("checkout/scripts/packages", "# a comment\nhammer\nnails\n")
        self.write("checkout/scripts/packages-dev", "ruler\n")
        self.write("checkout/scripts/requirements.txt", "wheel==1\n")
        self.script("checkout/scripts/fetch-onnxruntime-headers", 'mkdir -p "$1" && touch "$1/onnxruntime_c_api.h"')
        self.script("tools/apt-get", "exit 0")
        self.installed("hammer", "nails")
        # A Python whose environments have a pip that succeeds.
        self.script("tools/python", '[ "$1" = -m ] || exit 0\nmkdir -p "$3/bin"\n'
                    'cp "$0" "$3/bin/python"\nprintf "#!/bin/sh\\necho pip \\"\\$@\\" >>%s\\n" ' + f"{self.log} " + '>"$3/bin/pip"\n'
                    'chmod +x "$3/bin/pip"')

    def write(self, name, text):
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def script(self, name, body):
        self.write(name, f'#!/usr/bin/env bash\necho "{pathlib.Path(name).name} $*" >>{self.log}\n{body}\n')

    def installed(self, *packages):
        lines = "".join(f"ii {p} \\n" for p in packages)
        self.script("tools/dpkg-query", f"printf '{lines}rc nails \\n'; exit 1")

    def setup_script(self, *arguments, python="python"):
        """Returns (exit code, stderr, calls of the stand-ins)."""
        self.log.write_text("", encoding="utf-8")
        environment = {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}", "MOLIERE_PYTHON": python}
        done = subprocess.run([self.root / "scripts" / "setup", *arguments], capture_output=True, text=True,
                              check=False, env=environment, stdin=subprocess.DEVNULL, cwd=self.home)
        return done.returncode, done.stderr, self.log.read_text(encoding="utf-8")

    def test_first_and_second_run(self):
        code, errors, calls = self.setup_script("--no-root")
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(calls, r"pip install .*--require-hashes")
        self.assertTrue((self.root / ".moliere/onnxruntime/include/onnxruntime_c_api.h").exists())
        self.assertTrue((self.root / ".moliere/venv/bin/python").exists())
        code, errors, calls = self.setup_script()
        self.assertEqual((code, errors, len(calls.splitlines())), (0, "", 1), calls)  # asks dpkg once

    def test_new_requirements_make_a_new_environment(self):
        self.setup_script()
        self.write("checkout/scripts/requirements.txt", "wheel==2\n")
        self.write("checkout/.moliere/venv/old_wheel.py", "")
        self.assertIn("pip install", self.setup_script()[2])
        self.assertFalse((self.root / ".moliere/venv/old_wheel.py").exists())
        stamp = (self.root / ".moliere/requirements.stamp").read_text(encoding="utf-8").strip()
        self.assertEqual(stamp, hashlib.sha256(b"wheel==2\n").hexdigest())

    def test_failed_wheels_are_tried_again(self):
        good = (self.tools / "python").read_text(encoding="utf-8")
        self.write("tools/python", good + '\necho "exit 9" >>"$3/bin/pip"\n')
        code, errors, _ = self.setup_script()
        self.assertEqual(code, 1)
        self.assertIn("the wheels were not installed", errors)
        self.write("tools/python", good)
        code, _, calls = self.setup_script()
        self.assertEqual(code, 0)
        self.assertIn("pip install", calls)

    def test_missing_packages(self):
        self.installed("hammer")
        code, errors, calls = self.setup_script("--no-root")
        self.assertEqual(code, 1)
        self.assertIn("missing packages: nails (", errors)
        self.assertNotIn("apt-get", calls)
        self.assertFalse((self.root / ".moliere").exists())

    @unittest.skipUnless(os.geteuid() == 0, "another user is asked for a password by sudo")
    def test_only_missing_packages_are_installed(self):
        self.installed("hammer", "nails")
        code, _, calls = self.setup_script("--with-dev")
        self.assertEqual(code, 0)
        install = next(line for line in calls.splitlines() if line.startswith("apt-get install"))
        self.assertTrue(install.endswith(" ruler"), install)
        self.assertNotIn("nails", install)

    @unittest.skipUnless(os.geteuid() == 0, "another user is asked for a password by sudo")
    def test_packages_that_cannot_be_installed(self):
        self.script("tools/apt-get", '[ "$1" = update ]')
        code, errors, _ = self.setup_script("--with-dev")
        self.assertEqual(code, 1)
        self.assertIn("the system packages were not installed", errors)

    def test_no_usable_python(self):
        code, errors, _ = self.setup_script(python="false")
        self.assertEqual(code, 1)
        self.assertIn("no usable Python among: false", errors)

    def test_missing_headers_cost_one_engine_only(self):
        self.script("checkout/scripts/fetch-onnxruntime-headers", "exit 1")
        self.assertEqual(self.setup_script()[0], 0)

    def test_prefix(self):
        prefix = self.home / "elsewhere"
        self.assertEqual(self.setup_script("--no-root", "--prefix", "elsewhere")[0], 0)
        self.assertTrue((prefix / "venv/bin/python").exists())
        self.assertEqual((self.root / ".moliere").resolve(), prefix)
        self.assertEqual(self.setup_script("--remove")[0], 0)
        self.assertFalse((self.root / ".moliere").is_symlink())
        self.assertTrue(prefix.exists())

    def test_prefix_does_not_replace_a_folder(self):
        self.setup_script()
        code, errors, _ = self.setup_script("--prefix", self.home / "elsewhere")
        self.assertEqual(code, 1)
        self.assertIn("scripts/setup --remove", errors)

    def test_remove(self):
        self.setup_script()
        (self.root / "build" / "release").mkdir(parents=True)
        self.assertEqual(self.setup_script("--remove")[0], 0)
        self.assertEqual(sorted(p.name for p in self.root.iterdir()), ["scripts"])

    def test_unknown_option_does_nothing(self):
        code, errors, _ = self.setup_script("--everything")
        self.assertEqual(code, 1)
        self.assertIn("unknown option --everything", errors)
        self.assertFalse((self.root / ".moliere").exists())


if __name__ == "__main__":
    unittest.main()
