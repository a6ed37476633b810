"""The server: OTLP in, PostgreSQL, analysis, API and pages out."""
