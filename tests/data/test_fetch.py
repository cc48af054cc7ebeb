import contextlib
import re
import shutil
import socket
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from kagglehub import dataset_download

from brainseg.data.cheng import read_borders
from brainseg.data.coco import SPLITS, read_dataset
from brainseg.data.fetch import FILE_IDS, HANDLE, RETRIES, fetch
from brainseg.errors import BrainsegError
from tests.data.test_cheng import ellipse, write_mat
from tests.data_fixtures import write_dataset


class Server(ThreadingHTTPServer):
    """Serves ``files`` with Range support.

    ``cut`` files break off once after so many bytes, ``broken`` ones each time; ``drips`` come byte by byte.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.broken: dict[str, int] = {}
        self.status: dict[str, int] = {}
        self.drips: set[str] = set()
        self.ranges = True
        self.requests: list[tuple[str, str | None]] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        asked = self.headers["Range"]
        self.server.requests.append((name, asked))
        if name in self.server.status:
            self.send_error(self.server.status[name])
            return
        content = self.server.files[name]
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and self.server.ranges else 0  # type: ignore[index]
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = self.server.cut.pop(name, start + self.server.broken.get(name, len(content)))
        self.server.sent += len(content[start:end])
        if name in self.server.drips:
            with contextlib.suppress(OSError):
                for place in range(start, end):
                    self.wfile.write(content[place : place + 1])
                    time.sleep(0.02)
        else:
            self.wfile.write(content[start:end])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with one slice in each of the four zip files."""
    with Server() as running:
        for number, file_id in enumerate(FILE_IDS, start=1):
            write_mat(tmp_path / f"{number}.mat", ellipse(200, 250, 40, 30), 512, f"10{number}", 1)
            with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.write(tmp_path / f"{number}.mat", f"{number}.mat")
                archive.writestr("README", np.random.default_rng(number).bytes(300_000))
            running.files[str(file_id)] = (tmp_path / "one.zip").read_bytes()
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


