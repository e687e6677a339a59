"""The command as `make install` leaves it, for tests of what users have: it finds its probe by itself, and nothing of the
build folder."""
import os
import subprocess
import tempfile


def piko():
    """Its path; installed into a folder that goes with this process. A PIKO that is not the build folder's is one already."""
    given = os.environ["PIKO"]
    if not os.path.realpath(given).startswith(os.path.realpath(os.environ["BUILD"]) + os.sep):
        return given
    root = piko.folder = tempfile.TemporaryDirectory()
    subprocess.run(["meson", "install", "-C", os.environ["BUILD"], "--no-rebuild", "--quiet", "--destdir", root.name],
                   check=True, stdin=subprocess.DEVNULL, timeout=60)
    found, = (os.path.join(folder, "piko") for folder, _, files in os.walk(root.name)
              if "piko" in files and os.path.basename(folder) == "bin")
    return found
