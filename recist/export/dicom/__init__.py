"""Results as DICOM objects: what a PACS, a viewer or a planning system takes."""
