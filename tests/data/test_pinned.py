"""Prepared arrays are byte for byte what they were when results were recorded: no stricter reader may change them."""

import hashlib
from pathlib import Path

import pytest

from brainseg.data.phantom import make_phantom
from brainseg.data.prepare import prepare

PHANTOM = {
    "images.npy": "4dcfbea6f0c8ba188b30fd4e04f93795a39d486a30189ff885d1f5f1fd7ef42b",
    "position.npy": "efe6c4b1aa4fc73cc637d67a11d901b293e41528290e2abb1396907241c466f5",
    "box.npy": "ddbf7d2842d12599dd9b451a659fea0b9fb8bd5a164a4e57ac079376dfb057b3",
    "border.npy": "f068a3fa3b30a7b8fe0192131c7c6aa41eeebd5446db8aab957aa1b132ab7e64",
    "table.csv": "c47733fb159a9720906bec02e4a7f4702c347df1fd1bd3dda498487c4194cf89",
}
"""Of the phantom of eight patients, 64 pixels wide."""

STUDY = {
    "images.npy": "b27a9bad5fdf239a8b038ae0fd88bf7aa65f1a158e03f320b7b69696ccf46850",
    "position.npy": "3780db84df310d466596d8129759f382c2911d5ca9384499e0c6408e261a3d70",
    "box.npy": "9dbc1cab4b41d633b164d25b1a529febb7830fd06e67492b5493544a379d3ad0",
    "border.npy": "9a7cb7049bf111a9c388578bccd435753f7e6fa467f532bd45a287f9fa1fbf13",
    "table.csv": "bd10543099ea7c3a48ade8885858b83d16da4cca105554503078985806bc289a",
}
"""Of the study's images, 64 pixels wide."""


def digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in PHANTOM}


def test_the_phantom_is_prepared_as_ever(tmp_path: Path) -> None:
    prepared = prepare(make_phantom(tmp_path / "phantom", patients=8), 64, tmp_path / "cache")
    assert prepared.fingerprint == "93e87808771ddfc3"
    assert digests(prepared.folder) == PHANTOM


@pytest.mark.slow
def test_the_study_s_images_are_prepared_as_ever(real_data: Path, tmp_path: Path) -> None:
    prepared = prepare(real_data, 64, tmp_path)
    assert prepared.fingerprint == "d4255e175509c72d"
    assert digests(prepared.folder) == STUDY
