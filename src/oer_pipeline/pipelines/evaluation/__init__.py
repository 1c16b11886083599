"""Let the finished deployed policy visit every task, and hold the buffers against those
visits."""
