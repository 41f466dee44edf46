"""The composition root: settings -> the parts wired together. The page, the REST doors and the evaluation use this."""

from pilot.services.services import Services, SqlAnswer, SqlReading
from pilot.services.sources import SAMPLE_SOURCE
from pilot.services.turns import unexpected

__all__ = ["SAMPLE_SOURCE", "Services", "SqlAnswer", "SqlReading", "unexpected"]
