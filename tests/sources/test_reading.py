import hashlib
import os
import threading
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_builders import write_dicom
from PIL import Image

from mediscan.errors import Code, NotDicomError, SourceError, UnsupportedImageError
from mediscan.sources import ImageKind, describe_image, file_sha256, image_kind, read_image, reading


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, size=(8, 8)).astype(np.uint8)


@pytest.fixture
def files(tmp_path, image):
    """One file of each kind, with a name that says nothing."""
    paths = {kind: tmp_path / kind.name.lower() for kind in ImageKind}
    write_dicom(paths[ImageKind.DICOM], image)
    nib.save(nib.Nifti1Image(image, np.eye(4)), tmp_path / "volume.nii.gz")
    (tmp_path / "volume.nii.gz").rename(paths[ImageKind.NIFTI])
    Image.fromarray(image).save(paths[ImageKind.RASTER], format="PNG")
    paths[ImageKind.SERIES].mkdir()
    write_dicom(paths[ImageKind.SERIES] / "slice", image)
    return paths


def test_content_decides_what_a_file_is(files, image):
    for kind, path in files.items():
        assert image_kind(path) is kind
        expected = image[::-1, ::-1].T if kind is ImageKind.NIFTI else image
        np.testing.assert_array_equal(read_image(path).values[0], expected)


def test_wrong_extension_does_not_mislead(files, image):
    path = files[ImageKind.RASTER].rename(files[ImageKind.RASTER].with_suffix(".dcm"))
    np.testing.assert_array_equal(read_image(str(path)).values[0], image)


def test_description_and_pixels_carry_the_files_hash(files):
    for kind, path in files.items():
        meta = describe_image(path).meta
        assert meta == read_image(path).meta
        assert meta.sha256 == file_sha256(path)
        if kind is not ImageKind.SERIES:
            assert meta.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    member = hashlib.sha256((files[ImageKind.SERIES] / "slice").read_bytes()).hexdigest()
    assert file_sha256(files[ImageKind.SERIES]) == hashlib.sha256(member.encode()).hexdigest()


def test_expected_hash_is_checked(files):
    for path in files.values():
        read_image(path, expected_sha256=file_sha256(path).upper())
        with pytest.raises(SourceError, match="is not the file it was") as refused:
            read_image(path, expected_sha256="0" * 64)
        assert refused.value.code is Code.HASH_MISMATCH


def test_missing_file_is_refused(tmp_path):
    for read in (read_image, describe_image, file_sha256):
        with pytest.raises(SourceError, match="does not exist") as refused:
            read(tmp_path / "none.png")
        assert refused.value.code is Code.FILE_NOT_FOUND


def test_named_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.dcm")
    with pytest.raises(SourceError, match="does not exist"):
        read_image(tmp_path / "pipe.dcm")


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("a.dcm", NotDicomError, "is not DICOM"),
        ("a.DICOM", NotDicomError, "is not DICOM"),
        ("a.nii.gz", SourceError, "is not NIfTI as its name says"),
        ("a.JPG", SourceError, "is not PNG, JPEG or TIFF as its name says"),
        ("a.txt", UnsupportedImageError, "is no image that can be read"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"plain text " * 100])
def test_content_that_is_no_image_is_refused_by_what_it_is_named(tmp_path, name, kind, message, content):
    (tmp_path / name).write_bytes(content)
    for read in (read_image, describe_image):
        with pytest.raises(kind, match=message):
            read(tmp_path / name)


def test_file_larger_than_the_cap_is_refused_unread(files, monkeypatch):
    monkeypatch.setattr("mediscan.sources.boundary.MAX_DECODED_BYTES", 50)
    for path in files.values():
        with pytest.raises(SourceError, match=r"MiB") as refused:
            read_image(path)
        assert refused.value.code is Code.FILE_TOO_LARGE


def test_reading_in_threads_leaves_the_callers_warnings_alone(files):
    before = warnings.filters[:]
    threads = [threading.Thread(target=lambda: [read_image(path) for path in files.values()]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters[:] == before


def test_the_very_bytes_that_were_hashed_are_decoded(files, image, monkeypatch):
    path = files[ImageKind.DICOM]
    sha256 = file_sha256(path)
    opened = []
    open_path = Path.open

    def counting(self, *args, **kwargs):
        opened.append(self)
        return open_path(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", counting)
    read = read_image(path, expected_sha256=sha256)
    assert opened == [path]
    monkeypatch.setattr(reading, "_HELD_BYTES", 0)  # a large file is not held, and gives the same
    again = read_image(path, expected_sha256=sha256)
    np.testing.assert_array_equal(again.values, read.values)
    assert (again.meta, file_sha256(path)) == (read.meta, sha256)
    assert len(opened) > 2
