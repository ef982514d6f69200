"""What a radiologist reads: one self-contained page per patient."""
