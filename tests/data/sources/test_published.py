import errno
import hashlib
import io
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from keiryo.data.locate import locate
from keiryo.data.sources.published import (
    PUBLISHED_SETS,
    PublishedFile,
    cache_folder,
    fetch_published_set,
)
from keiryo.data.sources.unpacking import (
    CIFAR10_RECORD_BYTES,
    FLOWERS102_CLASSES,
    unpack_cifar10,
    unpack_flowers102,
    unpack_imagenette,
    unpack_tf_flowers,
)
from keiryo.errors import InputError

CIFAR10_META = b"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n"
JPEG = cv2.imencode(".jpg", np.full((16, 16, 3), 128, np.uint8))[1].tobytes()


def write_archive(path: Path, content: dict[str, bytes]) -> Path:
    """Write a .tgz of `content`, the folders in it included, as the publishers' have them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for folder in sorted({str(Path(name).parent) for name in content}):
            member = tarfile.TarInfo(folder)
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def places(folder: Path) -> Counter[tuple[str | None, str]]:
    """Return how many images keiryo itself finds in each split of each class."""
    source = locate(str(folder))
    return Counter((item.split, source.classes[item.label]) for item in source.items)


def tf_flowers_archive(folder: Path) -> Path:
    return write_archive(
        folder / "flower_photos.tgz",
        {
            "flower_photos/LICENSE.txt": b"CC BY 2.0",
            "flower_photos/.DS_Store": b"",
            "flower_photos/roses/1.jpg": JPEG,
            "flower_photos/roses/2.jpg": JPEG,
            "flower_photos/tulips/1.jpg": JPEG,
        },
    )


def flowers102_files(folder: Path) -> tuple[Path, Path, Path]:
    """Six images, two a split, of the first and the last class."""
    archive = write_archive(
        folder / "102flowers.tgz",
        {f"jpg/image_{number:05d}.jpg": JPEG for number in range(1, 7)},
    )
    labels, splits = folder / "imagelabels.mat", folder / "setid.mat"
    savemat(labels, {"labels": np.array([[1, 102, 1, 102, 1, 102]], np.uint8)})
    savemat(
        splits,
        {
            "trnid": np.array([[5, 6]], np.uint16),
            "valid": np.array([[1, 2]], np.uint16),
            "tstid": np.array([[3, 4]], np.uint16),
        },
    )
    return archive, labels, splits


def cifar10_record(label: int, rgb: Sequence[int]) -> bytes:
    """One image: its first row of one colour, the rest black, in planes."""
    planes = np.zeros((3, 32, 32), np.uint8)
    planes[:, 0] = np.array(rgb, np.uint8)[:, None]
    return bytes([label]) + planes.tobytes()


def cifar10_archive(folder: Path, **changed: bytes) -> Path:
    content = {"data_batch_1.bin": cifar10_record(0, (255, 0, 0)) + cifar10_record(9, (0, 0, 255))}
    # Between the batches, as in the published archive.
    content["batches.meta.txt"] = CIFAR10_META
    for number in range(2, 6):
        content[f"data_batch_{number}.bin"] = cifar10_record(number, (number, 0, 0))
    content["readme.html"] = b"<html>"
    content["test_batch.bin"] = cifar10_record(3, (1, 2, 3))
    for name, data in changed.items():
        content[f"{name}.bin"] = data
    return write_archive(
        folder / "cifar-10-binary.tar.gz",
        {f"cifar-10-batches-bin/{name}": data for name, data in content.items()},
    )


def imagenette_archive(folder: Path) -> Path:
    return write_archive(
        folder / "imagenette2-320.tgz",
        {
            "imagenette2-320/noisy_imagenette.csv": b"path,label",
            "imagenette2-320/train/n01440764/a.JPEG": JPEG,
            "imagenette2-320/train/n02102040/b.JPEG": JPEG,
            "imagenette2-320/train/n02102040/._b.JPEG": b"",
            "imagenette2-320/val/n01440764/c.JPEG": JPEG,
        },
    )


def test_tf_flowers_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    unpack_tf_flowers([tf_flowers_archive(tmp_path)], folder)
    assert files_in(folder) == ["LICENSE.txt", "roses/1.jpg", "roses/2.jpg", "tulips/1.jpg"]
    assert places(folder) == {(None, "roses"): 2, (None, "tulips"): 1}


def test_flowers102_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    unpack_flowers102(flowers102_files(tmp_path), folder)
    assert files_in(folder) == [
        "test/blackberry lily/image_00004.jpg",
        "test/pink primrose/image_00003.jpg",
        "train/blackberry lily/image_00006.jpg",
        "train/pink primrose/image_00005.jpg",
        "val/blackberry lily/image_00002.jpg",
        "val/pink primrose/image_00001.jpg",
    ]
    assert len(places(folder)) == 6


def test_cifar10_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    unpack_cifar10([cifar10_archive(tmp_path)], folder)
    assert files_in(folder) == [
        "test/cat/00000.png",
        "train/airplane/00000.png",
        "train/bird/00002.png",
        "train/cat/00003.png",
        "train/deer/00004.png",
        "train/dog/00005.png",
        "train/truck/00001.png",
    ]
    pixels = cv2.imread(str(folder / "train/truck/00001.png"))
    assert pixels is not None
    assert pixels.shape == (32, 32, 3)
    blue = (255, 0, 0)  # OpenCV has it first
    assert (pixels[0] == blue).all()
    assert not pixels[1:].any()


def test_imagenette_unpacked(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    unpack_imagenette([imagenette_archive(tmp_path)], folder)
    assert files_in(folder) == [
        "train/English springer/b.JPEG",
        "train/tench/a.JPEG",
        "val/tench/c.JPEG",
    ]
    assert places(folder)["train", "English springer"] == 1


def test_the_classes_of_flowers102() -> None:
    assert len(FLOWERS102_CLASSES) == len(set(FLOWERS102_CLASSES)) == 102
    by_label = {label: FLOWERS102_CLASSES[label - 1] for label in (1, 12, 51, 77, 102)}
    assert by_label == {
        1: "pink primrose",
        12: "colt's foot",
        51: "petunia",
        77: "passion flower",
        102: "blackberry lily",
    }


@pytest.mark.parametrize("name", PUBLISHED_SETS)
def test_a_damaged_archive_is_named(name: str, tmp_path: Path) -> None:
    files = [
        tf_flowers_archive(tmp_path / "tf_flowers"),
        *flowers102_files(tmp_path / "flowers102"),
        cifar10_archive(tmp_path / "cifar10"),
        imagenette_archive(tmp_path / "imagenette"),
    ]
    own = [file for file in files if file.parent.name == name]
    for file in own:
        whole = file.read_bytes()
        for damaged in (b"", b"<html>", whole[: len(whole) // 2], whole[:20] + b"x" * 100):
            file.write_bytes(damaged)
            with pytest.raises(InputError, match=f"^{file}: damaged: ") as raised:
                PUBLISHED_SETS[name].unpack(own, tmp_path / "set")
            assert "\n" not in str(raised.value)
        file.write_bytes(whole)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"data_batch_2": b"\0" * (CIFAR10_RECORD_BYTES - 1)}, "data_batch_2.bin is cut off"),
        ({"test_batch": cifar10_record(10, (0, 0, 0))}, "test_batch.bin"),
    ],
)
def test_cifar10_with_a_wrong_batch(changed: dict[str, bytes], reason: str, tmp_path: Path) -> None:
    archive = cifar10_archive(tmp_path, **changed)
    with pytest.raises(InputError, match=reason):
        unpack_cifar10([archive], tmp_path / "set")


def test_flowers102_with_a_image_missing(tmp_path: Path) -> None:
    _, labels, splits = flowers102_files(tmp_path)
    archive = write_archive(tmp_path / "102flowers.tgz", {"jpg/image_00001.jpg": JPEG})
    with pytest.raises(InputError, match="5 images are missing"):
        unpack_flowers102([archive, labels, splits], tmp_path / "set")


def test_flowers102_with_a_image_without_label(tmp_path: Path) -> None:
    archive, labels, splits = flowers102_files(tmp_path)
    savemat(labels, {"labels": np.array([[1, 102, 1]], np.uint8)})
    with pytest.raises(InputError, match=r"setid.mat: damaged: image \d has no label"):
        unpack_flowers102([archive, labels, splits], tmp_path / "set")


def test_imagenette_with_another_class(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "x.tgz", {"x/train/n00000000/a.JPEG": JPEG})
    with pytest.raises(InputError, match="n00000000 is none of its classes"):
        unpack_imagenette([archive], tmp_path / "set")


def test_an_archive_writes_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    archive = write_archive(tmp_path / "x.tgz", {"flower_photos/../escaped.jpg": JPEG})
    with pytest.raises(InputError, match="damaged"):
        unpack_tf_flowers([archive], folder)
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo("flower_photos/roses/1.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
    with pytest.raises(InputError, match="no images"):
        unpack_tf_flowers([archive], folder)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tgz"]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder served over HTTP that KEIRYO_MIRROR names."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setenv("no_proxy", "*")
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setenv("KEIRYO_MIRROR", f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder
        server.shutdown()
        thread.join()


def publish(name: str, files: Sequence[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the set `name` consist of `files`, which are too small to be the real ones."""
    published = [
        replace(
            real,
            checksum=f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}",
            byte_count=file.stat().st_size,
        )
        for real, file in zip(PUBLISHED_SETS[name].files, files, strict=True)
    ]
    monkeypatch.setitem(PUBLISHED_SETS, name, replace(PUBLISHED_SETS[name], files=published))


