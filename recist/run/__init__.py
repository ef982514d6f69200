"""Many patients: from folders of studies or tables to results, with progress."""
