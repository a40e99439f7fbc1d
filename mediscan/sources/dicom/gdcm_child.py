"""Decodes one DICOM file with GDCM, as a program of its own; `decode` starts it.

GDCM ends the whole process on some corrupt JPEG data. Here that costs one record, and not a batch. Nothing but pydicom
is imported, because the program starts anew for every file. The result on stdout is one line of JSON (`dtype`,
`shape`, `photometric_interpretation`), then the samples.
"""

import json
import os
import sys
from pathlib import Path

import pydicom
from pydicom.pixels import get_decoder


def main(path: Path) -> None:
    """Decode a file to stdout; a failure is a traceback on stderr, which nobody reads, and an exit code."""
    result = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever GDCM prints must not end up among the samples
    dataset = pydicom.dcmread(path)
    samples, properties = get_decoder(dataset.file_meta.TransferSyntaxUID).as_array(dataset, decoding_plugin="gdcm")
    description = {
        "dtype": samples.dtype.str,
        "shape": samples.shape,
        "photometric_interpretation": str(properties["photometric_interpretation"]),
    }
    with result:
        result.write(json.dumps(description).encode("ascii") + b"\n")
        result.write(samples.tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
