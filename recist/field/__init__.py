"""Inside or outside the irradiated field: classes with their grounds, profiles, sets of lesions."""
