"""Images out of an archive and results into it, by DIMSE or DICOMweb.

Nothing here knows of lesions: instances are fetched and sent, and each one is accounted for.
"""
