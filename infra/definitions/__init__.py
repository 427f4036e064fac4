"""From the official FHIR definitions to the tables that dmp.fhir reads."""
