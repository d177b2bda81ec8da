"""Raw downloads: JSON, CSV, ZIP and Parquet, streamed."""
