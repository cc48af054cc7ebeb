"""A data set by name: the phantom, made when it is first asked for, or the real images in a folder."""

import os
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from brainseg.data.coco import FOLDER
from brainseg.data.phantom import make_phantom
from brainseg.data.prepare import Prepared, prepare
from brainseg.errors import BrainsegError, known
from brainseg.fingerprint import code_fingerprint, source_files

DATASETS = ("phantom", "tumorseg")


def default_store() -> Path:
    """Folder for everything that can be made again: ``BRAINSEG_WORKSPACE`` or the user's cache folder."""
    return Path(os.environ.get("BRAINSEG_WORKSPACE") or user_cache_path("brainseg"))


def phantom_folder(store: Path) -> Path:
    """Folder of the phantom inside a store; its name changes with the code that makes the phantom."""
    return store / "data" / f"phantom-{code_fingerprint(source_files('brainseg.data.phantom'))[:8]}"


@dataclass(frozen=True)
class Dataset:
    """A data set on disk and the store in which its prepared arrays are kept.

    Attributes:
        name: ``"phantom"`` or ``"tumorseg"``.
        root: Folder with ``tumorseg-coco/{train,valid,test}`` and ``cheng2017/annotations.coco.json``.
        store: Folder for prepared arrays and runs.
    """

    name: str
    root: Path
    store: Path

    def prepared(self, size: int, progress: bool = False) -> Prepared:
        """Images and masks as arrays of ``size`` × ``size`` pixels, prepared when first asked for."""
        return prepare(self.root, size, self.store / "prepared", progress)


def open_dataset(name: str = "phantom", data: str | Path | None = None, progress: bool = False) -> Dataset:
    """Open a data set; make the phantom first if it is asked for and not there yet. What is made is in the store.

    Args:
        name: ``"phantom"`` or ``"tumorseg"``.
        data: Folder of the real data set; ``None`` for the phantom, which lies in the store.
        progress: Show a progress bar while the phantom is made.
    """
    store = default_store()
    if known(name, DATASETS, "data set") == "phantom":
        if data is not None:
            raise BrainsegError(
                f"received the data folder {data} for the phantom, which lies in the store: leave the folder out, "
                "or ask for the data set 'tumorseg'"
            )
        return Dataset(name, _made_phantom(store, progress), store)
    if data is None or not (Path(data) / FOLDER).is_dir():
        raise BrainsegError(
            f"received the data folder {data} for {name!r}, expected one with tumorseg-coco and cheng2017: "
            "name it, or get the data with 'brainseg data fetch FOLDER'"
        )
    return Dataset(name, Path(data), store)


def _made_phantom(store: Path, progress: bool) -> Path:
    root = phantom_folder(store)
    root.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(root.with_suffix(".lock")):
        if not root.is_dir():
            unfinished = root.with_suffix(".unfinished")
            make_phantom(unfinished, progress=progress)
            unfinished.replace(root)
    return root
