"""Kedro pipelines: nodes are thin, pipelines follow the plan's suite."""

import warnings

# Datasets are named task_k.what, which is what Kedro's namespaces would call them.
warnings.filterwarnings("ignore", message="One or more dataset names contain '.'")
