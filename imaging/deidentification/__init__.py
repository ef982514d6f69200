"""DICOM without the person: the profiles of PS3.15 annex E, with what a response needs kept.

Intervals between dates, links between objects, and the patient's weight and size stay; the way back
is a key file that is kept apart.
"""
