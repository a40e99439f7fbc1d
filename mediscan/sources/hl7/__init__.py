"""HL7 v2: result and document messages to studies.

- `read`: files to studies
- `wire`: bytes to messages, segments and fields
- `escapes`: escape sequences and character sets
- `patient`: PID
- `report`: one message to the reports that it carries
- `versions`: the messages of one study: which of them hold
"""

from mediscan.sources.hl7.read import read_hl7

__all__ = ["read_hl7"]
