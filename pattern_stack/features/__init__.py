"""Services built from atoms. docs/architecture.md says which file of them plays which role."""
