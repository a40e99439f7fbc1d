import io
import stat
import zipfile

import numpy as np
import pytest
from dicom_builders import write_dicom

from mediscan.errors import Code, SourceError, UnsupportedImageError
from mediscan.sources import archive, read_image
from mediscan.sources.archive import unpack


@pytest.fixture
def content(tmp_path):
    plane = np.random.default_rng(0).integers(0, 255, size=(8, 8)).astype(np.uint8)
    return write_dicom(tmp_path / "one.dcm", plane).read_bytes()


def pack(path, members, *, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def refused_by(path, into, *, match, kind=SourceError):
    with pytest.raises(kind, match=match) as refused:
        unpack(path, into)
    assert [entry.name for entry in into.iterdir()] == []
    return refused.value


def test_files_come_out_under_hashes_with_known_endings_and_can_be_read(tmp_path, content):
    members = {"DOE^JANE/img.DCM": content, "DOE^JANE/report.exe": b"MZ", "empty/": b"", "notes/doe.txt": b"cough"}
    folder = unpack(pack(tmp_path / "a.zip", members), tmp_path / "into")
    assert folder.parent == tmp_path / "into"
    assert sorted(path.suffix for path in folder.iterdir()) == ["", ".dcm", ".txt"]
    assert not any("doe" in str(path).lower() for path in folder.rglob("*"))
    (image,) = folder.glob("*.dcm")
    assert image.read_bytes() == content
    assert read_image(image).values.shape == (1, 8, 8)


def test_unpacking_again_gives_the_same_folder(tmp_path, content):
    path = pack(tmp_path / "a.zip", {"a.dcm": content, "b/DICOMDIR": b"x"})
    folder = unpack(path, tmp_path / "into")
    assert unpack(path, tmp_path / "into") == folder
    assert [entry.name for entry in (tmp_path / "into").iterdir()] == [folder.name]
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("name", ["../out.dcm", "a/../../out.dcm", "/etc/out.dcm", "..\\out.dcm", "C:\\out.dcm"])
def test_name_that_leads_outside_is_refused(tmp_path, content, name):
    path = pack(tmp_path / "a.zip", {"ok.dcm": content, name: content})
    error = refused_by(path, tmp_path / "into", match="file 2 of 2 has a name that leads outside")
    assert "out.dcm" not in str(error)
    assert not (tmp_path / "out.dcm").exists()


def test_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("link.dcm")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = pack(tmp_path / "a.zip", {link: "/etc/passwd"})
    refused_by(path, tmp_path / "into", match="is a link or a device")


def test_bomb_is_refused_while_it_inflates(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 20)
    path = pack(tmp_path / "a.zip", {"a.dcm": bytes(64 << 20)})
    written = []
    original = archive.hashlib.sha256

    class Counting:
        def __init__(self):
            self.inner = original()

        def update(self, chunk):
            written.append(len(chunk))
            self.inner.update(chunk)

    monkeypatch.setattr(archive.hashlib, "sha256", Counting)
    assert refused_by(path, tmp_path / "into", match="unpacks to more").code is Code.FILE_TOO_LARGE
    assert sum(written) < 8 << 20


def test_bytes_of_all_members_together_are_capped(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 3000)
    noise = np.random.default_rng(0).bytes(1000)
    members = {f"{number}.dcm": noise + bytes([number]) for number in range(3)}
    refused_by(pack(tmp_path / "a.zip", members), tmp_path / "into", match="unpacks to more")
    members.pop("2.dcm")
    unpack(pack(tmp_path / "b.zip", members), tmp_path / "into")


def test_number_of_members_is_capped(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    path = pack(tmp_path / "a.zip", {f"{number}.txt": b"x" for number in range(4)})
    assert refused_by(path, tmp_path / "into", match="holds 4 files").code is Code.FILE_TOO_LARGE


def test_archive_in_an_archive_is_refused_whatever_its_name(tmp_path, content):
    inner = io.BytesIO()
    pack(inner, {"a.dcm": content})
    path = pack(tmp_path / "a.zip", {"a.dcm": inner.getvalue()})
    refused_by(path, tmp_path / "into", match="file 1 is an archive itself", kind=UnsupportedImageError)


def test_encrypted_archive_is_refused(tmp_path, content):
    path = pack(tmp_path / "a.zip", {"a.dcm": content}, method=zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(signature) + at] |= 1
    path.write_bytes(raw)
    refused_by(path, tmp_path / "into", match="file 1 of 1 is encrypted", kind=UnsupportedImageError)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_bound_are_refused(tmp_path, content, method):
    path = pack(tmp_path / "a.zip", {"a.dcm": content}, method=method)
    refused_by(path, tmp_path / "into", match="not stored or deflated", kind=UnsupportedImageError)


def test_mutated_archives_are_unpacked_or_refused_with_a_source_error(tmp_path, content):
    whole = pack(tmp_path / "a.zip", {"a.dcm": content, "b.txt": b"text" * 100}).read_bytes()
    draw = np.random.default_rng(2)
    outcomes = set()
    for _ in range(200):
        mutant = bytearray(whole)
        for _ in range(int(draw.integers(1, 4))):
            mutant[int(draw.integers(len(mutant)))] = int(draw.integers(256))
        path = tmp_path / "mutant.zip"
        path.write_bytes(mutant[: int(draw.integers(len(mutant) // 2, len(mutant) + 1))])
        try:
            unpack(path, tmp_path / "into")
            outcomes.add("unpacked")
        except SourceError as error:
            outcomes.add(error.code)
    assert {Code.FILE_UNREADABLE} <= outcomes
    assert not [path for path in (tmp_path / "into").iterdir() if path.name.startswith(".")]
