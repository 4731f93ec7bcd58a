"""pan115kit: uploads to the 115 cloud drive from notebooks and scripts."""

__version__ = "0.1.0"
