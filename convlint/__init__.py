"""convlint: what a PyTorch engineer runs before exporting a model."""

__version__ = "0.1.0"
