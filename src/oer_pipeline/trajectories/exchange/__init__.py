"""Other people's formats: reading a task's data from them, and writing tables and
replay buffers to them."""
