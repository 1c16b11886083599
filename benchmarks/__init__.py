"""The project's figures: `python -m benchmarks [NAME]` measures them into
benchmarks/results.json."""
