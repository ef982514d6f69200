"""Tables as people send them: CSV, xlsx and parquet as rows of text, none of them lost."""