def test_a_set_from_a_mirror(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = flowers102_files(mirror)
    publish("flowers102", files, monkeypatch)
    reports: list[tuple[int, int | None]] = []
    folder = fetch_published_set(
        "flowers102",
        cache=tmp_path / "cache",
        progress=lambda *report: reports.append(report),
    )
    assert folder == tmp_path / "cache" / "sets" / "flowers102"
    assert len(files_in(folder)) == 6
    assert files_in(tmp_path / "cache" / "downloads") == sorted(file.name for file in files)
    size = sum(file.stat().st_size for file in files)
    assert PUBLISHED_SETS["flowers102"].byte_count == size
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert reports[0] == (0, size)
    assert reports[-1] == (size, size)


def test_a_set_that_is_there_needs_no_network(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("tf_flowers", [tf_flowers_archive(mirror)], monkeypatch)
    folder = fetch_published_set("tf_flowers", cache=tmp_path / "cache")
    (mirror / "flower_photos.tgz").unlink()
    (tmp_path / "cache" / "downloads" / "flower_photos.tgz").unlink()
    assert fetch_published_set("tf_flowers", cache=tmp_path / "cache") == folder
    assert len(files_in(folder)) == 4


def test_a_file_put_into_the_cache_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("tf_flowers", [tf_flowers_archive(tmp_path / "cache" / "downloads")], monkeypatch)
    assert len(files_in(fetch_published_set("tf_flowers", cache=tmp_path / "cache"))) == 4


def test_a_mirror_with_another_file_is_refused(mirror: Path, tmp_path: Path) -> None:
    tf_flowers_archive(mirror)
    with pytest.raises(InputError, match=r"/flower_photos\.tgz: not the published"):
        fetch_published_set("tf_flowers", cache=tmp_path / "cache")
    assert files_in(tmp_path / "cache") == []


def test_a_mirror_without_the_file(mirror: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/imagenette2-320\.tgz: answered 404"):
        fetch_published_set("imagenette", cache=tmp_path / "cache")


def test_a_set_that_cannot_be_unpacked_leaves_nothing(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = write_archive(mirror / "flower_photos.tgz", {"flower_photos/LICENSE.txt": b""})
    publish("tf_flowers", [archive], monkeypatch)
    with pytest.raises(InputError, match="no images in it"):
        fetch_published_set("tf_flowers", cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "sets").iterdir()) == []


def test_a_full_disk_while_unpacking_names_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(files: Sequence[Path], folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    publish("tf_flowers", [tf_flowers_archive(tmp_path / "cache" / "downloads")], monkeypatch)
    monkeypatch.setitem(
        PUBLISHED_SETS, "tf_flowers", replace(PUBLISHED_SETS["tf_flowers"], unpack=fill)
    )
    with pytest.raises(OSError, match="No space left") as raised:
        fetch_published_set("tf_flowers", cache=tmp_path / "cache")
    assert raised.value.filename == str(tmp_path / "cache" / "sets" / "tf_flowers")
    assert list((tmp_path / "cache" / "sets").iterdir()) == []


def test_an_unknown_name() -> None:
    with pytest.raises(InputError, match="cifar11: no set of that name; there are tf_flowers, "):
        fetch_published_set("cifar11")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KEIRYO_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "keiryo"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "keiryo"
    monkeypatch.setenv("KEIRYO_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


@pytest.mark.parametrize(
    "file", [file for named_set in PUBLISHED_SETS.values() for file in named_set.files]
)
def test_the_table_of_files(file: PublishedFile) -> None:
    assert file.url.startswith("https://")
    algorithm, _, expected = file.checksum.partition(":")
    assert len(bytes.fromhex(expected)) == hashlib.new(algorithm).digest_size
    assert file.byte_count > 0
    assert "/" not in file.name
