"""SURGERIES: the ways to change a policy's architecture at transfer."""

from __future__ import annotations

from .adapters import Adaptable, Adapters
from .surgery import SURGERIES, Surgery, SurgeryRow, operate, require_whole

__all__ = ["SURGERIES", "Adaptable", "Adapters", "Surgery", "SurgeryRow", "operate", "require_whole"]
