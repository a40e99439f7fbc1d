"""Lines in which the reader of images signs without a heading.

"Electronically signed by …", "Dr A. Reader, FRCR", "I have personally reviewed the images …".
"""

import re

_LONGEST_NAME = 80  # characters of a line that is a name
_NAME = r"[A-Z][\w.'-]{0,30}"
_SIGNED = re.compile(
    r"""(?:(?:this[ ])?(?:final[ ])?(?:report|document|dictation|study)[ ](?:(?:was|is|has[ ]been)[ ])?)?
    (?:(?:electronically|digitally)[ ])?
    (?:signed|dictated|transcribed|verified|approved|reported|authori[sz]ed|finali[sz]ed|interpreted|authenticated)
    (?:(?:,|[ ]and|[ ]&)[ ](?:electronically[ ])?(?:signed|verified|approved|reported))?
    (?:[ ](?:electronically[ ])?by\b|[ ]electronically\b|[ ](?:on|at)[ ](?=\d)|[ ]off[ ]by\b)[ \t]{0,8}[:\uff1a]?""",
    re.IGNORECASE | re.VERBOSE,
)
_READER = re.compile(
    rf"""(?:(?:Dr|Prof)\.?[ ])?{_NAME}(?:[ ]{_NAME}){{0,4}}
    (?:,[ ]?(?:MD|M\.D\.|DO|MBBS|MBChB|FRCR|FRCPC|FRANZCR|FRCP|MRCP|DMRD|DNB|PhD|Registrar
        |(?:[A-Z][a-z]{{1,20}}[ ]){{0,2}}[Rr]adiologist))+
    (?:,[\w :]{{0,30}})?[.]?
    |(?:Dr|Prof)\.?(?:[ ]{_NAME}){{1,4}}
    |(?:[A-Z][a-z]{{1,20}}[ ])?(?:Consultant|Reporting|Attending|Staff)[ ][Rr]adiologist""",
    re.VERBOSE,
)


_ATTESTED = re.compile(
    r"""(?:I(?:,[ ][^,\n]{1,60},)?|(?:The|This)[ ](?:attending|consultant|staff|undersigned)(?:[ ]\w{1,20})?)[ ]
    (?:(?:have|has|was|am|personally|independently|directly|also)[ ,]{1,2}){0,4}
    (?:review|view|interpret|supervis|attest|certif|agree|concur|verif|present)\w{0,5}[ ][^\n]{0,160}?
    \b(?:images?|films?|stud(?:y|ies)|reports?|dictation|examination|interpretation|findings|resident|trainee)\b
    |(?:Images?|Films?|Study|Report|Case)[ ](?:(?:and|&)[ ]\w{1,20}[ ])?(?:(?:was|were|has|have|been)[ ]){0,2}
    (?:reviewed|interpreted|discussed)[ ](?:by|with)[ ](?:the[ ]|an?[ ])?
    (?:attending|consultant|staff|resident|radiologist|undersigned|Dr\b)
    |(?:Attending|Teaching[ ]physician|Radiologist)[ ](?:\w{1,20}[ ])?(?:attestation|statement)\b
    |(?:Thank[ ]you|Many[ ]thanks)[ ]for[ ](?:\w{1,10}[ ]){0,2}(?:referral|referring|request|asking)
    |(?:Yours[ ](?:sincerely|faithfully|truly)|Sincerely(?:[ ]yours)?|(?:(?:With[ ])?(?:kind|best|warm)[ ])?regards)
    [ ]?[,.]?$""",
    re.VERBOSE | re.IGNORECASE,
)
"""How readers attest that they saw the images themselves, or take their leave of who asked."""


def signed_until(line: str) -> int | None:
    """Where the words that announce a signature end in a line: 0 where all of it is one; None where it is none."""
    if not line[:1].isupper():
        return None
    found = _SIGNED.match(line)
    if found:
        return found.end()
    is_name = len(line) <= _LONGEST_NAME and _READER.fullmatch(line)
    return 0 if is_name or _ATTESTED.match(line) else None


_IN_SIGNATURE = re.compile(
    r"(?:(?:[A-Z0-9(&+@/-][\w.,'()&+@/:-]{0,40}|of|in|the|and|for|at|to|on|by|de|von|van)(?:[ ]{1,3}|$)){1,9}"
)


def continues_signature(line: str) -> bool:
    """Whether a line below a signature is part of it: a name, a role, a department, a number or a date."""
    return len(line) <= _LONGEST_NAME and not line.endswith((".", ":")) and bool(_IN_SIGNATURE.fullmatch(line))
