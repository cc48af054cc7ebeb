import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from brainseg.data.cheng import Border, import_cheng, read_borders
from brainseg.data.coco import decode, pair_by_id, read_dataset, shrink, union
from brainseg.errors import BrainsegError
from tests.data_fixtures import Outline, write_borders

BORDER_FILE = Path("cheng2017", "annotations.coco.json")


def ellipse(x: float, y: float, a: float, b: float, points: int = 40) -> NDArray[np.float64]:
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], axis=1)


def write_mat(path: Path, border: NDArray[np.float64], width: int, patient: str, label: int) -> None:
    """Write what MATLAB's ``save -v7.3`` writes of ``cjdata``: HDF5 with every array transposed.

    ``border`` holds x to the right and y downwards, as MATLAB's ``poly2mask`` takes them; the mask is that of the
    ellipse from which the border was taken.
    """
    rows, columns = np.mgrid[:width, :width] + 0.5
    (x, y), (a, b) = border.mean(axis=0), np.ptp(border, axis=0) / 2
    mask = ((columns - x) / a) ** 2 + ((rows - y) / b) ** 2 <= 1
    image = (np.arange(width)[:, None] * 10 + np.arange(width)).astype(np.int16)
    with h5py.File(path, "w", userblock_size=512) as file:
        cjdata = file.create_group("cjdata")
        cjdata["image"] = image.T
        cjdata["tumorMask"] = mask.astype(np.uint8).T
        cjdata["tumorBorder"] = border.reshape(1, -1)
        cjdata["label"] = np.array([[float(label)]])
        cjdata["PID"] = np.array([[ord(c)] for c in patient], np.uint16)


@pytest.fixture
def mat_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "mat"
    folder.mkdir()
    write_mat(folder / "7.mat", ellipse(300, 120, 60, 25), 512, "100360", 1)
    write_mat(folder / "12.mat", ellipse(90.25, 200.5, 30, 45), 256, "MR040240B", 3)
    write_mat(folder / "101.mat", ellipse(200, 350, 20, 90), 512, "88510", 2)
    return folder


def test_import_reads_what_the_files_hold(mat_folder: Path, tmp_path: Path) -> None:
    overview = import_cheng(mat_folder, tmp_path / BORDER_FILE)
    assert overview["number"].tolist() == [7, 12, 101]
    borders = read_borders(tmp_path)
    assert [(b.number, b.width, b.height, b.patient_id, b.tumour_type) for b in borders.values()] == [
        (7, 512, 512, "100360", "meningioma"),
        (12, 256, 256, "MR040240B", "pituitary"),
        (101, 512, 512, "88510", "glioma"),
    ]
    np.testing.assert_allclose(borders[12].polygon, ellipse(90.25, 200.5, 30, 45), atol=5e-4)


def test_imported_borders_agree_with_the_mask_in_the_file(mat_folder: Path, tmp_path: Path) -> None:
    overview = import_cheng(mat_folder, tmp_path / BORDER_FILE)
    assert overview["dice"].between(0.98, 1).all()
    for number, border in read_borders(tmp_path).items():
        with h5py.File(mat_folder / f"{number}.mat") as file:
            as_h5py_sees_it = file["cjdata/tumorMask"][()].astype(bool)  # transposed, like the Kaggle images
        ours = border.mask(border.width)
        assert 2 * (ours & as_h5py_sees_it).sum() / (ours.sum() + as_h5py_sees_it.sum()) > 0.98


