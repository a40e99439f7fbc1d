"""Weights from elsewhere: read without running anything, matched by name, and accounted for."""

from mediscan.model.transfer.initial import InitialReport, load_initial
from mediscan.model.transfer.load import load_image_weights
from mediscan.model.transfer.report import TransferReport

__all__ = ["InitialReport", "TransferReport", "load_image_weights", "load_initial"]
