# SPDX-License-Identifier: Apache-2.0
"""scripts/list-debian-mirrors reads both formats of apt's lists and takes Debian's entries alone."""
import pathlib
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "scripts" / "list-debian-mirrors"


def mirrors(**files):
    """What the script prints for an /etc/apt with FILES (double underscore: /, single: .)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder) / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return subprocess.run([SCRIPT, folder], capture_output=True, text=True, check=True).stdout.split()


# "sources.list" and "sources.list.d/NAME.EXT", written as names of keyword arguments.
class Mirrors(unittest.TestCase):
    def test_classic_list(self):
        self.assertEqual(mirrors(sources_list="""\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://a.example/debian bookworm main contrib  # ours
deb-src http://source.example/debian bookworm main
deb http://a.example/debian bookworm-updates main
"""), ["http://a.example/debian"])

    def test_deb822(self):
        self.assertEqual(mirrors(sources_list_d__debian_sources="""\
# a comment
Types: deb deb-src
URIs: mirror+file:/etc/apt/mirrors/debian.list
# a comment between
 http://b.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://c.example/debian-security
Suites: bookworm-security
Components: main
"""), ["mirror+file:/etc/apt/mirrors/debian.list", "http://b.example/debian"])

    def test_others_are_left_out(self):
        self.assertEqual(mirrors(
            sources_list_d__docker_list="deb https://docker.example/linux/debian bookworm stable\n",
            sources_list_d__node_sources="Types: deb\nURIs: https://node.example\nSuites: nodistro\nComponents: main\n",
            sources_list_d__off_sources="Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\n",
            sources_list_d__old_disabled="deb http://disabled.example/debian bookworm main\n",
            sources_list_d__our_list="deb http://d.example/debian trixie main\n"), ["http://d.example/debian"])

    def test_nothing_configured(self):
        self.assertEqual(mirrors(), [])


if __name__ == "__main__":
    unittest.main()
