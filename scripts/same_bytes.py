"""Show that another x86-64 processor computes the same bytes: here, and on a processor that QEMU emulates.

    python scripts/same_bytes.py --cpu Haswell                 a few steps of each network; a phantom
    python scripts/same_bytes.py --cpu Skylake-Server --size 64

Each network is trained for three steps, with its augmentation, answers and explains an answer. What comes out is
hashed, here and there; a difference is named, and the exit status is 1.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

PARTS = ("unet", "linknet", "segnet", "deeplab", "guided deeplab", "phantom")


def outcomes(part: str, size: int) -> Iterator[tuple[str, str]]:
    """Name and hash of everything in a part that is to be the same on every processor."""
    if part == "phantom":
        yield "phantom", phantom()
    elif part.startswith("guided"):
        yield from trained(part.split()[1], "corrected", size, guidance=0.3)
    else:
        for step in ("published", "corrected"):
            yield from trained(part, step, size)


def trained(model: str, step: str, size: int, guidance: float = 0.0) -> Iterator[tuple[str, str]]:
    """Hashes of a training of three steps, and of what the network then answers and explains."""
    from dataclasses import replace

    from brainseg.experiments import recipe as recipes
    from brainseg.experiments.fit import Examples, digest, fit
    from brainseg.experiments.ladder import recipe_at
    from brainseg.models import as_input
    from brainseg.models.exact import exact
    from brainseg.models.predict import predict
    from brainseg.saliency import explain

    presets = {name: replace(t, epochs=3, warm_up=t.warm_up and 1) for name, t in recipes.TRAININGS[step].items()}
    recipes.TRAININGS = {**recipes.TRAININGS, step: presets}  # type: ignore[misc]
    scale = recipes.Scale("bytes", size, 8, 4, images_per_epoch=4)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (12, size, size), np.uint8)
    masks = np.zeros_like(images)
    masks[:, size // 4 : size // 2, size // 3 : size // 2] = 1
    images[masks == 1] //= 2
    with tempfile.TemporaryDirectory() as folder:
        examples = Examples(images[:8], masks[:8], images[8:], masks[8:])
        fitted = fit(recipe_at(step, model, scale, guidance=guidance), examples, Path(folder, "state.npz"))
    name = f"{model}, {'guided' if guidance else step}"
    model = exact(fitted.model)
    yield f"{name}: weights", fitted.trained
    yield f"{name}: history", digest([np.array([list(row.values()) for row in fitted.history])])
    yield f"{name}: answers", digest([predict(model, images, mirrored=True)])
    for method in ("gradient", "integrated gradients", "Seg-Grad-CAM"):
        yield f"{name}: {method}", digest([explain(method, model, as_input(images[:1]), masks[:1].astype(bool))])


def phantom() -> str:
    """Hash of all files of a small phantom."""
    from brainseg.data.checksums import CHECKSUMS
    from brainseg.data.phantom import make_phantom

    with tempfile.TemporaryDirectory() as folder:
        checksums = make_phantom(Path(folder, "phantom"), patients=8, size=64) / CHECKSUMS
        return hashlib.sha256(checksums.read_bytes()).hexdigest()


def main() -> None:
    """Compare, or print the hashes of this processor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}; default: all")
    parser.add_argument("--cpu", help="a model of qemu-x86_64 -cpu help; without it the hashes are printed")
    parser.add_argument("--size", type=int, default=32, help="of the images in pixels")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"received {', '.join(sorted(unknown))}, expected one or more of: {', '.join(PARTS)}")
    if given.cpu is None:
        for part in given.parts:
            for outcome in outcomes(part, given.size):
                print(json.dumps(outcome), flush=True)
        return
    if not (emulator := shutil.which("qemu-x86_64")):
        sys.exit("Error: qemu-x86_64 is not installed; Debian has it in the package qemu-user")
    cores = os.cpu_count() or 1
    shares = [share for core in range(cores) if (share := given.parts[core::cores])]
    with ThreadPoolExecutor(cores) as pool:
        emulated = pool.map(partial(hashes, [emulator, "-cpu", given.cpu], given.size), shares)
        native = pool.map(partial(hashes, [], given.size), shares)
        there, here = (dict(pair for part in parts for pair in part) for parts in (emulated, native))
    different = [name for name in here if here[name] != there[name]]
    for name in here:
        print(f"{'DIFFERENT' if name in different else 'same'}  {name}  {here[name]}  {there[name]}")
    print(f"{len(here) - len(different)} of {len(here)} the same on {given.cpu}")
    sys.exit(bool(different))


def hashes(prefix: list[str], size: int, parts: list[str]) -> list[tuple[str, str]]:
    """What this script prints for some parts, in a process of their own: its imports take an emulator a minute."""
    command = [*prefix, sys.executable, __file__, *parts, "--size", str(size)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 (the commands of this script)
    if done.returncode:
        sys.exit(f"Error: {' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


if __name__ == "__main__":
    main()
