"""DMP: the shared patient record. Layers: edge | adapters -> use_cases -> fhir -> domain."""

import gc

# What a cold start makes stays: to look through it for garbage at every 700 objects is a sixth of
# its time. The collector goes on, less often; what it then leaves lying is some tens of megabytes.
gc.set_threshold(200_000, 10, 10)
