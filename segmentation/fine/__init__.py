"""Small lesions on CT: one network on a grid that is matched to the lesion."""
