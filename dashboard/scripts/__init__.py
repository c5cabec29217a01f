"""Scripts that make a chart again with plain transformers, pandas and Plotly."""
