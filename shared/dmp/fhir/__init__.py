"""The wire: FHIR R4 JSON to the domain and back; pure."""
