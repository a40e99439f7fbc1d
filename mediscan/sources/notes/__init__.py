"""Notes: text in, sections with their times out.

- `sections`: a note cut into its sections (`vocabulary`, `letterheads`, `words`, `spelling` and `headings` say what
  opens one, `shapes`, `mark`, `marks`, `colons`, `addenda` and `signatures` how it is written, `reading` where it opens
  and ends, `trimming` what is around it, `manner` what kind of note it is, `prose` what stands under no heading)
- `times`: dates and times as notes write them
- `encodings`: bytes to text (`markup` takes HTML and RTF off)
- `text_files`, `json_lines`: sources of studies
- `structured_report`: DICOM SR to sections
"""
