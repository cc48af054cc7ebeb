"""The head, its tumours and the scanner, of which the phantom is made."""

from pathlib import Path

import numpy as np
import pytest

from brainseg.data.phantom import make_phantom
from brainseg.data.phantom.anatomy import load_atlas
from brainseg.data.phantom.noise import smooth_noise
from brainseg.data.phantom.scanner import PLANES, new_subject, plane_points
from brainseg.data.phantom.tumours import TYPES, grow
from brainseg.errors import BrainsegError


def test_pituitary_tumours_are_smallest_and_gliomas_largest() -> None:
    radii = {k: np.mean([grow(k, np.random.default_rng(seed)).radius for seed in range(60)]) for k in TYPES}
    assert 8 < radii["pituitary"] < radii["meningioma"] < radii["glioma"] < 30


def test_pituitary_tumours_lie_at_the_sella() -> None:
    centres = np.array([grow("pituitary", np.random.default_rng(seed)).centre for seed in range(50)])
    assert (np.abs(centres - [0, 3, -31]) < [10, 8, 10]).all()


def test_meningiomas_touch_the_dura_or_the_falx_and_gliomas_stay_in_the_brain() -> None:
    steps = np.linspace(-40, 40, 21, dtype=np.float32)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"))
    for seed in range(15):
        for kind in ("meningioma", "glioma"):
            tumour = grow(kind, np.random.default_rng(seed))
            points = tumour.centre.reshape(3, 1, 1, 1) + cube
            inside = points[:, tumour.level(points) < 0]
            depth = -load_atlas().cavity.at(inside)
            assert depth.min() > 0
            if kind == "meningioma":
                assert min(depth.min(), np.abs(inside[0]).min()) < 6


def test_tumour_pushes_tissue_aside_but_not_far_away() -> None:
    tumour = grow("glioma", np.random.default_rng(0))
    outwards = np.array([1, 0, 0], np.float32)
    edge, far = ((tumour.centre + outwards * distance)[:, None] for distance in (tumour.radius, 6 * tumour.radius))
    assert np.linalg.norm(tumour.push(edge)[:, 0] - tumour.centre) < 0.7 * tumour.radius
    assert np.linalg.norm(tumour.push(far) - far) < 1


def test_anatomy_puts_tissues_in_their_place() -> None:
    atlas = load_atlas()
    places = {"white": (-26, -20, 30), "ventricle": (-8, 8, 16), "eye": (32, 64, -39), "air": (0, -4, -140)}
    point = {name: np.array(place, np.float32)[:, None] for name, place in places.items()}
    assert atlas.white.at(point["white"])[0] > 0.9
    assert atlas.t1.at(point["ventricle"])[0] < atlas.t1.at(point["white"])[0] - 0.3
    for name, volume in {"eye": atlas.eye, "air": atlas.air}.items():
        assert volume.at(point[name])[0] < 0
        assert atlas.skin.at(point[name])[0] < 0 < atlas.cavity.at(point[name])[0]


def test_people_differ_and_the_quick_way_to_the_template_agrees_with_the_exact_one() -> None:
    subjects = [new_subject("glioma", np.random.default_rng(seed)) for seed in range(2)]
    for plane in PLANES:
        points = plane_points(plane, 10.0, 240.0)
        exact = [subject.to_template(points) for subject in subjects]
        assert np.abs(exact[0] - exact[1]).max() > 3
        difference = np.abs(subjects[0].slice_to_template(points) - exact[0])
        assert difference[:, 8:-8, 8:-8].max() < 0.3
        assert difference.max() < 1.5


def test_noise_has_zero_mean_unit_variance_and_the_wavelength_asked_for() -> None:
    points = np.random.default_rng(0).uniform(-100, 100, (3, 40_000)).astype(np.float32)
    values = smooth_noise(points, 12, 5)
    assert values.mean() == pytest.approx(0, abs=0.05)
    assert values.std() == pytest.approx(1, abs=0.1)
    half = smooth_noise(points + np.array([[6], [0], [0]], np.float32), 12, 5)
    near = smooth_noise(points + np.array([[0.5], [0], [0]], np.float32), 12, 5)
    assert np.corrcoef(values, near)[0, 1] > 0.9
    assert np.corrcoef(values, half)[0, 1] < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"), [({"patients": 7}, "patients=7.*at least 8"), ({"size": 32}, "size=32.*64 to 2048")]
)
def test_arguments_out_of_range(arguments: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(BrainsegError, match=message):
        make_phantom(tmp_path / "phantom", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "phantom").exists()


def test_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BrainsegError, match="not an empty folder"):
        make_phantom(tmp_path)
    with pytest.raises(BrainsegError, match="not an empty folder"):
        make_phantom(tmp_path / "notes.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
