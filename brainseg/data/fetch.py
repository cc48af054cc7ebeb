"""Download the real data set: the study's images from Kaggle, Cheng's slices with their borders from figshare."""

import re
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import kagglehub
import pooch
import requests
import urllib3
from requests.adapters import HTTPAdapter
from tqdm import tqdm

from brainseg.data.checksums import sha256, unlike_published
from brainseg.data.cheng import BORDERS, import_cheng, short_zip
from brainseg.data.coco import ANNOTATIONS, FOLDER, SPLITS, read_dataset
from brainseg.data.outside import make_folder, words, write_whole
from brainseg.errors import BrainsegError

HANDLE = "pkdarabi/brain-tumor-image-dataset-semantic-segmentation/versions/1"
FIGSHARE = "https://ndownloader.figshare.com/files"
FILE_IDS = (3381290, 3381296, 3381293, 3381302)
ZIPS = BORDERS.parent / "zips"

RETRIES = 3
PATIENCE = 60
"""Seconds to wait for a connection, for an answer, and for each 64 kB of a file."""

_CHUNK = 1 << 16


def fetch(
    root: Path,
    progress: bool = False,
    *,
    figshare: str = FIGSHARE,
    kaggle: Callable[[str], str] = kagglehub.dataset_download,
    patience: float = PATIENCE,
) -> None:
    """Download the real data set to ``root``: ``tumorseg-coco`` and ``cheng2017``.

    What is there already is not downloaded again, and an interrupted download goes on where it stopped. Cheng's zip
    files, about 860 MB, stay in ``cheng2017/zips``; once the border file is made of them they can be removed.

    Args:
        root: Folder to put the data set into.
        progress: Whether to show progress bars of the zip files; kagglehub shows its own.
        figshare: Address that the file ids are appended to.
        kaggle: Takes the handle of a Kaggle data set, returns the folder that it was downloaded to.
        patience: Seconds to wait for a connection, for an answer, and for each 64 kB of a zip file.
    """
    make_folder(root)
    if not _has_images(root):
        with _timed(patience):
            _fetch_images(root, kaggle)
    if not (root / BORDERS).exists():
        _fetch_borders(root, figshare, progress, patience)
    if (figshare, kaggle) == (FIGSHARE, kagglehub.dataset_download) and (changed := unlike_published(root)):
        raise BrainsegError(
            f"{len(changed)} files in {root} are not as published, {changed[0]}: remove them, and fetch again"
        )


@contextmanager
def _timed(patience: float) -> Iterator[None]:
    """Requests that would wait for ever, as those of kagglehub do for a silent proxy, wait no longer than that."""
    send = HTTPAdapter.send

    def timed(self: HTTPAdapter, *arguments: Any, **options: Any) -> requests.Response:
        return send(self, *arguments, **options | {"timeout": options.get("timeout") or patience})

    HTTPAdapter.send = timed  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPAdapter.send = send  # type: ignore[method-assign]


def _has_images(root: Path) -> bool:
    try:
        read_dataset(root)
    except BrainsegError:
        return False
    return True


def _fetch_images(root: Path, kaggle: Callable[[str], str]) -> None:
    try:
        source = Path(kaggle(HANDLE))
    except Exception as error:  # kagglehub's exceptions share no base class
        raise BrainsegError(
            f"Kaggle did not give {HANDLE} ({words(error)}): check the network connection; if Kaggle asks who you are, "
            "make an API token at kaggle.com/settings and set KAGGLE_API_TOKEN to it; then fetch again"
        ) from error
    for name in SPLITS:
        _place(_split_folder(source, name), root / FOLDER / name)
    try:
        read_dataset(root)
    except BrainsegError as error:
        raise BrainsegError(f"Kaggle's files in {source} are damaged: remove that folder. {error}") from error


def _split_folder(source: Path, name: str) -> Path:
    found = [path.parent for path in source.rglob(ANNOTATIONS) if path.parent.name == name]
    if len(found) != 1:
        raise BrainsegError(
            f"{source}, downloaded from Kaggle, has {len(found)} folders {name!r} with {ANNOTATIONS}, expected one: "
            "remove it and fetch again"
        )
    return found[0]


