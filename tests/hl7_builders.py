"""HL7 v2 messages for tests."""

from pathlib import Path

STUDY_UID = "1.2.826.0.1.3680043.8.498.2"
OBSERVED, ISSUED = "20240301100000+0000", "20240301120000+0000"


def header(*, kind: str = "ORU^R01^ORU_R01", control: str = "M1", charset: str = "", signs: str = "|^~\\&") -> str:
    written = f"MSH|^~\\&|RIS|HOSP|MEDISCAN|HOSP|{ISSUED}||{kind}|{control}|P|2.5.1||||||{charset}"
    return written.replace("|^~\\&", signs, 1) if signs == "|^~\\&" else _with_signs(written, signs)


def _with_signs(written: str, signs: str) -> str:
    return written.translate(str.maketrans("|^~\\&", signs))


def patient(*, ids: str = "MRN-1^^^HOSP^MR", born: str = "19540301", sex: str = "F") -> str:
    return f"PID|1||{ids}||ADLERFLYCHT^QUIRINA||{born}|{sex}"


def order(
    *,
    accession: str = "ACC-1",
    status: str = "F",
    observed: str = OBSERVED,
    issued: str = ISSUED,
    history: str = "",
    reason: str = "",
    code: str = "71020^CHEST 2 VIEWS^C4",
    placer: str = "PL-1",
    filler: str = "FI-1",
) -> str:
    fields = [""] * 32
    told = {0: "OBR", 1: "1", 2: placer, 3: filler, 4: code, 7: observed, 13: history, 18: accession}
    for position, value in {**told, 22: issued, 25: status, 31: reason}.items():
        fields[position] = value
    return "|".join(fields)


def result(
    value: str, *, identifier: str = "71020", kind: str = "TX", units: str = "", status: str = "F", at: str = ""
) -> str:
    return f"OBX|1|{kind}|{identifier}||{value}|{units}|||||{status}|||{at}"


def message(*segments: str, end: str = "\r", head: str | None = None) -> str:
    """A message with a header and a patient, unless these are given."""
    given = list(segments)
    if not any(one.startswith("PID") for one in given):
        given.insert(0, patient())
    return end.join([head or header(), *given]) + end


def write(folder: Path, *messages: str | bytes, name: str = "results.hl7") -> Path:
    """A file with messages one after the other."""
    path = folder / name
    path.write_bytes(b"".join(one.encode() if isinstance(one, str) else one for one in messages))
    return path
