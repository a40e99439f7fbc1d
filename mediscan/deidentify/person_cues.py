"""What stands before and after names of persons in clinical notes."""

import re

from mediscan.deidentify.searching import one_of

_POSSESSOR = one_of(
    r"patient pt client attending referring ordering requesting performing primary(?:\scare)? consulting interpreting",
    r"reading responsible supervising admitting operating family emergency treating",
)
_ROLE = one_of(
    r"patient(?:'s)?(?:\sname)? full\sname last\sname first\sname maiden\sname name pt physicians? doctor provider",
    r"practitioner surgeons? assistants? an(?:a)?esthesiologist an(?:a)?esthetist attending resident fellow intern",
    r"radiologist pathologist cardiologist technologist tech nurse therapist social\sworker case\smanager pharmacist",
    r"sonographer radiographer consultant registrar pcp gp author dictator transcriptionist caller contact",
    r"next\sof\skin nok guardian proxy re cc attn attention from to by signed signature cosigner scribe witness",
    r"interpreter informant caregiver mother father husband wife son daughter spouse partner sister brother dr md rn",
    "np",
)
LABEL = re.compile(
    rf"(?<![\w-])(?:{_POSSESSOR}['\u2019]?s?\s(?:\w+\s)?)?{_ROLE}"
    r"(?:\s?\([^()\n]{1,20}\))?\s{0,2}[:=][\s*_]{0,12}",
    re.IGNORECASE,
)
"""A field that a name fills: "Patient:", "Referring physician:"."""

_HONORIFIC = one_of(
    r"drs? doctor prof(?:essor)? mrs? ms miss mx messrs rev sister fr sir dame capt sgt lt col rabbi imam pastor"
)
TITLE = re.compile(
    rf"(?<![\w'\u2019.-]){_HONORIFIC}\b\.?[ \n]{{1,2}}(?:(?:dr|prof|and|&)\.?\s)?(?=[^\W\d_])", re.IGNORECASE
)
"""A title before a name: "Dr.", "Mrs"."""

_SIGNED = r"(?:signed|authenticated|verified|approved|finali[sz]ed)"
_DONE_BY = (
    rf"e(?:lectronically)?[\s-]?{_SIGNED} signed authenticated verified approved finali[sz]ed dictated",
    r"reported read transcribed reviewed seen examined performed interpreted requested ordered referred accompanied",
    r"prepared submitted attested witnessed co-?signed entered written brought(?:\sin)? assisted followed supervised",
    r"evaluated assessed treated managed cared\sfor inserted placed administered completed documented confirmed",
    r"obtained given noted scribed staffed supplied typed operated",
)
_DONE_WITH = (
    r"discussed reviewed spoke spoken d/w conferred consulted liv(?:es|ed|ing) shared communicated confirmed seen",
    r"staffed met visited works? working together along conversation call resid(?:es|ing) stay(?:s|ing) here clinic",
    r"appointment f/u follow-?up",
)
_WITH_SHORT = one_of(r"d/w seen\sw/")
_DONE_TO = (
    r"refer(?:red|ral)? called communicated conveyed reported relayed given route(?:d)? escalated addressed presented",
    r"introduced faxed forwarded telephoned transferred handed(?:\soff)? report spoke talked thanks married sent",
    r"available",
)
_CUE_WORDS = one_of(
    r"notified informed paged contacted updated telephoned dear signed per thank named known\sas goes\sby aka",
    r"a\.k\.a\. attn cc re called asked told alerted patient pt client resident veteran baby\s(?:boy|girl) seen\sby by",
    r"sincerely regards md nurse colleague surgeon radiologist physician provider attending pcp gp technologist",
    r"therapist cardiologist neurologist oncologist pathologist pharmacist fellow intern",
)
CUE = re.compile(
    rf"(?<![\w-])(?:{one_of(*_DONE_BY)}\s(?:electronically\s)?by"
    rf"|{one_of(*_DONE_WITH)}\s(?:\w+\s){{0,3}}?(?:with|w/)|{_WITH_SHORT}"
    rf"|{one_of(*_DONE_TO)}\s(?:\w+\s){{0,2}}?to|{_CUE_WORDS})[,:]?[\s(]{{1,3}}",
    re.IGNORECASE,
)
"""Words that a name may follow: "dictated by", "discussed with", "paged"."""

_RELATION = one_of(
    r"wife husband son daughter mother father sister brother niece nephew aunt uncle cousin friend neighbou?r partner",
    r"fianc[eé]e? guardian care(?:giver|taker|r) grand(?:son|daughter|mother|father|child) spouse boyfriend girlfriend",
    r"roommate step(?:son|daughter|mother|father) mom mum dad proxy daughter-in-law son-in-law twin sibling widow",
    r"widower landlord pastor health\scare\sproxy",
)
RELATIVE = re.compile(rf"(?<![\w-]){_RELATION}[,:]?(?:\sis|\snamed|\scalled)?[\s(:,]{{1,3}}", re.IGNORECASE)
"""A relative or friend who may be named: "his wife,"."""

RELATIVE_AFTER = re.compile(rf"[\s,]{{0,2}}\(?[\s,]?(?:(?:his|her|the|their|patient's)\s)?{_RELATION}\b", re.IGNORECASE)
"""The same behind a name: "(daughter)"."""

CARET_NAME = re.compile(r"(?<![\w^])[^\W\d_][\w'\u2019 -]{0,40}\^[^\W\d_][\w'\u2019 .^-]{0,40}")
"""A name as DICOM writes it: `FAMILY^GIVEN` (PS3.5 6.2, PN)."""

DESCRIBED = re.compile(
    r"[ \n](?:is|was)[ \n]an?[ \n](?:\S{1,20}[ \n]){0,4}?(?:\d{1,3}[ -]?y|\S*-year|man|woman|male|female"
    r"|gentleman|lady|boy|girl|widow|infant)"
)
"""What a note says of a person behind the name: "is a 60-year-old"."""

INITIALS = re.compile(r"\bby\s{1,2}(?P<initials>[A-Za-z]{2,3})(?=\s*(?:[.\n/]|$))")
"""The initials of whoever signs a note ("by ab" at the end of a line)."""
