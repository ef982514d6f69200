"""The reading room: a reader looks, corrects and signs in the browser.

``database`` holds what was read and by whom, with a chain of hashes over every change; ``images``
serves the voxels; ``reading`` turns a reader's entries into a course and assesses it; ``trial`` is
the central review of a trial; ``web`` is the server. Research use only, not a medical device.
"""
