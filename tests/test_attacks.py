"""Files made to harm, one claim a row of the attack table: bombs, sizes, nesting, lies, preambles, paths, names."""

import json
import os
import re
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pydicom
import pytest
from dicom_builders import compress, dicom_dataset, smooth, undefined_length_sequences, write_dicom
from pydicom import uid

from benchmarks.bombs import DEFLATED_FRAMES, element, encapsulated, item, part_10
from mediscan.deidentify.run import DeidentifyOptions, deidentify
from mediscan.errors import Code, SourceError
from mediscan.manifest import Manifest
from mediscan.sources import describe_image, read_image
from mediscan.sources.ingest import ingest

STORED = smooth((40, 36), bits=12)
ROOT = Path(__file__).parents[1]
MIB = 1 << 20
NOT_DECODED = 200 * MIB
"""Room for the parsers and for 64 MiB of inflated header, and less than any of these bombs takes once decoded."""

_MEASURE = """
import json, sys, time
from benchmarks.fuzz import peak_bytes
from mediscan.errors import SourceError
from mediscan.sources import read_image
before, started = peak_bytes(), time.process_time()
try:
    read_image(sys.argv[1])
    outcome = "read"
except SourceError as error:
    outcome = error.code
print(json.dumps({"outcome": outcome, "bytes": peak_bytes() - before, "seconds": time.process_time() - started}))
"""


