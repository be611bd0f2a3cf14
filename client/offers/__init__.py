"""What services offer, as their live workers say: read with care, and turned into types, documents and conversions."""
