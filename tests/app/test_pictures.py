"""No command that answers a picture writes onto an input, or over a file that it did not make."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from brainseg.app.pictures import png, refuse_to_overwrite
from brainseg.errors import BrainsegError
from tests.conftest import Brainseg

PICTURE = np.linspace(0, 255, 48 * 48).reshape(48, 48).astype(np.uint8)


@pytest.mark.parametrize(
    ("command", "image", "output"),
    [
        ("explain", "slice.png", "slice.html"),
        ("explain", "slice.png", "theirs.html"),
        ("explain", "slice.png", "drawn.html"),
        ("explain", "slice.png", "folder.html"),
        ("predict", "slice-mask.png", "."),
        ("predict", "drawn.png", "."),
    ],
)
def test_a_file_of_the_users_is_left_as_it_is(
    brainseg: Brainseg,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
    image: str,
    output: str,
) -> None:
    for name in ("slice.png", "slice-mask.png", "slice-mask-mask.png", "drawn.png", "drawn-outline.png"):
        cv2.imwrite(str(tmp_path / name), PICTURE)
    (tmp_path / "theirs.html").write_text("a page of their own")
    (tmp_path / "folder.html").mkdir()
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    assert brainseg(command, tmp_path / image, "-o", tmp_path / output, "--model", "deeplab") == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"Error: {tmp_path}")
    assert captured.err.rstrip().endswith("choose another -o")
    assert captured.err.count("\n") == 1
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_answer_takes_the_place_of_an_earlier_one(
    brainseg: Brainseg, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "slice.png"), PICTURE)
    for _ in range(2):
        arguments = (tmp_path / "slice.png", "-o", tmp_path / "out", "--model", "deeplab")
        assert brainseg("predict", *arguments) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["slice-mask.png", "slice-outline.png"]
    mask = cv2.imread(str(tmp_path / "out" / "slice-mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask is not None
    assert mask.shape == PICTURE.shape


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_an_input_is_known_under_another_name(tmp_path: Path, link: object) -> None:
    assert callable(link)
    (tmp_path / "made.png").write_bytes(png(PICTURE))
    link(tmp_path / "made.png", tmp_path / "input.png")
    refuse_to_overwrite([tmp_path / "made.png"], [])
    with pytest.raises(BrainsegError, match="is an image that is to be read"):
        refuse_to_overwrite([tmp_path / "made.png"], [tmp_path / "input.png"])