def measured(path):
    """What reading a file in a process of its own gives, takes in memory, and takes in processor time."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(path)], capture_output=True, check=True, timeout=120, cwd=ROOT
    )
    return json.loads(done.stdout)


def require_refused_cheaply(path, *, code=Code.FILE_TOO_LARGE, most=NOT_DECODED):
    found = measured(path)
    assert found["outcome"] == code
    assert found["bytes"] < most
    assert found["seconds"] < 5


def write(path, content):
    path.write_bytes(content)
    return path


def deflated_zeros(length, *, start=b"", wbits=-zlib.MAX_WBITS):
    """`start` and at least so many zeros, deflated; without a checksum, which no reader may get to."""
    packer, block = zlib.compressobj(wbits=wbits), zlib.compressobj(wbits=-zlib.MAX_WBITS)
    mebibyte = block.compress(bytes(MIB)) + block.flush(zlib.Z_FULL_FLUSH)  # means the same wherever it stands
    return packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH) + mebibyte * (length // MIB + 1) + b"\x03\0"


# --- Bombs: a deflated data set, run lengths, deflated frames, codestreams, .nii.gz, PNG, zip


SIDE = 14_482  # 400 MiB of 16 bits, 800 MiB of float32: just what an honest image may have


def write_deflated(folder, *, side):
    """A deflated data set of 400 MiB of zeros behind a header that states a square image of that side."""
    length = 2 * side * side
    native = part_10(
        uid.ExplicitVRLittleEndian, pixels=element(0x7FE00010, "OW", b"", length=length), rows=side, columns=side
    )
    empty = part_10(uid.DeflatedExplicitVRLittleEndian)
    meta_end, empty_end = (144 + int.from_bytes(content[140:144], "little") for content in (native, empty))
    content = empty[:empty_end] + deflated_zeros(400 * MIB, start=native[meta_end:])
    assert len(content) < MIB
    return write(folder / "a.dcm", content)


def test_a_deflated_bomb_with_an_honest_header_is_refused_before_it_is_inflated(tmp_path):
    require_refused_cheaply(write_deflated(tmp_path, side=SIDE))


def test_a_deflated_bomb_with_a_modest_header_is_inflated_no_further_than_that(tmp_path):
    path = write_deflated(tmp_path, side=64)
    require_refused_cheaply(path, code=Code.PIXEL_DATA)


def test_a_run_length_bomb_is_refused_before_it_is_decoded(tmp_path):
    segment = b"\x81\x00" * (SIDE * SIDE // 128 + 1)
    frame = struct.pack("<16L", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2
    content = part_10(uid.RLELossless, pixels=encapsulated(frame), rows=SIDE, columns=SIDE)
    assert len(content) < 8 * MIB
    require_refused_cheaply(write(tmp_path / "a.dcm", content))


def test_run_lengths_beyond_the_header_are_never_decoded(tmp_path):
    segment = b"\x81\x00" * (SIDE * SIDE // 128)
    frame = struct.pack("<16L", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2
    content = part_10(uid.RLELossless, pixels=encapsulated(frame), rows=64, columns=64)
    require_refused_cheaply(write(tmp_path / "a.dcm", content), code=Code.PIXEL_DATA, most=50 * MIB)


def test_a_bomb_of_deflated_frames_is_refused_before_it_is_inflated(tmp_path):
    pixels = encapsulated(deflated_zeros(2 * SIDE * SIDE))
    require_refused_cheaply(write(tmp_path / "a.dcm", part_10(DEFLATED_FRAMES, pixels=pixels, rows=SIDE, columns=SIDE)))


def test_a_codestream_that_claims_more_than_its_header_is_never_decoded(tmp_path):
    dataset = compress(dicom_dataset(np.zeros((64, 64), dtype=np.uint8)), uid.JPEG2000Lossless)
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    content = (tmp_path / "a.dcm").read_bytes()
    size = content.index(b"\xff\x4f\xff\x51") + 8
    huge = content[:size] + struct.pack(">II", 65_000, 65_000) + content[size + 8 :]
    require_refused_cheaply(write(tmp_path / "a.dcm", huge), code=Code.PIXEL_DATA, most=50 * MIB)


def test_a_nifti_bomb_is_refused_before_it_is_inflated(tmp_path):
    header = bytearray(348)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 590, 590, 590, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    content = deflated_zeros(400 * MIB, start=bytes(header) + bytes(4), wbits=zlib.MAX_WBITS | 16)
    assert len(content) < MIB
    require_refused_cheaply(write(tmp_path / "a.nii.gz", content), most=50 * MIB)


def test_a_png_bomb_is_refused_before_it_is_inflated(tmp_path):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    start = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", start), chunk(b"IDAT", deflated_zeros(138 * MIB, wbits=15)), chunk(b"IEND", b""))
    path = write(tmp_path / "a.png", b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    require_refused_cheaply(path, most=50 * MIB)


def test_a_zip_bomb_is_refused_and_leaves_nothing_behind(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(200 * MIB))
    with pytest.raises(SourceError, match="unpacks to more than an archive of its length may") as refused:
        ingest([tmp_path / "a.zip"], out=tmp_path / "out" / "m.parquet")
    assert refused.value.code is Code.FILE_TOO_LARGE
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEG2000Lossless, uid.JPEGLSLossless])
def test_a_large_blank_image_is_no_bomb(tmp_path, syntax):
    stored = np.zeros((2500, 2000), dtype=np.uint16)
    stored[:40, :36] = STORED
    compress(dicom_dataset(stored), syntax).save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert read_image(tmp_path / "a.dcm").values.shape == (1, 2500, 2000)


def test_a_deflated_file_that_ends_in_a_run_of_zeros_is_read_whole(tmp_path):
    # The last of what a deflate stream holds comes out after all of it went in.
    stored = np.zeros((1500, 1500), dtype=np.uint16)
    stored[:40, :36] = STORED
    pixels = element(0x7FE00010, "OW", stored.tobytes())
    content = part_10(uid.DeflatedExplicitVRLittleEndian, pixels=pixels, rows=1500, columns=1500)
    assert np.array_equal(read_image(write(tmp_path / "a.dcm", content)).values[0], stored)


# --- Sizes: Rows, Columns, frames, elements


@pytest.mark.parametrize(
    "stated",
    [
        {"rows": 65_535, "columns": 65_535},
        {"rows": 512, "columns": 512, "frames": 1_000_000},
        {"rows": 1, "columns": 1, "frames": 1_000_000},
        {"rows": 20_000, "columns": 20_000, "samples": 3, "bits": 8},
    ],
)
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.JPEG2000Lossless])
def test_sizes_beyond_any_image_are_refused_by_the_header_alone(tmp_path, stated, syntax):
    native = element(0x7FE00010, "OW", bytes(4096))
    pixels = native if syntax == uid.ExplicitVRLittleEndian else encapsulated(bytes(4096))
    path = write(tmp_path / "a.dcm", part_10(syntax, pixels=pixels, **stated))
    for read in (describe_image, read_image):
        with pytest.raises(SourceError, match=r"would decode to|frames") as refused:
            read(path)
        assert refused.value.code is Code.FILE_TOO_LARGE
    if stated["rows"] != 512:
        require_refused_cheaply(path, most=20 * MIB)


def test_a_million_frames_of_one_pixel_that_are_all_there_do_not_hang(tmp_path):
    content = part_10(
        uid.ExplicitVRLittleEndian, pixels=element(0x7FE00010, "OW", bytes(2_000_000)), rows=1, columns=1, frames=10**6
    )
    require_refused_cheaply(write(tmp_path / "a.dcm", content), most=50 * MIB)


def test_a_million_empty_fragments_do_not_hang(tmp_path):
    content = part_10(uid.JPEG2000Lossless, pixels=encapsulated(*[b""] * 1_000_000), rows=1, columns=1)
    require_refused_cheaply(write(tmp_path / "a.dcm", content))


TINY = element(0x00280002, "US", b"")
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(lambda tiny: element(0x52009229, "SQ", item(tiny)), id="shared functional groups"),
        pytest.param(lambda tiny: element(0x52009230, "UN", item(tiny)), id="of unknown representation"),
        pytest.param(lambda tiny: element(0x00283010, "SQ", item(b"") * (len(tiny) // 8)), id="items"),
        pytest.param(
            lambda tiny: element(
                0x52009229,
                "SQ",
                item(element(0x00289110, "SQ", item(tiny))) + _SEQUENCE_END,
                length=0xFFFFFFFF,
            ),
            id="below a sequence of undefined length",
        ),
        pytest.param(lambda tiny: tiny, id="flat"),
    ],
)
def test_millions_of_tiny_elements_are_refused_before_they_are_converted(tmp_path, body):
    content = part_10(
        uid.ExplicitVRLittleEndian, body(TINY * (5 * MIB // 2)), pixels=element(0x7FE00010, "OW", bytes(8192))
    )
    require_refused_cheaply(write(tmp_path / "a.dcm", content))


# --- Nesting


@pytest.mark.parametrize("depth", [240, 1000, 100_000])
def test_nested_sequences_are_a_typed_error(tmp_path, depth):
    content = part_10(
        uid.ExplicitVRLittleEndian, undefined_length_sequences(depth), pixels=element(0x7FE00010, "OW", bytes(8192))
    )
    with pytest.raises(SourceError, match=r"damaged DICOM header|larger header") as refused:
        read_image(write(tmp_path / "a.dcm", content))
    assert refused.value.code in (Code.FILE_UNREADABLE, Code.FILE_TOO_LARGE)


# --- Lengths that lie


@pytest.mark.parametrize(
    ("length", "there"), [(8192, 8190), (8190, 8190), (0xFFFFFFFE, 8192), (0, 8192), (16_384, 16_384), (16_384, 8192)]
)
def test_a_length_of_pixel_data_that_lies_is_refused(tmp_path, length, there):
    pixels = element(0x7FE00010, "OW", bytes(range(250)) * 33, length=length)[: 12 + there]
    path = write(tmp_path / "a.dcm", part_10(uid.ExplicitVRLittleEndian, pixels=pixels))
    with pytest.raises(SourceError, match="pixel data") as refused:
        read_image(path)
    assert refused.value.code is Code.PIXEL_DATA


# --- Corrupt headers


def test_fifteen_hundred_corrupt_headers_are_read_or_refused_by_one_type_of_error(tmp_path):
    content = write_dicom(tmp_path / "a.dcm", STORED, WindowCenter=40, WindowWidth=400, RescaleSlope=2).read_bytes()
    draw, codes = np.random.default_rng(7), set()
    end = content.index(b"\xe0\x7f\x10\x00")
    for _ in range(1500):
        spoilt = bytearray(content)
        for at in draw.integers(128, end, size=draw.integers(1, 9)):
            spoilt[at] = draw.integers(256)
        try:
            read_image(write(tmp_path / "a.dcm", bytes(spoilt)))
            codes.add(Code.OK)
        except SourceError as error:
            codes.add(error.code)
    assert {Code.OK, Code.PIXEL_DATA, Code.FILE_UNREADABLE, Code.NOT_DICOM} <= codes
    assert Code.INTERNAL not in codes


# --- Preambles


@pytest.mark.parametrize("magic", [b"MZ\x90\0", b"\x7fELF\x02\x01"])
def test_a_program_in_the_preamble_is_flagged_and_on_no_stored_copy(tmp_path, magic):
    source = tmp_path / "in"
    source.mkdir()
    content = write_dicom(source / "a.dcm", STORED).read_bytes()
    write(source / "a.dcm", magic + b"\x90" * (128 - len(magic)) + content[128:])
    result = ingest([source], out=tmp_path / "m.parquet")
    (row,) = pq.read_table(result.ledger).to_pylist()
    assert (row["status"], row["code"]) == ("ingested", Code.EXECUTABLE_PREAMBLE)
    copies = deidentify(source, tmp_path / "out", DeidentifyOptions(secret=tmp_path / "secret"))
    (copy,) = copies.out.rglob("*.dcm")
    assert copy.read_bytes()[:132] == bytes(128) + b"DICM"


# --- Paths


EVIL = ("../../escaped", "/escaped", "..\\..\\escaped", "a/b", ".", "..", "con\n", "x" * 60)


def written_below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("element_name", ["PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_no_path_in_an_identifier_names_a_file(tmp_path, evil, element_name):
    source = tmp_path / "area" / "in"
    source.mkdir(parents=True)
    dataset = dicom_dataset(STORED)
    with pydicom.config.disable_value_validation(), warnings.catch_warnings(action="ignore"):
        setattr(dataset, element_name, evil)
        dataset.save_as(source / "a.dcm", enforce_file_format=True)
    ingest([source], out=tmp_path / "area" / "m.parquet")
    deidentify(source, tmp_path / "area" / "out", DeidentifyOptions(secret=tmp_path / "area" / "secret"))
    names = written_below(tmp_path)
    assert all(re.fullmatch(r"area/[\w./-]+", name, re.ASCII) and "escaped" not in name for name in names)


@pytest.mark.parametrize("evil", ["../../escaped.dcm", "/escaped.dcm", "..\\escaped.dcm", "C:\\escaped.dcm"])
def test_no_name_in_an_archive_leads_outside(tmp_path, evil):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(evil, write_dicom(tmp_path / "b.dcm", STORED).read_bytes())
    with pytest.raises(SourceError, match="leads outside the archive"):
        ingest([tmp_path / "a.zip"], out=tmp_path / "out" / "m.parquet")
    assert "escaped" not in " ".join(written_below(tmp_path))


def test_files_of_an_archive_are_named_by_their_content(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("Marlowe^Ada.dcm", write_dicom(tmp_path / "b.dcm", STORED).read_bytes())
    result = ingest([tmp_path / "a.zip"], out=tmp_path / "out" / "m.parquet")
    (study,) = Manifest.read(result.manifest).studies()
    assert "Marlowe" not in " ".join([*written_below(tmp_path / "out"), *(image.path for image in study.images)])


def test_a_dicomdir_that_leads_outside_reads_nothing_there(tmp_path):
    secret = write_dicom(tmp_path / "secret.dcm", STORED, PatientID="SECRET")
    medium = tmp_path / "medium"
    medium.mkdir()
    (medium / "LINK").symlink_to(secret)
    names = (b"..\\SECRET.DCM", b"../secret.dcm ", b"LINK")
    records = b"".join(item(element(0x00041500, "CS", name + b" " * (len(name) % 2))) for name in names)
    write(medium / "DICOMDIR", part_10(uid.ExplicitVRLittleEndian, element(0x00041220, "SQ", records)))
    result = ingest([medium / "DICOMDIR"], out=tmp_path / "m.parquet")
    assert (result.studies, result.refused) == (0, 3)


# --- What lies about in folders


@pytest.fixture
def odd_folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


ODD_NAMES = (
    *(b"a\nb.dcm", b"\xff\xfe\xe9.dcm", b"\xff.txt", b"-rf.dcm", b"--out=x.dcm", b"a#1.2.3.dcm"),
    *(b"%s{0}$HOME.dcm", b"a;b '\".dcm", b" .dcm", b"x" * 251 + b".dcm"),
)
PIPES = (
    "p",
    "p.dcm",
    "p.nii",
    "p.nii.gz",
    "p.hdr",
    "p.png",
    "DICOMDIR",
    "p.zip",
    "p.json",
    "p.jsonl",
    "p.hl7",
    "a.txt",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_file_of_any_name_is_ingested_or_refused(odd_folder, tmp_path, name):
    write_dicom(odd_folder / "good.dcm", STORED, StudyInstanceUID="1.5")
    content = write_dicom(tmp_path / "b.dcm", STORED, SOPInstanceUID="1.9", StudyInstanceUID="1.6").read_bytes()
    write(odd_folder / os.fsdecode(name), b"History: cough." if name.endswith(b".txt") else content)
    result = ingest([odd_folder], out=tmp_path / "m.parquet")
    rows = pq.read_table(result.ledger).to_pylist()
    assert [row["status"] for row in rows].count("ingested") == result.studies
    assert len(rows) == 2
    for study in Manifest.read(result.manifest).studies():
        for image in study.images:
            read_image(image.path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", PIPES)
def test_a_pipe_in_a_folder_is_passed_over_and_never_waited_for(odd_folder, tmp_path, name):
    write_dicom(odd_folder / "a.dcm", STORED)
    os.mkfifo(odd_folder / name)
    assert ingest([odd_folder], out=tmp_path / "m.parquet").studies == 1


def test_links_that_go_round_are_not_followed_for_ever(odd_folder, tmp_path):
    write_dicom(odd_folder / "a.dcm", STORED)
    (odd_folder / "round").symlink_to(odd_folder, target_is_directory=True)
    (odd_folder / "self.dcm").symlink_to(odd_folder / "self.dcm")
    (odd_folder / "gone.dcm").symlink_to(odd_folder / "nothing")
    assert ingest([odd_folder], out=tmp_path / "m.parquet").studies == 1


def test_empty_files_and_thousands_of_others_cost_little(odd_folder, tmp_path):
    write_dicom(odd_folder / "a.dcm", STORED)
    for name in ("empty.dcm", "empty.nii", "empty.png", "empty.json", "empty.hl7", "empty.jsonl", "DICOMDIR", "empty"):
        write(odd_folder / name, b"")
    for number in range(5000):
        write(odd_folder / f"{number}.log", b"nothing")
    result = ingest([odd_folder], out=tmp_path / "m.parquet")
    assert result.studies == 1
    refused = {row["study_id"] for row in pq.read_table(result.ledger).to_pylist() if row["status"] == "refused"}
    assert {"empty.dcm", "empty"} & refused


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_what_may_not_be_read_is_refused(odd_folder, tmp_path):
    write_dicom(odd_folder / "a.dcm", STORED)
    write_dicom(odd_folder / "closed.dcm", STORED).chmod(0)
    result = ingest([odd_folder], out=tmp_path / "m.parquet")
    assert (result.studies, result.refused) == (1, 1)
