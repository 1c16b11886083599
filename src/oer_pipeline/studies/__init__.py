"""Grids of cells on Dask's workers, and the reports that end them."""
