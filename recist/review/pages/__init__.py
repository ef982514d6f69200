"""What the browser shows: pages, scripts and styles as files, with no build step and no network.

The pages compute nothing: every number on them comes from the API. They hold no script in their
markup, so that the server can forbid any that did not come as a file of this folder.
"""

from __future__ import annotations

from pathlib import Path

#: Served as it is: ``/`` is ``index.html``.
FOLDER = Path(__file__).parent