class Kaggle:
    """What stands for kagglehub: gives the folder of a data set, and counts how often it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.handles: list[str] = []

    def __call__(self, handle: str) -> str:
        self.handles.append(handle)
        return str(self.folder)


@pytest.fixture
def kaggle(tmp_path: Path) -> Kaggle:
    whole = write_dataset(tmp_path / "made")
    shutil.copytree(whole / "tumorseg-coco", tmp_path / "cache" / "versions" / "1" / "export")
    return Kaggle(tmp_path / "cache")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "real"


def zips(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "cheng2017" / "zips").iterdir())


COMPLETE = sorted(f"{file_id}.zip" for file_id in FILE_IDS)


def test_everything_is_downloaded(server: Server, kaggle: Kaggle, root: Path, tmp_path: Path) -> None:
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert kaggle.handles == [HANDLE]
    assert sorted(server.requests) == sorted((str(file_id), None) for file_id in FILE_IDS)
    assert {b.number: b.patient_id for b in read_borders(root).values()} == {1: "101", 2: "102", 3: "103", 4: "104"}
    np.testing.assert_allclose(read_borders(root)[1].polygon, ellipse(200, 250, 40, 30), atol=5e-4)
    for name in SPLITS:
        ours, theirs = root / "tumorseg-coco" / name, tmp_path / "made" / "tumorseg-coco" / name
        assert {p.name: p.read_bytes() for p in ours.iterdir()} == {p.name: p.read_bytes() for p in theirs.iterdir()}
    assert zips(root) == COMPLETE


def test_what_is_there_is_not_downloaded_again(server: Server, kaggle: Kaggle, root: Path) -> None:
    fetch(root, figshare=server.url, kaggle=kaggle)
    server.requests.clear()
    kaggle.handles.clear()
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert (server.requests, kaggle.handles) == ([], [])
    (root / "cheng2017" / "annotations.coco.json").unlink()
    (root / "cheng2017" / "zips" / COMPLETE[0]).unlink()
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert [name for name, _ in server.requests] == [COMPLETE[0].removesuffix(".zip")]
    assert len(read_borders(root)) == 4


def test_a_broken_connection_is_taken_up_where_it_stopped(server: Server, kaggle: Kaggle, root: Path) -> None:
    first = str(FILE_IDS[0])
    server.cut[first] = 200_000
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert [name for name, _ in server.requests[:3]] == [first, first, str(FILE_IDS[1])]
    lost = server.sent - sum(map(len, server.files.values()))
    assert server.requests[1][1] == f"bytes={200_000 - lost}-"
    assert 0 <= lost < 100_000
    assert (root / "cheng2017" / "zips" / f"{first}.zip").read_bytes() == server.files[first]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("arrived", [1, 150_000, -1, None])
def test_an_interrupted_download_goes_on(
    server: Server, kaggle: Kaggle, root: Path, ranges: bool, arrived: int | None
) -> None:
    """What a killed process left behind, up to the whole file, is used; unless the server cannot send the rest."""
    first = str(FILE_IDS[0])
    server.ranges = ranges
    partial = root / "cheng2017" / "zips" / f"{first}.zip.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(server.files[first][:arrived])
    kept = len(server.files[first][:arrived])
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert server.requests[0] == (first, f"bytes={kept}-")
    assert server.sent == sum(map(len, server.files.values())) - (kept if ranges else 0)
    assert (partial.with_suffix("")).read_bytes() == server.files[first]
    assert zips(root) == COMPLETE


def test_more_than_the_file_holds_is_thrown_away(server: Server, kaggle: Kaggle, root: Path) -> None:
    partial = root / "cheng2017" / "zips" / f"{FILE_IDS[0]}.zip.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(bytes(len(server.files[str(FILE_IDS[0])]) + 1))
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert len(read_borders(root)) == 4


def test_a_partial_file_of_something_else_is_noticed_and_removed(server: Server, kaggle: Kaggle, root: Path) -> None:
    partial = root / "cheng2017" / "zips" / f"{FILE_IDS[0]}.zip.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"<html>" * 200)
    with pytest.raises(BrainsegError, match="not a complete zip file"):
        fetch(root, figshare=server.url, kaggle=kaggle)
    assert zips(root) == []
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert len(read_borders(root)) == 4


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: b"<html>please log in</html>", "File is not a zip file"),
        (lambda content: content[:-30], "File is not a zip file"),
        (lambda content: content[:200] + bytes(100) + content[300:], r"1\.mat|Error"),
    ],
)
def test_what_is_no_complete_zip_file_is_refused(
    server: Server, kaggle: Kaggle, root: Path, spoil: Callable[[bytes], bytes], message: str
) -> None:
    good, first = dict(server.files), str(FILE_IDS[0])
    server.files[first] = spoil(good[first])
    with pytest.raises(BrainsegError, match=rf"files/{first} is not a complete zip file \(.*({message})"):
        fetch(root, figshare=server.url, kaggle=kaggle)
    server.files = good
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert len(read_borders(root)) == 4


def test_a_server_error_is_tried_again_and_then_reported(server: Server, kaggle: Kaggle, root: Path) -> None:
    first, second = map(str, FILE_IDS[:2])
    server.status[second] = 503
    with pytest.raises(BrainsegError, match=rf"cannot download .*/files/{second} \(HTTPError: 503") as error:
        fetch(root, figshare=server.url, kaggle=kaggle)
    assert "\n" not in str(error.value)
    assert [name for name, _ in server.requests] == [first, *[second] * (1 + RETRIES)]
    server.status.clear()
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert [name for name, _ in server.requests].count(first) == 1
    assert len(read_borders(root)) == 4


def test_a_connection_that_always_breaks_is_taken_up_a_few_times(server: Server, kaggle: Kaggle, root: Path) -> None:
    first = str(FILE_IDS[0])
    server.broken[first] = 1000
    with pytest.raises(BrainsegError, match=rf"cannot download .*/{first} .*goes on where this stopped") as error:
        fetch(root, figshare=server.url, kaggle=kaggle)
    assert "\n" not in str(error.value)
    assert server.requests == [(first, None), *((first, f"bytes={1000 * n}-") for n in range(1, 1 + RETRIES))]
    server.broken.clear()
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert server.sent == sum(map(len, server.files.values()))


@pytest.mark.parametrize("status", [429, 500])
def test_a_server_that_is_busy_or_broken_is_asked_a_few_times(
    server: Server, kaggle: Kaggle, root: Path, status: int
) -> None:
    server.status[str(FILE_IDS[0])] = status
    with pytest.raises(BrainsegError, match=rf"cannot download .*HTTPError: {status}"):
        fetch(root, figshare=server.url, kaggle=kaggle)
    assert len(server.requests) == 1 + RETRIES


def test_a_file_that_drips_is_given_up_and_kept(server: Server, kaggle: Kaggle, root: Path) -> None:
    first = str(FILE_IDS[0])
    server.drips.add(first)
    with pytest.raises(BrainsegError, match=rf"cannot download .*/{first} .*only \d+ bytes came in 0\.1 s"):
        fetch(root, figshare=server.url, kaggle=kaggle, patience=0.1)
    asked = [start for _, start in server.requests]
    assert len(asked) == len(set(asked)) == 1 + RETRIES
    server.drips.clear()
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert len(read_borders(root)) == 4


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts every connection, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_never_answers_is_given_up(kaggle: Kaggle, root: Path, silent: str) -> None:
    started = time.monotonic()
    with pytest.raises(BrainsegError, match=r"cannot download .*ReadTimeout.*check the network connection") as error:
        fetch(root, figshare=silent, kaggle=kaggle, patience=0.1)
    assert time.monotonic() - started < 5
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("what", ["Kaggle did not give", "cannot download"])
def test_a_proxy_that_never_answers_is_given_up(
    kaggle: Kaggle, root: Path, silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, silent)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    started = time.monotonic()
    with pytest.raises(BrainsegError, match=rf"{what} .*(Proxy|Timeout|timed out)") as error:
        fetch(root, kaggle=kaggle if what == "cannot download" else dataset_download, patience=0.1)
    assert time.monotonic() - started < 5
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("status", [202, 403, 404])
def test_an_answer_that_is_no_file_is_reported_at_once(server: Server, kaggle: Kaggle, root: Path, status: int) -> None:
    server.status[str(FILE_IDS[0])] = status
    with pytest.raises(BrainsegError, match=rf"answered {status} .*{FILE_IDS[0]}\.zip and fetch again"):
        fetch(root, figshare=server.url, kaggle=kaggle)
    assert len(server.requests) == 1
    assert zips(root) == []


def test_no_network_is_reported(server: Server, kaggle: Kaggle, root: Path) -> None:
    closed = Server()
    closed.server_close()
    with pytest.raises(
        BrainsegError, match=r"cannot download .*ConnectionError.*check the network connection"
    ) as error:
        fetch(root, figshare=closed.url, kaggle=kaggle)
    assert "\n" not in str(error.value)
    assert len(read_dataset(root)) == 3


def test_zip_files_are_shown_as_they_arrive(
    server: Server, kaggle: Kaggle, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fetch(root, progress=True, figshare=server.url, kaggle=kaggle)
    shown = capsys.readouterr().err
    assert all(str(file_id) in shown for file_id in FILE_IDS)
    assert "100%" in shown
    shutil.rmtree(root)
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [OSError("no route\nto host"), ValueError("no such data set"), RuntimeError("who?")])
def test_kaggle_saying_no_is_reported(server: Server, root: Path, error: Exception) -> None:
    def refuse(handle: str) -> str:
        raise error

    with pytest.raises(BrainsegError, match=rf"Kaggle did not give {HANDLE} \({type(error).__name__}: .*\)") as raised:
        fetch(root, figshare=server.url, kaggle=refuse)
    assert "\n" not in str(raised.value)
    assert server.requests == []


def test_another_data_set_from_kaggle_is_reported(server: Server, kaggle: Kaggle, root: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache" / "versions" / "1" / "export" / "valid")
    with pytest.raises(BrainsegError, match="has 0 folders 'valid'"):
        fetch(root, figshare=server.url, kaggle=kaggle)
    shutil.copytree(tmp_path / "cache" / "versions", tmp_path / "cache" / "again")
    with pytest.raises(BrainsegError, match="has 2 folders 'train'"):
        fetch(root, figshare=server.url, kaggle=kaggle)


def test_damaged_files_from_kaggle_are_reported_until_they_are_whole(
    server: Server, kaggle: Kaggle, root: Path, tmp_path: Path
) -> None:
    lost = next((tmp_path / "cache").rglob("21_*.jpg"))
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(BrainsegError, match=r"Kaggle's files in .*cache are damaged.*lacks 1 of 2 images"):
        fetch(root, figshare=server.url, kaggle=kaggle)
    lost.write_bytes(content)
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert len(kaggle.handles) == 2
    assert len(read_dataset(root)["valid"].images) == 2


def test_files_are_copied_where_they_cannot_be_linked(
    server: Server, kaggle: Kaggle, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(root, figshare=server.url, kaggle=kaggle)
    linked = next(root.rglob("11_*.jpg"))
    assert linked.stat().st_nlink == 2
    shutil.rmtree(root / "tumorseg-coco")

    def refuse(self: Path, target: Path) -> None:
        raise OSError("another file system")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert linked.stat().st_nlink == 1
    assert len(read_dataset(root)["train"].images) == 5


def test_an_interruption_among_the_images_is_made_good(
    server: Server, kaggle: Kaggle, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[str] = []
    hardlink_to = Path.hardlink_to

    def interrupted(self: Path, target: Path) -> None:
        if len(placed) == 5:
            raise KeyboardInterrupt
        placed.append(self.name)
        hardlink_to(self, target)

    monkeypatch.setattr(Path, "hardlink_to", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(root, figshare=server.url, kaggle=kaggle)
    assert {name.partition("_")[0] for name in placed} == {"11", "12", "13", "14", "15"}
    monkeypatch.undo()
    fetch(root, figshare=server.url, kaggle=kaggle)
    assert [len(split.images) for split in read_dataset(root).values()] == [5, 2, 2]


def test_a_folder_that_cannot_be_made_is_reported(server: Server, kaggle: Kaggle, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BrainsegError, match="file cannot be made"):
        fetch(tmp_path / "file", figshare=server.url, kaggle=kaggle)