def _place(source: Path, target: Path) -> None:
    """Link or copy a split's files, the annotations last: while they are missing, the split counts as incomplete."""
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir(), key=lambda path: path.name == ANNOTATIONS):
        place = target / file.name
        if place.exists():
            if sha256(place) == sha256(file):
                continue
            raise BrainsegError(f"{place} is not what Kaggle has: move it away, and fetch again")
        try:
            place.hardlink_to(file)
        except OSError:
            write_whole(place, partial(shutil.copy2, file))


def _fetch_borders(root: Path, figshare: str, progress: bool, patience: float) -> None:
    urls = {f"{file_id}.zip": f"{figshare}/{file_id}" for file_id in FILE_IDS}
    store = pooch.create(root / ZIPS, figshare, registry=dict.fromkeys(urls), urls=urls, retry_if_failed=RETRIES)
    pooch.get_logger().setLevel("WARNING")
    for name, url in urls.items():
        begun = root / ZIPS / f"{name}.partial"
        try:
            path = Path(store.fetch(name, downloader=_Continuation(begun, progress, patience)))
        except OSError as error:
            raise BrainsegError(
                f"cannot download {url} ({words(error)}): check the network connection and fetch again, "
                "which goes on where this stopped"
            ) from error
        _require_zip(path, url)
    import_cheng(root / ZIPS, root / BORDERS)


class _Continuation:
    """A downloader for pooch that keeps what has arrived in ``partial``, and asks for the rest next time."""

    def __init__(self, partial: Path, progress: bool, patience: float) -> None:
        self.partial = partial
        self.progress = progress
        self.patience = patience

    def __call__(self, url: str, output_file: str, store: object) -> None:
        start = self.partial.stat().st_size if self.partial.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        with requests.get(url, headers=headers, stream=True, timeout=self.patience) as response:
            if not self._is_complete(response, start):
                self._write(response, start)
        self.partial.replace(output_file)

    def _is_complete(self, response: requests.Response, start: int) -> bool:
        """Whether there is nothing after byte ``start``; raises where the answer is no file."""
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            if _size(response) == start:
                return True
            self.partial.unlink()
            raise requests.RequestException(f"what was downloaded before does not belong to {response.url}")
        if response.status_code >= 500 or response.status_code == requests.codes.too_many_requests:
            response.raise_for_status()
        if response.status_code not in (requests.codes.ok, requests.codes.partial_content):
            raise BrainsegError(
                f"{response.url} answered {response.status_code} {response.reason}, expected a file: open it in a "
                f"browser, save the file as {self.partial.with_suffix('')} and fetch again"
            )
        return False

    def _write(self, response: requests.Response, start: int) -> None:
        if response.status_code == requests.codes.ok:
            start = 0
        size = _size(response)
        bar = tqdm(
            initial=start,
            total=size,
            desc=self.partial.stem,
            unit="B",
            unit_scale=True,
            disable=not self.progress,
        )
        with bar, self.partial.open("ab" if start else "wb") as file:
            for part in self._parts(response):
                file.write(part)
                bar.update(len(part))
        arrived = self.partial.stat().st_size
        if size is not None and arrived != size:
            raise requests.ConnectionError(f"{arrived} of {size} bytes arrived")

    def _parts(self, response: requests.Response) -> Iterator[bytes]:
        """What arrives, as it arrives; raises where that stops, or is less than 64 kB in the time that is waited."""
        arrived, since = 0, time.monotonic()
        try:
            while part := response.raw.read1(_CHUNK, decode_content=True):
                yield part
                arrived += len(part)
                if arrived >= _CHUNK:
                    arrived, since = 0, time.monotonic()
                elif time.monotonic() - since > self.patience:
                    raise requests.Timeout(f"only {arrived} bytes came in {self.patience:g} s")
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error


def _size(response: requests.Response) -> int | None:
    """Size of the whole file, as the server announces it with a part of the file or with all of it."""
    whole = re.fullmatch(r"bytes .*/(\d+)", response.headers.get("Content-Range", ""))
    length = response.headers.get("Content-Length") if response.status_code == requests.codes.ok else None
    announced = whole[1] if whole else length
    return None if announced is None else int(announced)


def _require_zip(path: Path, url: str) -> None:
    try:
        with short_zip(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        broken = str(error)
    if broken is not None:
        path.unlink()
        raise BrainsegError(f"{url} is not a complete zip file ({broken}): what came was removed, fetch again")
