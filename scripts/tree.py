# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the project's own files, and how a check ends."""
import os
import pathlib
import sys

# Folders that hold nothing of ours: what set-up and builds make, and git's own.
FOREIGN = {".git", ".moliere", ".venv", "results", "__pycache__"}


def files(root):
    """Yields (path, name relative to ROOT) of every file of the project, sorted."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(s for s in subfolders if s not in FOREIGN and not is_build(root, folder, s))
        for name in sorted(names):
            path = pathlib.Path(folder) / name
            yield path, path.relative_to(root).as_posix()


def is_build(root, folder, name):
    return pathlib.Path(folder) == root and name.startswith("build")


def numbered_lines(path):
    return enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)


def run(complaints, clean):
    """Prints what COMPLAINTS(root) yields, or CLEAN; exits with 1 when there were any."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    found = list(complaints(root))
    print("\n".join(found) if found else clean)
    sys.exit(1 if found else 0)
