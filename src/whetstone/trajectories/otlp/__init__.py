"""Trajectories from OpenTelemetry traces (OTLP), by the GenAI and OpenInference conventions."""
