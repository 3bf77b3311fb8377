"""Prints the JSON Schema of depot.yaml: ``python -m optimiser.inputs > optimiser/depot.schema.json``."""

from __future__ import annotations

import json
import sys

from optimiser.inputs.schema import depot_schema

sys.stdout.write(json.dumps(depot_schema(), indent=2) + "\n")
