"""The network for few cases: kernel machines over frozen features, fitted in closed form and added up."""

from mediscan.model.kernel.head import KernelHead, gaussian_kernel
from mediscan.model.kernel.network import KernelNetwork

__all__ = ["KernelHead", "KernelNetwork", "gaussian_kernel"]
