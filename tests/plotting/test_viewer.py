"""The viewer of saliency maps: what the page holds. How it answers is tested in a browser, see tests/browser."""

import base64
import json
import re

import cv2
import numpy as np

from brainseg.plotting.viewer import viewer
from brainseg.saliency.scores import energy_inside, pointing_game


def test_every_map_of_every_network_is_in_the_page_once() -> None:
    images = np.arange(2 * 6 * 6, dtype=np.uint8).reshape(2, 6, 6)
    ramp = np.linspace(-1, 1, 72).reshape(2, 6, 6)
    page = viewer(
        images,
        ["good", "</script>"],
        {"U-Net": {"gradient": ramp}, "SegNet": {}},
        {"U-Net": images > 9, "SegNet": images > 40},
        images > 60,
        {"energy inside the border": energy_inside, "highest value inside": pointing_game},
    ).data
    found = re.search(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    content = json.loads(found.group(1))
    assert [image["title"] for image in content["images"]] == ["good", "</script>"]
    assert {network: list(methods) for network, methods in content["networks"].items()} == {
        "U-Net": ["its mask", "gradient"],
        "SegNet": ["its mask"],
    }

    def decoded(source: str) -> np.ndarray:
        file = np.frombuffer(base64.b64decode(source.partition(",")[2]), np.uint8)
        picture = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
        assert picture is not None
        return picture

    np.testing.assert_array_equal(decoded(content["images"][1]["src"]), images[1])
    opacity = [decoded(source)[..., 3] for source in content["networks"]["U-Net"]["gradient"]]
    assert opacity[0].max() == 0
    assert opacity[1].argmax() == 35
    assert (decoded(content["networks"]["SegNet"]["its mask"][1])[..., 3] == 255 * (images[1] > 40)).all()
    scores = content["scores"]["U-Net"]["gradient"]
    assert [set(one) for one in scores] == [set(), {"energy inside the border", "highest value inside"}]
    inside, whole = ramp[1][images[1] > 60].sum(), np.maximum(ramp[1], 0).sum()
    np.testing.assert_allclose(scores[1]["energy inside the border"], inside / whole)
    assert scores[1]["highest value inside"] == 1
