"""Readers given what no one would write: ``python -m tests.faults.fuzz READER NUMBER [SEED]``, in a process of its own.

A reader may accept an input or refuse it with the package's own error. Anything else is printed, and the input that was
read last lies in a file, so that a crash or a hang has its input, too.
"""

import contextlib
import gzip
import io
import json
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from brainseg.app.slices import read_slice
from brainseg.data.cases import cases
from brainseg.data.cheng import BORDERS, import_cheng, read_borders
from brainseg.data.coco import published_mask, read_split
from brainseg.errors import BrainsegError
from brainseg.experiments.matrix import read_matrix
from brainseg.experiments.memory import peak_memory_mb
from brainseg.paper.claims.ledger import read_claims
from tests.app.test_slices import RAMP, dicom
from tests.conftest import REPOSITORY
from tests.data.test_cheng import ellipse, write_mat
from tests.data_fixtures import Slice, box, write_dataset, write_split

GROWTH = 1000
"""Megabytes that a process may grow by."""

NASTY: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        (None, True, "", "NaN", -1, 0, 1, 2**31, 2**63, 10**30, 1e308, 5e-324, float("nan"), float("inf"), [], {}, [[]])
    ),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.lists(st.floats(), max_size=9),
)


@dataclass(frozen=True)
class Reader:
    """What is fuzzed.

    Attributes:
        name: Of the file that it reads.
        sources: Good contents.
        read: Reads the file and does with it what a command would.
        tree: Parses and writes the content, where it is a tree of values.
    """

    name: str
    sources: Callable[[Path], list[bytes]]
    read: Callable[[Path], object]
    tree: tuple[Callable[[bytes], Any], Callable[[Any], bytes]] | None = None


def _split(path: Path) -> None:
    split = read_split(path.parent)
    for case in cases({"train": split}, {}):
        assert case.box is None or case.box["size"] == [case.image.height, case.image.width]
        if case.published is not None:
            with contextlib.suppress(BrainsegError):
                published_mask(case.published, case.image, 64, "train")
        case.image.read()


def _borders(path: Path) -> None:
    for border in read_borders(path.parents[1]).values():
        border.mask(64)


def _mats(path: Path) -> None:
    import_cheng(path.parent, path.parents[1] / "borders.json")


def _coco(folder: Path) -> list[bytes]:
    runs, compressed = ({"size": [160, 160], "counts": counts} for counts in ([100, 50, 25450], "T3b1Zkh0"))
    write_split(folder, [Slice(11, [[box(20, 30, 40, 50)]]), Slice(12, [runs]), Slice(13, [compressed])])
    return [(folder / "_annotations.coco.json").read_bytes()]


def _drawn(folder: Path) -> list[bytes]:
    return [(write_dataset(folder) / BORDERS).read_bytes()]


def _mat(folder: Path) -> list[bytes]:
    write_mat(folder / "1.mat", ellipse(30, 25, 9, 8), 64, "100360", 1)
    content = (folder / "1.mat").read_bytes()
    (folder / "1.mat").unlink()
    return [content]


def _zip(folder: Path) -> list[bytes]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.mat", _mat(folder)[0])
    return [file.getvalue()]


def _pictures(folder: Path) -> list[bytes]:
    picture = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
    deep = picture.astype(np.uint16) * 300
    encoded = [cv2.imencode(".jpg", picture), cv2.imencode(".png", picture), cv2.imencode(".png", deep)]
    encoded += [cv2.imencode(".bmp", picture), cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])]
    return [content.tobytes() for _, content in encoded]


def _dicom(folder: Path) -> list[bytes]:
    files = [dicom(folder / "a", RAMP), dicom(folder / "b", np.stack([RAMP] * 3), WindowCenter="9", WindowWidth="5")]
    return [file.read_bytes() for file in files]


def _nifti(folder: Path) -> list[bytes]:
    import nibabel

    found = []
    for affine in (np.eye(4), np.diag([-1, 2, -3, 1])[[1, 0, 2, 3]]):
        volume = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(5, 4, 3), affine)  # type: ignore[no-untyped-call]
        found.append(volume.to_bytes())
    return found


def _yaml(name: str) -> tuple[Callable[[Path], list[bytes]], Any]:
    return lambda folder: [(REPOSITORY / name).read_bytes()[:1600].rpartition(b"\n\n")[0]], (
        lambda content: yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader)),  # noqa: S506
        lambda tree: yaml.dump(tree, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)).encode(),
    )


