"""Response criteria, one module each: the same course in, assessments with reasons out."""
