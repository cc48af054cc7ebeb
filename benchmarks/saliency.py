"""Saliency maps of a U-Net: this package beside captum and Xplique, and methods that ask often beside plain gradients.

The network treats its three channels alike, so that the sum of their gradients, which the package and captum show, and
the largest or the mean, which Xplique shows, are the same map but for a factor. Maps are divided by their maximum.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Race, Side, Work
from benchmarks.inference import built, file_of, pictures, write_network

MODEL, SIZE, WIDTH = "unet", 64, 8
IMAGES, SAMPLES, BATCH, NOISE = 8, 64, 16, 0.1
METHODS: dict[str, dict[str, Any]] = {
    "gradient": {},
    "SmoothGrad": {"samples": SAMPLES, "noise": NOISE},
    "integrated gradients": {"steps": SAMPLES},
}
TOLERANCES = {"gradient": 1e-3, "SmoothGrad": None, "integrated gradients": 0.1}
"""Noise is random; Xplique integrates by the trapezoidal rule, the others by Gauss and Legendre's."""


def races() -> list[Race]:
    """The three methods that all have, and the cost of sampling."""
    write_network(MODEL, SIZE, WIDTH)
    return [*map(against_others, METHODS), *smoke_races()]


def smoke_races() -> list[Race]:
    """Methods that ask the network many times for one image, beside its gradients for as many images."""
    write_network(MODEL, SIZE, WIDTH)
    gradients = Side(f"gradients of {SAMPLES} images", "saliency:our_maps", {"method": "gradient", "count": SAMPLES})
    one = {"count": 1}
    return [
        Race("saliency", f"{method} of 1 image, {SAMPLES} samples", ours(method, one), (gradients,), None, rounds=5)
        for method in ("SmoothGrad", "integrated gradients")
    ]


def against_others(method: str) -> Race:
    """One method, by three packages."""
    count = IMAGES if method == "gradient" else 1
    images = "8 images" if count > 1 else f"1 image, {SAMPLES} samples"
    peers = (
        Side("captum", "saliency:captum", {"method": method, "count": count}, "torch"),
        Side("Xplique", "saliency:xplique", {"method": method, "count": count}, "xplique"),
    )
    work = f"{method} of {images}"
    return Race("saliency", work, ours(method, {"count": count}), peers, TOLERANCES[method], rounds=7)


def ours(method: str, options: dict[str, Any]) -> Side:
    """The package's way."""
    return Side("brainseg", "saliency:our_maps", {"method": method, **options})


def our_maps(method: str, count: int) -> Work:
    """Maps by :func:`brainseg.saliency.explain`."""
    from brainseg.saliency import explain

    model, images, mask = built(MODEL, SIZE, WIDTH), pictures(SIZE, count), region()
    return scaled(lambda: explain(method, model, images, mask, BATCH, **METHODS[method]))


def captum(method: str, count: int) -> Work:
    """Maps by captum, of the network written in PyTorch with the same weights."""
    import torch
    from captum import attr  # type: ignore[import-not-found]

    from benchmarks.pytorch import as_tensor, load, mirrored, network

    torch.set_num_threads(1)
    net = load(network(MODEL, WIDTH), file_of(MODEL, SIZE, WIDTH, "npz"))
    images = as_tensor(mirrored(pictures(SIZE, count)))
    mask = torch.from_numpy(mirrored(region()[np.newaxis])[0])

    def score(x: Any) -> Any:
        return (net(x)[:, 0] * mask).sum((1, 2))

    saliency = attr.Saliency(score)
    ways: dict[str, Callable[[Any], Any]] = {
        "gradient": lambda x: saliency.attribute(x, abs=False),
        "SmoothGrad": lambda x: attr.NoiseTunnel(saliency).attribute(
            x, nt_samples=SAMPLES, nt_samples_batch_size=BATCH, stdevs=NOISE, abs=False
        ),
        "integrated gradients": lambda x: attr.IntegratedGradients(score).attribute(
            x, n_steps=SAMPLES, internal_batch_size=BATCH
        ),
    }

    def maps() -> NDArray[Any]:
        found = ways[method](images.clone().requires_grad_()).detach().sum(1).numpy()
        return mirrored(found if method == "integrated gradients" else np.abs(found))

    return scaled(maps)


def xplique(method: str, count: int) -> Work:
    """Maps by Xplique, of the same network in Keras."""
    from xplique import attributions  # type: ignore[import-not-found]

    from brainseg.backend import keras

    whole, images = built(MODEL, SIZE, WIDTH), pictures(SIZE, count)
    model = keras.Model(whole.input, whole.get_layer("logits").output)
    targets = np.repeat(region()[np.newaxis, ..., np.newaxis], count, axis=0)
    given = {"operator": "semantic segmentation", "batch_size": BATCH}
    ways = {
        "gradient": lambda: attributions.Saliency(model, **given),
        "SmoothGrad": lambda: attributions.SmoothGrad(model, nb_samples=SAMPLES, noise=NOISE, **given),
        "integrated gradients": lambda: attributions.IntegratedGradients(model, steps=SAMPLES, **given),
    }
    explainer = ways[method]()
    return scaled(lambda: np.asarray(explainer.explain(images, targets))[..., 0])


def region() -> NDArray[np.float32]:
    """What is explained: a square."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[SIZE // 3 : SIZE // 2, SIZE // 3 : SIZE // 2] = 1
    return mask


def scaled(maps: Callable[[], NDArray[Any]]) -> Work:
    """Maps divided by the largest magnitude in them."""

    def work() -> NDArray[Any]:
        found = maps()
        return np.asarray(found / np.abs(found).max())

    return work