JSON = (json.loads, lambda tree: json.dumps(tree).encode())
EXPERIMENTS, CLAIMS = _yaml("experiments.yml"), _yaml("book/claims.yml")
READERS = {
    "coco": Reader("_annotations.coco.json", _coco, _split, JSON),
    "borders": Reader(str(BORDERS), _drawn, _borders, JSON),
    "mat": Reader("mats/1.mat", _mat, _mats),
    "zip": Reader("mats/1.zip", _zip, _mats),
    "picture": Reader("slice.png", _pictures, read_slice),
    "dicom": Reader("slice.dcm", _dicom, read_slice),
    "nifti": Reader("slice.nii", _nifti, read_slice),
    "nifti-gz": Reader("slice.nii.gz", lambda folder: [gzip.compress(one) for one in _nifti(folder)], read_slice),
    "experiments": Reader("experiments.yml", EXPERIMENTS[0], read_matrix, EXPERIMENTS[1]),
    "claims": Reader("claims.yml", CLAIMS[0], read_claims, CLAIMS[1]),
}


@st.composite
def damaged(draw: st.DrawFn, sources: list[bytes], tree: Any) -> bytes:
    """A good content with a few fields replaced, if it is a tree, or a few bytes replaced, cut out or doubled."""
    content = draw(st.sampled_from(sources))
    if tree is not None and draw(st.integers(0, 3)):
        parse, write = tree
        parsed = parse(content)
        for _ in range(draw(st.integers(1, 3))):
            _replace_one(draw, parsed)
        with contextlib.suppress(ValueError, TypeError, yaml.YAMLError):
            content = write(parsed)
    else:
        for _ in range(draw(st.integers(1, 4))):
            place = draw(st.integers(0, len(content)))
            end = min(len(content), place + draw(st.sampled_from((0, 1, 1, 2, 4, 8, 100, 1 << 20))))
            middle = draw(st.one_of(st.binary(max_size=8), st.just(content[place:end] * 2)))
            content = content[:place] + middle + content[end:]
    return content


def _replace_one(draw: st.DrawFn, tree: Any) -> None:
    """Go down a tree, and replace, take away or double one value."""
    while isinstance(tree, list | dict) and tree:
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        key = draw(st.sampled_from(keys))
        if not isinstance(tree[key], list | dict) or not tree[key] or draw(st.integers(0, 2)) == 0:
            match draw(st.sampled_from(("value", "value", "gone", "twice"))):
                case "gone":
                    del tree[key]
                case "twice" if isinstance(tree, list):
                    tree.append(tree[key])
                case _:
                    tree[key] = draw(NASTY)
            return
        tree = tree[key]


def fuzz(name: str, number: int, start: int, last: Path) -> Counter[str]:
    """Read so many inputs; how often each other error than the package's own came, by its kind and place."""
    reader, found = READERS[name], Counter[str]()
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / reader.name
        path.parent.mkdir(parents=True, exist_ok=True)
        sources = reader.sources(Path(made))

        @seed(start)
        @settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(damaged(sources, reader.tree))
        def run(content: bytes) -> None:
            path.write_bytes(content)
            last.write_bytes(content)
            try:
                reader.read(path)
            except BrainsegError as error:
                if not str(error).isprintable():
                    found["an error over several lines"] += 1
            except Exception as error:
                trace = error.__traceback__
                while trace is not None and trace.tb_next is not None:
                    trace = trace.tb_next
                where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
                kind = f"{type(error).__name__} at {where}"
                if not found[kind]:
                    last.with_name(f"{name}-{len(found)}").write_bytes(content)
                found[kind] += 1

        run()
    return found


def main(name: str, number: str, start: str = "0", folder: str = "build/fuzz") -> int:
    """Fuzz one reader, print what came, and say whether that was nothing."""
    last = Path(folder) / f"{name}-last"  # where a crash or a hang would leave its input
    last.parent.mkdir(parents=True, exist_ok=True)
    before = peak_memory_mb()
    found = fuzz(name, int(number), int(start or 0), last)
    grown = peak_memory_mb() - before
    if grown > GROWTH:
        found[f"{grown:.0f} MB more memory"] += 1
    sys.stdout.write(f"{name}: {number} inputs, {sum(found.values())} other errors, {grown:.0f} MB {dict(found)}\n")
    return min(sum(found.values()), 1)


if __name__ == "__main__":
    if sys.argv[1] == "all":  # each in a process of its own: a crash is a finding, not the end
        import subprocess

        one = [sys.executable, "-m", "tests.faults.fuzz"]
        sys.exit(max(subprocess.run([*one, name, *sys.argv[2:]]).returncode != 0 for name in READERS))
    sys.exit(main(*sys.argv[1:]))
