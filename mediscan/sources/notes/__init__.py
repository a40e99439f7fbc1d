"""Notes: text in, sections with their times out.

- `sections`: a note cut into its sections (`vocabulary` and `headings` say what opens one, `marks` where it is written,
  `prose` what stands under none)
- `times`: dates and times as notes write them
- `encodings`: bytes to text (`markup` takes HTML and RTF off)
- `text_files`, `json_lines`: sources of studies
- `structured_report`: DICOM SR to sections
"""
