"""A cell's metrics, tables and figures."""
