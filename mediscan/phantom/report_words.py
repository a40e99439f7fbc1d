"""How the phantom's reports put things. `{…}` is filled by the report's writer; grades run from least to most."""

from collections.abc import Mapping
from types import MappingProxyType

from mediscan.phantom.rules import Pattern, ViewPosition
from mediscan.phantom.variants import DeviceKind

TECHNIQUE: Mapping[ViewPosition, tuple[str, ...]] = MappingProxyType(
    {
        ViewPosition.PA: ("PA radiograph, {views}.", "Erect PA film, {views}.", "Frontal PA chest, {views}."),
        ViewPosition.AP: (
            "AP radiograph, {views}.",
            "Portable AP film, {views}.",
            "AP bedside chest, {views}, shoulder blades over the lungs.",
        ),
    }
)
VIEWS = ("no lateral", "with lateral")
LEANING = (
    "Patient {grade} to the {side}.",
    "{grade} to the {side}, about {degrees} degrees.",
    "The chest is {grade} to the {side}.",
)
LEAN_GRADES = ("slightly tilted", "tilted", "markedly tilted")
UPRIGHT = ("Not tilted.", "Patient straight.", "Well positioned.")
INSPIRATION = ("Poor inspiration", "Moderate inspiration", "Good inspiration", "Deep inspiration")
INSPIRATION_FORMS = ("{grade}.", "{grade}, lungs {cm} cm tall.", "{grade}, lung height {cm} cm.")

HEART_GRADES = (
    "Small heart",
    "Heart of normal size",
    "Heart size at the upper limit of normal",
    "Mildly enlarged heart",
    "Moderately enlarged heart",
    "Grossly enlarged heart",
)
HEART_FORMS = (
    "{grade}, cardiothoracic ratio {ctr}.",
    "{grade} (CTR {ctr}).",
    "{grade}; heart width {percent} % of the chest.",
)

FINDING_FORMS: Mapping[Pattern, tuple[str, ...]] = MappingProxyType(
    {
        Pattern.FOCAL_OPACITY: (
            "{density} opacity in the {side} {zone} zone, {place}, {width} x {height} cm, {shape}.",
            "{density}, patchy consolidation of the {side} {zone} zone, {place}, {shape}, {width} x {height} cm.",
            "{side} {zone} zone airspace opacity, {density}, {place}, about {width} cm wide and {height} cm tall.",
        ),
        Pattern.NODULE: (
            "Round {place} nodule of {width} cm in the {side} {zone} zone.",
            "{side} {zone} zone: solitary well-defined nodule, {width} cm, {place}.",
            "A {width} cm rounded nodule projects over the {side} {zone} zone, {place}.",
        ),
        Pattern.EFFUSION: (
            "{grade} {side} pleural effusion, rising {height} cm along the wall.",
            "{side} costophrenic angle blunted by a {grade} effusion of {height} cm.",
            "{grade} effusion on the {side}, level {height} cm above the angle.",
        ),
        Pattern.BILATERAL_HAZE: (
            "{grade} bilateral perihilar haze.",
            "{grade} hazy opacification of both lungs.",
            "{grade} diffuse haze on both sides, central.",
        ),
    }
)
OPACITY_DENSITY = ("faint", "moderately dense", "dense")
OPACITY_SHAPE = ("broader than tall", "rounded", "taller than broad")
EFFUSION_GRADES = ("small", "moderate", "large")
HAZE_GRADES = ("mild", "moderate", "marked")
PLACES = ("central", "mid-lung", "peripheral")

ABSENT: Mapping[Pattern, tuple[str, ...]] = MappingProxyType(
    {
        Pattern.FOCAL_OPACITY: ("No focal consolidation.", "No airspace opacity.", "No consolidation."),
        Pattern.NODULE: ("No nodule.", "No discrete nodule.", "No mass or nodule seen."),
        Pattern.EFFUSION: ("No effusion.", "Costophrenic angles clear.", "No pleural effusion."),
        Pattern.BILATERAL_HAZE: ("No diffuse haze.", "Lungs not hazy.", "No perihilar haze."),
    }
)

RAISED = ("{side} hemidiaphragm raised by {cm} cm.", "Elevated {side} hemidiaphragm, {cm} cm higher.")
LEVEL = ("Hemidiaphragms level.", "Diaphragm normal on both sides.", "{side} hemidiaphragm {cm} cm higher, normal.")
BENT = ("Thoracic scoliosis convex to the {side}.", "Spine curved, convex to the {side}.", "{side} convex scoliosis.")
STRAIGHT = ("Spine straight.", "No scoliosis.", "Spine in line.")
DEVICES: Mapping[DeviceKind, tuple[str, ...]] = MappingProxyType(
    {
        DeviceKind.PACEMAKER: (
            "{side} chest wall pacemaker, lead in the right ventricle.",
            "Pacemaker on the {side} with one lead.",
            "Cardiac device, generator on the {side}.",
        ),
        DeviceKind.PORT: (
            "{side} chest port, catheter tip in the superior vena cava.",
            "Implanted port on the {side}.",
            "Port catheter from the {side}.",
        ),
    }
)
NO_DEVICE = ("No devices.", "No lines or devices.", "No implanted device.")
BREASTS = ("Small breast shadows.", "Breast shadows.", "Large breast shadows over the bases.")
NO_BREASTS = ("No breast shadows.", "Male chest.")
WALL = ("Thin chest wall.", "Chest wall of normal thickness.", "Thick chest wall.")
MARKER = ("L marker in the upper corner.", "Side marker present.")
NO_MARKER = ("No side marker.", "Side marker missing.")
COLLIMATED = ("Collimated border visible.", "Dark collimation margins.")

SUMMARY: Mapping[Pattern, tuple[str, ...]] = MappingProxyType(
    {
        Pattern.FOCAL_OPACITY: ("{side} {zone} zone consolidation", "{side} {zone} zone opacity"),
        Pattern.NODULE: ("{side} {zone} zone nodule", "nodule in the {side} {zone} zone"),
        Pattern.EFFUSION: ("{side} effusion", "{side} pleural effusion"),
        Pattern.BILATERAL_HAZE: ("bilateral haze", "diffuse haze of both lungs"),
        Pattern.ENLARGED_HEART: ("enlarged heart", "cardiac enlargement"),
    }
)
NOTHING = ("No acute abnormality.", "Normal chest.", "Clear lungs, heart of normal size.")
