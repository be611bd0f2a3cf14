"""The documentation site beside its pages: what is generated for it, and what is checked once it is built."""
