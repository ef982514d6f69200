"""What other programs read: tables, JSON, DICOM SEG."""