def test_import_from_zip_files_equals_import_from_a_folder(mat_folder: Path, tmp_path: Path) -> None:
    archives = [tmp_path / "first.zip", tmp_path / "second.zip"]
    for archive, names in zip(archives, [["101.mat"], ["7.mat", "12.mat"]], strict=True):
        with zipfile.ZipFile(archive, "w") as file:
            for name in names:
                file.write(mat_folder / name, name)
    import_cheng(mat_folder, tmp_path / "a.json")
    import_cheng(archives, tmp_path / "b.json")
    import_cheng(tmp_path / "first.zip", tmp_path / "c.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert [i["id"] for i in json.loads((tmp_path / "c.json").read_text())["images"]] == [101]


def test_the_file_has_the_layout_of_the_published_one(mat_folder: Path, tmp_path: Path, real_data: Path) -> None:
    import_cheng(mat_folder, tmp_path / BORDER_FILE)
    ours, theirs = (json.loads((root / BORDER_FILE).read_text()) for root in (tmp_path, real_data))
    assert list(ours) == list(theirs)
    assert ours["categories"] == theirs["categories"]
    assert ours["licenses"] == theirs["licenses"]
    assert ours["info"] | {"description": ""} == theirs["info"] | {"description": ""}
    for kind in ("images", "annotations"):
        assert [(k, type(v)) for k, v in ours[kind][0].items()] == [(k, type(v)) for k, v in theirs[kind][0].items()]


def test_area_and_bounding_box_of_the_file(mat_folder: Path, tmp_path: Path) -> None:
    import_cheng(mat_folder, tmp_path / BORDER_FILE)
    entry = json.loads((tmp_path / BORDER_FILE).read_text())["annotations"][0]
    assert entry["bbox"] == [240, 95, 120, 50]
    assert entry["area"] == pytest.approx(20 * 60 * 25 * np.sin(2 * np.pi / 40), abs=0.005)  # regular 40-gon, stretched


def test_borders_are_transposed_and_scaled(tmp_path: Path) -> None:
    write_borders(tmp_path, [Outline(1, [128, 0, 256, 0, 256, 64, 128, 64], width=256)])
    expected = np.zeros((64, 64), bool)
    expected[32:, :16] = True  # x in the right half, y in the upper quarter, and transposed
    np.testing.assert_array_equal(read_borders(tmp_path)[1].mask(64), expected)


def test_patients_of_the_real_set(real_data: Path) -> None:
    borders = read_borders(real_data).values()
    ids = {b.patient_id: b.patient for b in borders}
    assert len(ids) == 233
    shared = [p for p in set(ids.values()) if list(ids.values()).count(p) > 1]
    assert len(shared) == 18
    types = {(b.patient, b.tumour_type) for b in borders}
    assert len(types) == len(set(ids.values()))


def test_borders_of_the_real_set_lie_in_their_boxes(real_data: Path) -> None:
    borders = read_borders(real_data)
    inside = []
    for image, annotations in pair_by_id(read_dataset(real_data)["test"]):
        box, border = shrink(decode(union(annotations, image)), 160), borders[image.number].mask(160)
        inside.append(bool((box & border).any()))
    assert np.mean(inside) > 0.98


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "which should be a border file: the field categories is missing"),
        (
            '{"categories": [{"id": 1, "name": "cyst"}], "images": [], "annotations": []}',
            r"categories\[0\]\.name 'cyst', expected one of: meningioma, glioma",
        ),
    ],
)
def test_another_file_is_not_a_border_file(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / BORDER_FILE).parent.mkdir()
    (tmp_path / BORDER_FILE).write_text(content)
    with pytest.raises(BrainsegError, match=message):
        read_borders(tmp_path)


def test_import_refuses_what_it_cannot_use(mat_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with pytest.raises(BrainsegError, match="neither a folder nor a zip file"):
        import_cheng(mat_folder / "7.mat", out)
    with pytest.raises(BrainsegError, match="a slice twice"):
        import_cheng([mat_folder, mat_folder], out)
    (mat_folder / "8.mat").write_bytes(b"MATLAB 5.0")
    with pytest.raises(BrainsegError, match=r"8\.mat is not one of Cheng's"):
        import_cheng(mat_folder, out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrainsegError, match=r"no \.mat files"):
        import_cheng(tmp_path / "empty", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("patient_id", "patient"), [("MR040240", "MR040240"), ("MR040240D", "MR040240"), ("100360", "100360"), ("P", "P")]
)
def test_one_patient_under_several_ids(patient_id: str, patient: str) -> None:
    assert Border(1, 512, 512, patient_id, "glioma", np.zeros((3, 2))).patient == patient
