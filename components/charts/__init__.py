"""Pure Plotly: tables and arrays in, figures out; no Streamlit, no engine."""
