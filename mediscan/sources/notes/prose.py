"""Sentences that describe an image, told by their wording.

Reports leave the heading of their findings out more often than any other. A sentence such as "The lungs are clear" in
the paragraph of an indication is then the first of the findings, and must not be read as history.
"""

import re

_PART = r"""(?:
    lungs?|heart|cardiac|cardio(?:mediastinal|pericardial)|mediastin(?:um|al)|pleural?|hil(?:a|ar|um)
    |bon(?:y|es)|osseous|skeletal|pulmonary|costophrenic|trachea|aorta|aortic|(?:hemi)?diaphragms?
    |soft[ ]tissues?|thorax|liver|spleen|kidneys?|pancreas|gallbladder|ventric(?:les?|ular)|sulci|brain|bowel
    |bladder|vertebral|spine|ribs?)"""
_SIGN = r"""(?:
    opacit|opacif|consolidat|effusion|pneumothora|infiltrat|atelecta|nodul|mass|edema|oedema|cardiomegaly
    |fracture|lesion|abnormalit|airspace|air[ -]space|lymphadenopathy|hemorrhage|haemorrhage
    |hydronephrosis|cardiopulmonary|osseous|pneumonia|congestion|hyperinflat)"""
_STATE = r"""(?:is|are|was|were|has|have|appears?|remains?|demonstrates?|shows?|within|normal|clear|unremarkable
    |enlarged)\b"""
_VIEW = r"(?:views?|radiographs?|films?|images?|x-?rays?|study|examination|ct|mri)"
# Every stretch between two words is bounded, so that the search stays linear in the text.
_DESCRIBES_IMAGE = re.compile(
    rf"""(?:^|(?<=[.!?;])[ ]+|(?<=\n))[ \t]*(?:\d[.)][ ]*)?(?P<sentence>
        (?:(?:the|both|bilateral|visualized|no|left|right|remaining|upper|lower|stable|normal|mild|moderate)[ ]){{0,3}}
            {_PART}\b(?![ ](?:rate|pain|failure|attack|disease|murmur|sounds?|transplant|cancer))
            [^.:\n]{{0,60}}?\b{_STATE}
            (?![^.\n]{{0,40}}(?:auscultat|\bcta))
        |there[ ](?:is|are|has[ ]been|have[ ]been)[ ][^.\n]{{0,80}}?{_SIGN}
        |[^.:\n]{{0,60}}?{_SIGN}\w*[ ](?:is|are)[ ](?:again[ ]|now[ ])?(?:seen|noted|present|identified|visuali[sz]ed)\b
        |(?:no|without)[ ][^.\n]{{0,60}}?{_SIGN}
        |(?:the|single|two|one|three|ap|pa|frontal|portable|upright|lateral)\b[^.\n]{{0,60}}?\b{_VIEW}\b[^.\n]{{0,40}}?
            \b(?:demonstrates?|shows?|reveals?)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


_NAMES_EARLIER = re.compile(
    r"""(?:there[ ](?:is|are)[ ])?no[ ](?:available[ ])?(?:prior|previous|earlier|comparison|old)[ ]
    (?:film|image|stud|exam|radiograph|scan|ct|mri)""",
    re.IGNORECASE | re.VERBOSE,
)
_SIGN_FIRST = re.compile(rf"\s{{0,4}}(?:\d{{1,2}}[.)])?[^.;?!]{{0,100}}?{_SIGN}", re.IGNORECASE | re.VERBOSE)


def names_a_sign(text: str) -> bool:
    """Whether the first sentence of a text has a word for what is seen in images."""
    return bool(_SIGN_FIRST.match(text))


def first_image_sentence(text: str) -> int | None:
    """Where the first sentence that describes an image begins in a text; None where there is none."""
    found = _DESCRIBES_IMAGE.search(text)
    return found.start("sentence") if found else None


def first_mention_of_earlier_images(text: str) -> int | None:
    """Where a text begins to say that there are no earlier images, which is a comparison and no history."""
    found = _NAMES_EARLIER.search(text)
    return found.start() if found else None
