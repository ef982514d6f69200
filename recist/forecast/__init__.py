"""Growth of lesions, and who stays oligometastatic: models, with what is assumed said."""

from __future__ import annotations

from recist.forecast.files import forecast_file

__all__ = ["forecast_file"]
