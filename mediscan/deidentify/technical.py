"""What text of a header is technical: attributes that may keep theirs, and words that a description may keep."""

import re

_KEYWORDS = """
AcquisitionDeviceProcessingCode AlgorithmName AlgorithmSource AlgorithmVersion AttenuationCorrectionMethod
CardiacFramingType CodeMeaning CodeValue CodingSchemeDesignator CodingSchemeRegistry CodingSchemeVersion
ContrastBolusRoute ConvolutionKernel DetectorLinesOfResponseUsed DetectorManufacturerModelName
DetectorManufacturerName DigitalImageFormatAcquired DimensionDescriptionLabel EnergyWindowName
FilterType ImagedNucleus LongCodeValue LUTExplanation LUTLabel Manufacturer
ManufacturerModelName ModalityLUTType MultiCoilElementName OpticalPathIdentifier OutputPower PhosphorType PlateType
PostprocessingFunction ProcessingFunction PulseSequenceName PVCRejection Radionuclide Radiopharmaceutical
RadiopharmaceuticalRoute RadiationMachineName ReceiveCoilManufacturerName ReceiveCoilName ReconstructionMethod
RescaleType ScatterCorrectionMethod SecondaryCaptureDeviceManufacturer SecondaryCaptureDeviceManufacturerModelName
SecondaryCaptureDeviceSoftwareVersions SegmentAlgorithmName SegmentLabel SequenceName SoftwareVersions StackID
TransmitCoilManufacturerName TransmitCoilName TriggerSourceOrType TypeOfFilters VideoImageFormatAcquired
WindowCenterWidthExplanation
"""
_VOCABULARY = """
2D 3D 4D ABD ABDOMEN ABDOMINAL ABDOMINOPELVIC ACQUISITION ADC ADRENAL ANGIO ANGIOGRAPHY ANKLE ANTERIOR AORTA AP ARM
ART ARTERIAL ARTHROGRAM ATTENUATION AX AXIAL AXIS BILATERAL BIPLANE BLADDER BODY BOLD BONE BRAIN BREAST BRONCHI
CALF CAP CARDIAC CAROTID CC CEREBRAL CERV CERVICAL CHEST CINE CLAVICLE COCCYX COLON CONTRAST COR CORONAL CORONARY
CR CRANIUM CT CTA CYSTOGRAM DECUBITUS DELAYED DERIVED DIFFUSION DUAL DWI DX DYNAMIC ECHO ELBOW ENERGY EPI ERECT
ESOPHAGUS EXPIRATION FACE FAST FAT FEMUR FFE FIESTA FINGER FLAIR FLASH FOOT FOREARM FOV FRONTAL FS GALLBLADDER
GRADIENT GRE HAND HEAD HEART HIGH HIP HIPS HUMERUS IMAGE INFERIOR INSPIRATION INTERNAL IR JOINT KIDNEY KIDNEYS KNEE
KUB LAT LATERAL LEFT LEG LIVER LOCALIZER LONG LOW LOWER LSPINE LUMBAR LUNG LUNGS MAMMOGRAM MAMMOGRAPHY MANDIBLE MAP
MEDIAL MEDIASTINUM MG MIP MLO MOBILE MONO MPR MPRAGE MR MRA MRI NASAL NECK NM OBLIQUE ODONTOID ORBIT ORBITS PA
PANCREAS PATELLA PEDIATRIC PELVIS PERFUSION PERIPHERAL PET PHASE PLAIN POLYP PORTABLE PORTAL POST POSTERIOR PRE
PROSTATE PROTON RADIUS RECON RECONSTRUCTION RECTUM RENAL RESPIRATORY RF RIB RIBS RIGHT ROUTINE SACRUM SAG SAGITTAL
SCAN SCAPULA SCOUT SE SERIES SHORT SHOULDER SINUS SINUSES SKULL SLICE SMALL SOFT SPECT SPIN SPINE SPLEEN STANDARD
STERNUM STIR STUDY SUPERIOR SUPINE SURVEY SWALLOW SWI T1 T1W T2 T2W TEMPORAL THICK THIGH THIN THORACIC
THORACOLUMBAR THORAX THYROID TIB TIBIA TIME TISSUE TOE TOF TOMO TOMOSYNTHESIS TOPOGRAM TRANSVERSE TSE TURBO ULNA
ULTRASOUND UPPER UPRIGHT US UTERUS VASCULAR VEIN VENOUS VERTEBRA VIEW VIEWS VOLUME WEIGHTED WHOLE WINDOW WITH
WITHOUT WRIST WRISTS XA XR
"""
TECHNICAL_TEXT = frozenset(_KEYWORDS.split())
"""Keywords of text attributes that describe equipment, algorithms, units or codes, and are kept."""

WORDS = frozenset(_VOCABULARY.split())
"""Words of study, series and protocol descriptions that cannot name anybody; all others go."""

_WORD = re.compile(r"[^\W_]+")


def technical_words(text: str) -> str:
    """The words of a description that are in the vocabulary, in their order and case, one space between."""
    return " ".join(word for word in _WORD.findall(text) if word.upper() in WORDS)
