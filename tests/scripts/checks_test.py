# SPDX-License-Identifier: Apache-2.0
"""Each check passes a good tree, and names file and line of what is wrong in a bad one."""
import pathlib
import subprocess
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"
LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


class CheckTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self, script):
        """Returns (exit code, lines)."""
        done = subprocess.run([SCRIPTS / script, self.root], capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout.splitlines()

    def expect_clean(self, script):
        code, lines = self.check(script)
        self.assertEqual((code, len(lines)), (0, 1), lines)

    def expect_complaint(self, script, beginning):
        code, lines = self.check(script)
        self.assertEqual((code, len(lines)), (1, 1), lines)
        self.assertTrue(lines[0].startswith(beginning), lines)


class Layers(CheckTest):
    def include(self, name, included):
        self.write(name, LICENCE + f"#include {included}\n")

    def test_down_is_allowed(self):
        self.include("src/moliere/onnx/a.cpp", '"moliere/core/error.hpp"')
        self.include("src/moliere/onnx/b.cpp", "<google/protobuf/arena.h>")
        self.include("src/moliere/bench/c.cpp", '"moliere/worker/protocol.hpp"')
        self.include("engines/reference/r.cpp", '"moliere/reference/evaluate.hpp"')
        self.include("engines/onnxruntime/d.cpp", "<onnxruntime_cxx_api.h>")
        self.include("tests/core/e.cpp", '"moliere/report/console.hpp"')
        self.expect_clean("check-layers")

    def test_violations(self):
        for name, included in [
            ("src/moliere/core/x.hpp", '"moliere/stats/quantile.hpp"'),  # up
            ("src/moliere/core/x.hpp", '"../stats/quantile.hpp"'),  # up, by another road
            ("src/moliere/stats/x.cpp", '"moliere/onnx/graph.hpp"'),  # sideways
            ("src/moliere/worker/x.cpp", '"moliere/onnx/graph.hpp"'),  # a worker knows no graph
            ("src/moliere/bench/x.cpp", '"moliere/calo/shower.hpp"'),  # the other half
            ("src/moliere/flow/x.cpp", '"moliere/bench/plan.hpp"'),  # and back
            ("src/moliere/bench/x.cpp", '"moliere/worker/timing_loop.hpp"'),
            ("src/moliere/zoo/x.cpp", '"moliere/onnx/detail/proto.hpp"'),
            ("src/moliere/reference/x.cpp", "<google/protobuf/arena.h>"),
            ("src/moliere/bench/x.cpp", "<onnxruntime/onnxruntime_c_api.h>"),
            ("src/moliere/core/x.cpp", "<torch/torch.h>"),
            ("src/moliere/core/x.cpp", "<CLI/CLI.hpp>"),
            ("apps/moliere/x.cpp", '"moliere/flow/solver.hpp"'),
            ("apps/moliere/x.cpp", "<onnxruntime_c_api.h>"),
            ("engines/onnxruntime/x.cpp", '"moliere/reference/evaluate.hpp"'),
            ("engines/onnxruntime/x.cpp", '"../reference/adapter.hpp"'),
            ("src/moliere/nonsense/x.cpp", "<vector>"),  # in no table
        ]:
            with self.subTest(name=name, included=included):
                self.include(name, included)
                self.expect_complaint("check-layers", f"{name}:2: ")
                (self.root / name).unlink()


class Links(CheckTest):
    def test_good_links(self):
        self.write("other.md", "# A heading: with `code`, twice\n## Same\n## Same\n")
        self.write("src/file.hpp", "")
        self.write("README.md", "[a](other.md#a-heading-with-code-twice) [b](src) [c](other.md#same-1)\n"
                   "[d](https://example.org/x) [e](src/file.hpp \"title\") [f](#here)\n# Here\n"
                   "`[g](nowhere.md)`\n```text\n[h](nowhere.md)\n```\n"
                   "```mermaid\nclick a \"src/file.hpp\"\n```\n")
        self.expect_clean("check-links")

    def test_bad_links(self):
        self.write("other.md", "# Heading\n```text\n# not one\n```\n")
        for line in ["[a](gone.md)", "![a](gone.png)", "[a](other.md#gone)", "[a](other.md#not-one)", "[a](#gone)",
                     "[a](gone.md \"title\")", "[a]: gone.md", "[`a`](gone.md)", '<a href="gone.md">', "[a](../outside.md)",
                     "```mermaid\nclick a href \"gone.hpp\"\n```", "```text\n```\n[a](gone.md)"]:
            with self.subTest(line=line):
                self.write("README.md", line + "\n")
                self.expect_complaint("check-links", "README.md:")


class Sources(CheckTest):
    def setUp(self):
        super().setUp()
        self.write("src/moliere/core/README.md", "In: text -> Out: text\n")

    def test_good_tree(self):
        self.write("src/moliere/core/a.cpp", LICENCE + "// see /usr/include and ../work/x\n")
        self.write("docs/page.md", "https://example.org/home/page\n")
        self.write("build/ci/x.cpp", "")  # what a build makes is not ours
        self.write("data.bin", "\0/ho" + "me/somebody")
        self.expect_clean("check-sources")

    def test_violations(self):
        home, todo = "/ho" + "me/somebody", "TO" + "DO"
        for name, text in [
            ("src/moliere/core/a.cpp", "int a;\n"),
            ("scripts/tool", "#!/bin/sh\n"),
            ("CMakeLists.txt", "project(X)\n"),
            ("src/moliere/core/a.hpp", LICENCE + f"// {todo} later\n"),
            ("src/moliere/core/a.hpp", LICENCE + f'const char* path = "{home}/model.onnx";\n'),
            ("docs/page.md", f"see {home}\n"),
            ("CMakePresets.json", f'{{"a": "{home}"}}\n'),
            ("docs/page.md", "<" * 7 + " ours\n"),
        ]:
            with self.subTest(name=name, text=text):
                self.write(name, text)
                self.expect_complaint("check-sources", f"{name}:")
                (self.root / name).unlink()

    def test_module_without_readme(self):
        self.write("src/moliere/onnx/a.cpp", LICENCE)
        self.expect_complaint("check-sources", "src/moliere/onnx: ")


if __name__ == "__main__":
    unittest.main()
