"""DMP: the shared patient record. Layers: edge | adapters -> use_cases -> fhir -> domain."""
