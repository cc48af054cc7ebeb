"""Show that another x86-64 processor computes the same bytes: here, and on a processor that QEMU emulates.

    python scripts/same_bytes.py --cpu Haswell                 a few steps of each network; a phantom
    python scripts/same_bytes.py --cpu Skylake-Server --size 64

Each network is trained for three steps, with its augmentation, answers and explains an answer. What comes out is
hashed, here and there; a difference is named, and the exit status is 1.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def outcomes(only: list[str], size: int) -> Iterator[tuple[str, str]]:
    """Name and hash of everything that is to be the same on every processor."""
    from brainseg.models import MODELS

    for model in MODELS:
        for step in ("published", "corrected"):
            if not only or model in only:
                yield from trained(model, step, size)
    if not only or "phantom" in only:
        yield "phantom", phantom()


def trained(model: str, step: str, size: int) -> Iterator[tuple[str, str]]:
    """Hashes of a training of three steps, and of what the network then answers and explains."""
    from dataclasses import replace

    from brainseg.experiments import recipe as recipes
    from brainseg.experiments.fit import Examples, fit
    from brainseg.experiments.ladder import recipe_at
    from brainseg.models import as_input
    from brainseg.models.exact import exact
    from brainseg.models.predict import predict
    from brainseg.saliency import explain

    # one epoch; patience and warm-up stand
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
        fitted = fit(recipe_at(step, model, scale), examples, Path(folder, "state.npz"))
    name = f"{model}, {step}"
    model = exact(fitted.model)
    yield f"{name}: weights", fitted.trained
    yield f"{name}: history", digest(np.array([list(row.values()) for row in fitted.history]))
    yield f"{name}: answers", digest(predict(model, images, mirrored=True))
    for method in ("gradient", "integrated gradients", "Seg-Grad-CAM"):
        yield f"{name}: {method}", digest(explain(method, model, as_input(images[:1]), masks[:1].astype(bool)))


def phantom() -> str:
    """Hash of all files of a small phantom."""
    from brainseg.data.phantom import make_phantom

    with tempfile.TemporaryDirectory() as folder:
        root = make_phantom(Path(folder, "phantom"), patients=8, size=64)
        return digest(*(np.frombuffer(path.read_bytes(), np.uint8) for path in sorted(root.rglob("*.*"))))


def digest(*arrays: np.ndarray) -> str:
    """SHA-256 of arrays' bytes, 16 hexadecimal digits."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def main() -> None:
    """Compare, or print the hashes of this processor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", help="a model of qemu-x86_64 -cpu help; without it the hashes are printed")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--only", nargs="*", default=[], help="networks, or phantom")
    given = parser.parse_args()
    if given.cpu is None:
        for name, found in outcomes(given.only, given.size):
            print(json.dumps([name, found]), flush=True)
        return
    if not (emulator := shutil.which("qemu-x86_64")):
        sys.exit("Error: qemu-x86_64 is not installed; Debian has it in the package qemu-user")
    command = [sys.executable, __file__, "--size", str(given.size), "--only", *given.only]
    here, there = (hashes([*prefix, *command]) for prefix in ([], [emulator, "-cpu", given.cpu]))
    for name in here:
        print(f"{'same' if here[name] == there[name] else 'DIFFERENT'}  {name}  {here[name]}  {there[name]}")
    different = [name for name in here if here[name] != there[name]]
    print(f"{len(here) - len(different)} of {len(here)} the same on {given.cpu}")
    sys.exit(bool(different))


def hashes(command: list[str]) -> dict[str, str]:
    """What a process prints."""
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(json.loads(line) for line in lines)


if __name__ == "__main__":
    main()
