"""Work that is done again and again, captured once and replayed; `replay` is what the
others use of it."""
