"""Growth of lesions, and who stays oligometastatic: models, with what is assumed said."""

from __future__ import annotations

from recist.forecast.forecast_files import forecast_file

__all__ = ["forecast_file"]
